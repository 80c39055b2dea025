package convert

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"text/tabwriter"

	"trit/bitlinear/quant"
	"trit/format/gguf"
	"trit/format/safetensors"
	"trit/train/checkpoint"
)

// Inspection is what is in a model file or folder.
type Inspection struct {
	Path     string       `json:"path"`
	Format   string       `json:"format"` // "gguf", "safetensors" or "checkpoint"
	Metadata []Entry      `json:"metadata"`
	Tensors  []TensorView `json:"tensors"`
	Bytes    uint64       `json:"bytes"` // of all tensors
}

// Entry is a key of the metadata with its value; lists are shown by their length.
type Entry struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// TensorView is one tensor.
type TensorView struct {
	Name  string   `json:"name"`
	Type  string   `json:"type"`
	Shape []int    `json:"shape"` // row-major
	Bytes uint64   `json:"bytes"`
	Zeros *float64 `json:"zeros,omitempty"` // share of zeros of a ternary tensor
	Scale *float32 `json:"scale,omitempty"`
}

// Inspect looks into a GGUF file, a safetensors file, or a model folder.
func Inspect(path string) (*Inspection, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return inspectFolder(path)
	}
	if strings.HasSuffix(path, ".safetensors") {
		return inspectSafetensors(path, path, "safetensors", nil)
	}
	return inspectGGUF(path)
}

func inspectFolder(path string) (*Inspection, error) {
	m, err := checkpoint.LoadModel(path)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	c := reflect.ValueOf(m.Config.Config)
	entries := []Entry{{"architectures", m.Config.Architectures}}
	for i := range c.NumField() {
		entries = append(entries, Entry{c.Type().Field(i).Tag.Get("json"), c.Field(i).Interface()})
	}
	entries = append(entries, Entry{"parameters", m.Config.Parameters()})
	return inspectSafetensors(path, m.Dir, "checkpoint", entries)
}

func inspectSafetensors(path, weights, format string, entries []Entry) (*Inspection, error) {
	f, err := safetensors.Open(weights)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &Inspection{Path: path, Format: format, Metadata: entries}
	for k, v := range f.Metadata() {
		r.Metadata = append(r.Metadata, Entry{k, v})
	}
	for _, t := range f.Tensors() {
		r.Tensors = append(r.Tensors, TensorView{Name: t.Name, Type: t.DType, Shape: t.Shape, Bytes: uint64(t.Bytes())})
		r.Bytes += uint64(t.Bytes())
	}
	return r, nil
}

func inspectGGUF(path string) (*Inspection, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &Inspection{Path: path, Format: "gguf"}
	for _, k := range f.Metadata.Keys {
		v, _ := f.Metadata.Get(k)
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.Slice {
			v = fmt.Sprintf("%d values", rv.Len())
		}
		r.Metadata = append(r.Metadata, Entry{k, v})
	}
	for _, t := range f.Tensors {
		view := TensorView{Name: t.Name, Type: t.Type.String(), Bytes: t.Size}
		for i := range t.Dims {
			view.Shape = append(view.Shape, int(t.Dims[len(t.Dims)-1-i]))
		}
		if t.Type == gguf.I2_S {
			zeros, scale := i2sZeros(f.Data(t)), gguf.I2SScale(f.Data(t))
			view.Zeros, view.Scale = &zeros, &scale
		}
		r.Tensors = append(r.Tensors, view)
		r.Bytes += t.Size
	}
	return r, nil
}

// i2sZeros is the share of zeros, code 1, among the 2-bit codes of a tensor.
func i2sZeros(data []byte) float64 {
	codes := data[:len(data)-quant.BlockBytes]
	zeros := 0
	for _, b := range codes {
		for shift := 0; shift < 8; shift += 2 {
			if b>>shift&3 == 1 {
				zeros++
			}
		}
	}
	return float64(zeros) / float64(max(4*len(codes), 1))
}

// WriteText prints the inspection as tables.
func (r *Inspection) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s: %s, %d tensors, %.1f MB\n\n", r.Path, r.Format, len(r.Tensors), float64(r.Bytes)/1e6)
	for _, e := range r.Metadata {
		fmt.Fprintf(t, "%s\t%.80s\n", e.Key, fmt.Sprint(e.Value))
	}
	fmt.Fprint(t, "\ntensor\ttype\tshape\tbytes\tzeros\tscale\n")
	for _, v := range r.Tensors {
		fmt.Fprintf(t, "%s\t%s\t%v\t%d\t", v.Name, v.Type, v.Shape, v.Bytes)
		if v.Zeros != nil {
			fmt.Fprintf(t, "%.1f %%\t%.6g", 100**v.Zeros, *v.Scale)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// Package inspect shows the content of a model file or folder: its metadata, its tensors, the
// shares of zeros and the scales of its ternary weights, and problems of other engines with it.
package inspect

import (
	"fmt"
	"math"
	"os"
	"reflect"
	"strings"

	"trit/convert/source"
	"trit/format/gguf"
	"trit/format/hffolder"
	"trit/format/safetensors"
	"trit/setting"
)

// Inspection is the content of a model file or folder.
type Inspection struct {
	Path     string       `json:"path"`
	Format   string       `json:"format"`         // "gguf", "safetensors" or "folder"
	Form     string       `json:"form,omitempty"` // of a model that can be converted
	Metadata []Entry      `json:"metadata"`
	Tensors  []TensorView `json:"tensors"`
	Bytes    uint64       `json:"bytes"`            // of all tensors
	Layers   []LayerView  `json:"layers,omitempty"` // the ternary weights of each block
	Scales   []Bin        `json:"scales,omitempty"` // histogram of the scales of ternary weights

	Notes    []setting.Note `json:"notes,omitempty"`    // assumptions of the reader
	Warnings []setting.Note `json:"warnings,omitempty"` // problems of other engines with the file, and faults
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
	Zeros *float64 `json:"zeros,omitempty"` // share of zeros of a ternary weight
	Scale *float32 `json:"scale,omitempty"` // of a ternary weight: W = scale * q
}

// Options say how to read a model, and how much of it.
type Options struct {
	source.Options
	HeadersOnly bool // do not read weights for their shares of zeros and scales
}

// Read inspects a GGUF file, a safetensors file, a model folder, or the newest checkpoint of a
// run. If it is no model that can be converted, a warning says why, and the rest is listed all
// the same.
func Read(path string, o Options) (*Inspection, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	var r *Inspection
	switch {
	case info.IsDir():
		r, err = inspectFolder(path, o.Set)
	case strings.HasSuffix(path, ".safetensors"):
		return inspectSafetensors(path, path, "safetensors", nil)
	default:
		r, err = inspectGGUF(path)
	}
	if err != nil {
		return nil, err
	}
	if err := r.measure(o); err != nil {
		r.Warnings = append([]setting.Note{notConvertible(err)}, r.Warnings...)
	}
	return r, nil
}

// notConvertible is the warning for a model that cannot be converted. It keeps the fields of
// options in braces, so that a front end can name them.
func notConvertible(err error) setting.Note {
	text := setting.Text(err, func(field string) string { return "{" + field + "}" })
	return setting.Note("not a model that can be converted: " + text)
}

func inspectFolder(path string, set []string) (*Inspection, error) {
	m, err := hffolder.Open(path, set...)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	entries := append([]Entry{{"architectures", m.Config.Architectures}}, entriesOf(reflect.ValueOf(m.Config.Config))...)
	if q := m.Config.QuantizationConfig; q != nil {
		said := strings.Fields(q.QuantMethod + " " + q.LinearClass + " " + q.QuantizationMode)
		entries = append(entries, Entry{"quantization_config", strings.Join(said, ", ")})
	}
	entries = append(entries, Entry{"parameters", m.Config.Parameters()})
	return inspectSafetensors(path, m.Dir, "folder", entries)
}

// entriesOf are the fields of a struct that config.json has, those of structs in it too.
func entriesOf(v reflect.Value) (entries []Entry) {
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		switch f := v.Field(i); {
		case key == "-":
		case f.Kind() == reflect.Struct:
			entries = append(entries, entriesOf(f)...)
		default:
			entries = append(entries, Entry{key, f.Interface()})
		}
	}
	return entries
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

// EngineWarnings names what other engines trip over in a GGUF file that is sound. There is
// nothing to say of folders.
func EngineWarnings(path string) ([]setting.Note, error) {
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return nil, err
	}
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ggufWarnings(f), nil
}

func inspectGGUF(path string) (*Inspection, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &Inspection{Path: path, Format: "gguf", Warnings: ggufWarnings(f)}
	for _, k := range f.Metadata.Keys {
		v, _ := f.Metadata.Get(k)
		r.Metadata = append(r.Metadata, Entry{k, shown(v)})
	}
	for _, t := range f.Tensors {
		view := TensorView{Name: t.Name, Type: t.Type.String(), Bytes: t.Size}
		for i := range t.Dims {
			view.Shape = append(view.Shape, int(t.Dims[len(t.Dims)-1-i]))
		}
		r.Tensors = append(r.Tensors, view)
		r.Bytes += t.Size
	}
	return r, nil
}

// shown is a value of the metadata for Entry: a list is its length, and a number that JSON cannot
// hold is text.
func shown(v any) any {
	switch rv := reflect.ValueOf(v); rv.Kind() {
	case reflect.Slice:
		return fmt.Sprintf("%d values", rv.Len())
	case reflect.Float32, reflect.Float64:
		if f := rv.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Sprint(f)
		}
	}
	return v
}

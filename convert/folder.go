package convert

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"trit/convert/source"
	"trit/format/gguf"
	"trit/format/hffolder"
	"trit/format/safetensors"
	"trit/internal/atomicfile"
	"trit/internal/float16"
	"trit/model"
	"trit/setting"
)

// folderWriter writes a model as a Hugging Face folder.
type folderWriter struct {
	out     string
	options Options

	model         *source.Model
	packed        bool          // reports whether ternary weights are written as codes
	rule          model.Storage // of the scales, if packed
	weightType    gguf.Type     // of master weights, if not packed
	embeddingType gguf.Type
	config        *model.HFConfig
	tensors       []safetensors.TensorInfo
	planned       *plan

	dir     string // the temporary name; "" before begin
	release func() // of the lock on it
	*hffolder.WeightsWriter
}

func (f *folderWriter) plan(m *source.Model) (*plan, error) {
	if f.options.Unrotate {
		m = m.Unrotated()
	}
	f.model = m
	if err := f.checkBasis(); err != nil {
		return nil, err
	}
	if err := f.chooseTypes(); err != nil {
		return nil, err
	}
	f.config = f.configuration()
	f.planned = &plan{model: f.model, architecture: f.config.Architectures[0]}
	return f.planned, f.planTensors()
}

// checkBasis refuses weights in a rotated basis, of which a config.json has no word.
func (f *folderWriter) checkBasis() error {
	switch {
	case f.options.Rotate != 0:
		return setting.Needs(rotateField,
			fmt.Sprintf("{%s} is for GGUF files: a folder has no keys of a rotated basis", rotateField), "")
	case f.model.Config.Basis != nil:
		return setting.Needs(unrotateField, "the weights are in a rotated basis, of which a folder has no keys",
			fmt.Sprintf("{%s} turns them back", unrotateField))
	}
	return nil
}

// chooseTypes sets the types of the options, or the defaults.
func (f *folderWriter) chooseTypes() error {
	if f.options.Pad {
		return setting.Needs(padField,
			fmt.Sprintf("{%s} is for the types of GGUF files: a folder holds rows of any size", padField), "")
	}
	weight := f.options.Type
	if weight == "" {
		weight = f.usualType()
	}
	embedding := f.options.EmbeddingType
	if embedding == "" {
		if embedding = weight; weight.is(Packed) {
			embedding = BF16
		}
	}
	if f.packed = weight.is(Packed); f.packed {
		if !f.model.Config.Ternary {
			return &setting.Error{Field: typeField,
				Problem: fmt.Sprintf("{%s} %s is for models with ternary weights: this one is in full precision; want "+
					"bf16, f16 or f32", typeField, Packed)}
		}
		f.model = f.model.Folded()
		f.rule = model.PackedMultiply
		if !f.model.Config.SubNorms {
			f.rule = model.PackedDivide // the rule of all published packed Llamas
		}
		weight = F32
	}
	if c := f.model.Config; c.DeadzoneBias != 0 && (f.packed || !f.model.HasMasters()) {
		return setting.Needs(typeField, fmt.Sprintf("deadzone_bias is %g: the bias is of master weights, which codes do not "+
			"tell", c.DeadzoneBias),
			fmt.Sprintf("{%s} %s or %s writes master weights, where the model has them", typeField, BF16, F32))
	}
	if why := f.unrounded(); why != "" && !f.packed && !weight.is(F32) {
		return setting.Needs(typeField, why, fmt.Sprintf("{%s} %s or %s keeps them", typeField, F32, Packed))
	}
	types := []gguf.Type{gguf.BF16, gguf.F16, gguf.F32}
	var errWeight, errEmbedding error
	f.weightType, errWeight = weight.among(types, typeField,
		" for a folder (packed, for ternary weights, or master weights in a floating-point type)")
	f.embeddingType, errEmbedding = embedding.among(types, embeddingField, " for a folder")
	return errors.Join(errWeight, errEmbedding)
}

// usualType is the default type of projections.
func (f *folderWriter) usualType() Type {
	switch {
	case f.model.Config.Ternary && !f.model.HasMasters():
		return Packed
	case f.unrounded() != "":
		return F32
	case f.model.Trained != nil: // whose scales are exact in half precision
		return F16
	}
	return BF16
}

// unrounded says why master weights must not be rounded to 16 bits, or "".
func (f *folderWriter) unrounded() string {
	switch c := f.model.Config; {
	case c.Sign:
		return "b1's weights are signs around their mean, which rounding moves"
	case c.HalfScales:
		return "half_scales rounds the mean of the weights' sizes, which rounding moves to another half-precision number"
	}
	return ""
}

// configuration is the config.json of the folder.
func (f *folderWriter) configuration() *model.HFConfig {
	from := f.model.Config
	c := model.ForTraining(from.Config, -1, -1)
	c.BOSTokenID, c.EOSTokenID = from.BOSTokenID, from.EOSTokenID
	c.TorchDType = map[gguf.Type]string{gguf.BF16: "bfloat16", gguf.F16: "float16", gguf.F32: "float32"}[f.embeddingType]
	switch {
	case f.packed && f.rule == model.PackedMultiply:
		c.QuantizationConfig.QuantizationMode = "offline"
	case f.packed:
		c.QuantizationConfig.LinearClass, c.QuantizationConfig.QuantizationMode = "", ""
	}
	if f.packed {
		c.Sign, c.HalfScales = false, false // these say how master weights are rounded
	}
	return c
}

// planTensors lists the tensors in the order of the model.
func (f *folderWriter) planTensors() error {
	var errs []error
	for _, spec := range f.model.Config.Tensors() {
		switch {
		case !spec.Ternary || !f.packed:
			typ := f.typeOf(spec)
			f.add(spec, spec.Name, typ.String(), spec.FolderShape(), func() (*output, error) { return f.dense(spec, typ) })
		case spec.Shape[0]%4 != 0:
			errs = append(errs, &model.Fault{Tensors: []string{spec.Name}, Err: setting.Needs(typeField,
				fmt.Sprintf("%d rows do not fit packed folders", spec.Shape[0]),
				fmt.Sprintf("these hold four rows in a byte, so the number must be a multiple of 4; "+
					"{%s} %s writes master weights", typeField, BF16))})
		default:
			if err := f.addPacked(spec); err != nil {
				return err
			}
		}
	}
	return model.JoinFirst(errs)
}

// add plans a tensor that is made of a weight.
func (f *folderWriter) add(spec model.TensorSpec, name, dtype string, shape []int, open func() (*output, error)) {
	info := safetensors.TensorInfo{Name: name, DType: dtype, Shape: shape}
	f.tensors = append(f.tensors, info)
	f.planned.tensors = append(f.planned.tensors,
		tensor{name: name, from: f.model.Name(spec), bytes: int64(info.Bytes()), open: open})
}

func (f *folderWriter) typeOf(spec model.TensorSpec) gguf.Type {
	if strings.HasSuffix(spec.Name, model.ALog) { // exp makes much of what 16 bits round
		return gguf.F32
	}
	if spec.Layer >= 0 && len(spec.Shape) == 2 {
		return f.weightType
	}
	return f.embeddingType
}

// addPacked plans the codes and the scale of a weight. It reads the scale, on which the type of
// its tensor depends.
func (f *folderWriter) addPacked(spec model.TensorSpec) error {
	t, err := f.model.Tensor(spec)
	if err != nil {
		return err
	}
	t.Release(0, t.Rows)
	value, dtype := storedScale(t.Scale, f.rule)
	if err := source.CheckScale(spec.Name, value); err != nil {
		return fmt.Errorf("a packed folder of this family holds the inverse of a scale, and float32 has none for %g: %w",
			t.Scale, err)
	}
	f.add(spec, spec.Name, "U8", []int{spec.Shape[0] / 4, spec.Shape[1]}, func() (*output, error) { return f.pack(spec) })
	f.add(spec, spec.Name+hffolder.ScaleSuffix, dtype.String(), []int{1},
		func() (*output, error) { return small(dtype, value) })
	return nil
}

// storedScale returns the number that a packed folder holds for a scale, and its type: BF16, as
// in published folders, if that is exact, else F32.
func storedScale(scale float32, rule model.Storage) (float32, gguf.Type) {
	if rule == model.PackedMultiply {
		if float16.BFromBits(float16.BBits(scale)) == scale {
			return scale, gguf.BF16
		}
		return scale, gguf.F32
	}
	inverse := 1 / scale
	if rounded := float16.BFromBits(float16.BBits(inverse)); 1/rounded == scale {
		return rounded, gguf.BF16
	}
	for _, v := range []float32{inverse, math.Nextafter32(inverse, 0), math.Nextafter32(inverse, math.MaxFloat32)} {
		if 1/v == scale {
			return v, gguf.F32
		}
	}
	return inverse, gguf.F32
}

// pack is the codes of a weight. A byte holds four rows, which are a quarter of all rows apart.
func (f *folderWriter) pack(spec model.TensorSpec) (*output, error) {
	t, err := f.model.Tensor(spec)
	if err != nil {
		return nil, err
	}
	quarter, count := t.Rows/4, &f.planned.zeros
	count.weights.Add(int64(t.Rows * t.Columns))
	fill := func(dst []byte, row, n int) error {
		var rows [4][]byte
		for i := range rows {
			rows[i] = make([]byte, t.Columns)
		}
		for i := range n {
			for part := range rows {
				if err := t.Codes(rows[part], part*quarter+row+i); err != nil {
					return err
				}
				count.zeros.Add(gguf.CountZeros(rows[part]))
			}
			hffolder.PackRows(dst[i*t.Columns:][:t.Columns], &rows)
		}
		return nil
	}
	return &output{rows: quarter, rowBytes: t.Columns, fill: fill, release: func(row, n int) {
		if row+n == quarter {
			t.Release(0, t.Rows)
		}
	}}, nil
}

// dense is a weight as numbers; a ternary weight becomes master weights.
func (f *folderWriter) dense(spec model.TensorSpec, typ gguf.Type) (*output, error) {
	t, err := f.model.Tensor(spec)
	if err == nil && t.IsTernary() {
		t, err = t.Masters(typ)
	}
	if err != nil {
		return nil, err
	}
	return f.planned.encoded(&encoder{t: t.InFolder(&f.model.Config.Config, spec), typ: typ}), nil
}

func (f *folderWriter) begin() (err error) {
	if f.dir, f.release, err = atomicfile.TempDir(filepath.Clean(f.out)); err == nil {
		f.WeightsWriter, err = hffolder.CreateWeights(f.dir, f.tensors)
	}
	return err
}

func (f *folderWriter) endTensor() error { return f.EndTensor() }

// finish writes the files beside the weights.
func (f *folderWriter) finish() error {
	if err := f.Close(); err != nil {
		return err
	}
	files, err := f.files()
	if err != nil {
		return err
	}
	if err := hffolder.WriteFiles(f.dir, files); err != nil {
		return err
	}
	return os.Chmod(f.dir, 0o755)
}

// files are the files of the source, config.json, and a card if the source has none.
func (f *folderWriter) files() (map[string][]byte, error) {
	files, err := f.model.Files()
	if err != nil {
		return nil, err
	}
	if files == nil {
		files = map[string][]byte{}
	}
	if files[hffolder.ConfigFile], err = hffolder.EncodeConfig(f.config); err != nil {
		return nil, err
	}
	if _, ok := files[hffolder.CardFile]; !ok {
		files[hffolder.CardFile], err = f.model.Card.Readme(f.model.Form)
	}
	return files, err
}

func (f *folderWriter) name() string { return f.dir }

func (f *folderWriter) commit() error { return atomicfile.ReplaceDir(f.dir, filepath.Clean(f.out)) }

func (f *folderWriter) discard() {
	if f.dir == "" {
		return
	}
	if f.WeightsWriter != nil {
		f.Discard()
	}
	os.RemoveAll(f.dir)
	f.release()
}

package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"trit/bitlinear/quant"
	"trit/format/gguf"
	"trit/model"
	"trit/tokenizer"
	"trit/train/checkpoint"
)

// Options say what to write.
type Options struct {
	Type          string // of the projections; "" is i2_s for ternary models, f32 for others
	EmbeddingType string // of embedding and head; "" is f16 for ternary models, else Type
	Force         bool   // replace an existing file
	Progress      func(done, total int64)
}

// Report says what was written.
type Report struct {
	Out          string
	Architecture string
	Tensors      int
	Bytes        int64
	Zeros        float64 // share of ternary weights that are 0
	Warnings     []string
}

// Lines is the report for people.
func (r *Report) Lines() []string {
	lines := []string{fmt.Sprintf("%s: %s, %d tensors, %.1f MB", r.Out, r.Architecture, r.Tensors, float64(r.Bytes)/1e6)}
	if r.Zeros > 0 {
		lines = append(lines, fmt.Sprintf("share of zeros among the ternary weights: %.1f %%", 100*r.Zeros))
	}
	for _, w := range r.Warnings {
		lines = append(lines, "warning: "+w)
	}
	return lines
}

// Convert writes the model in a Hugging Face folder, or in the newest checkpoint of a
// run, to one GGUF file, tensor by tensor. The file appears whole or not at all.
func Convert(ctx context.Context, in, out string, o Options) (*Report, error) {
	if _, err := os.Stat(out); err == nil && !o.Force {
		return nil, fmt.Errorf("%s exists: --force replaces it, or name another file", out)
	}
	m, err := checkpoint.LoadModel(in)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	c := &converter{ctx: ctx, model: m, options: o, report: Report{Out: out, Architecture: architecture(&m.Config.Config)}}
	if err := c.prepare(); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Dir, err)
	}
	meta, err := c.metadata()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Dir, err)
	}
	sources, err := c.sources()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Dir, err)
	}
	if err := gguf.WriteFile(out, meta, sources); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Dir, err)
	}
	return c.finish()
}

// converter is one conversion.
type converter struct {
	ctx           context.Context
	model         *checkpoint.Loaded
	options       Options
	family        family
	weightType    gguf.Type
	embeddingType gguf.Type
	report        Report
	done, total   int64
	zeros, codes  int64
}

func (c *converter) warn(format string, args ...any) {
	c.report.Warnings = append(c.report.Warnings, fmt.Sprintf(format, args...))
}

// prepare chooses the family and the types.
func (c *converter) prepare() error {
	cfg := c.model.Config
	var err error
	if c.family, err = familyOf(cfg, c.model.Weights); err != nil {
		return err
	}
	weight, embedding := "f32", c.options.EmbeddingType
	if cfg.Ternary {
		weight = "i2_s"
	}
	if c.options.Type != "" {
		weight = c.options.Type
	}
	if embedding == "" {
		if embedding = weight; strings.EqualFold(weight, "i2_s") {
			embedding = "f16"
		}
	}
	var errWeight, errEmbedding error
	c.weightType, errWeight = writable(weight, gguf.I2_S, gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0)
	c.embeddingType, errEmbedding = writable(embedding, gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0, gguf.Q6_K, gguf.Q4_0)
	if err := errors.Join(errWeight, errEmbedding); err != nil {
		return err
	}
	if cfg.Ternary != (c.weightType == gguf.I2_S) {
		return fmt.Errorf("type %s does not fit: config.json says a model with ternary weights is %v, and i2_s is for those alone", weight, cfg.Ternary)
	}
	if cfg.Ternary && cfg.QuantizationConfig == nil {
		c.warn("config.json has no quantization_config: the weights are taken for masters, to be quantised by their absmean")
	}
	if !cfg.TieWordEmbeddings && c.report.Architecture == "bitnet-b1.58" {
		c.warn("the head is not tied to the embedding: bitnet.cpp ignores output.weight for bitnet-b1.58")
	}
	return nil
}

func writable(name string, types ...gguf.Type) (gguf.Type, error) {
	for _, t := range types {
		if strings.EqualFold(t.String(), name) {
			return t, nil
		}
	}
	return 0, fmt.Errorf("type %q cannot be written here: want one of %v", name, types)
}

// sources lists the tensors to write, after checking that the folder has them all.
func (c *converter) sources() ([]gguf.Source, error) {
	var out []gguf.Source
	var errs []error
	for _, spec := range c.model.Config.Tensors() {
		name := c.family.name(spec)
		info, ok := c.model.Weights.Tensor(name)
		if !ok {
			errs = append(errs, fmt.Errorf("the tensor %s is missing", name))
			continue
		}
		s := gguf.Source{Name: spec.GGUF, Type: c.typeOf(spec), Dims: dims(spec.Shape)}
		if _, err := s.Type.Size(s.Dims); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		if !spec.Ternary && info.Elements() != spec.Elements() {
			errs = append(errs, fmt.Errorf("%s has shape %v: config.json wants %v", name, info.Shape, spec.Shape))
		}
		s.Write = func(w io.Writer) error { return c.write(w, spec, s.Type, int64(info.Bytes())) }
		c.total += int64(info.Bytes())
		out = append(out, s)
	}
	c.report.Tensors = len(out)
	return out, errors.Join(errs...)
}

func (c *converter) typeOf(spec model.TensorSpec) gguf.Type {
	switch {
	case len(spec.Shape) == 1:
		return gguf.F32
	case spec.Layer < 0:
		return c.embeddingType
	}
	return c.weightType
}

// dims are a shape in GGUF's order, the row length first.
func dims(shape []int) []uint64 {
	d := make([]uint64, len(shape))
	for i, n := range shape {
		d[len(shape)-1-i] = uint64(n)
	}
	return d
}

// write converts one tensor.
func (c *converter) write(w io.Writer, spec model.TensorSpec, t gguf.Type, size int64) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	var err error
	if t == gguf.I2_S {
		err = c.writeTernary(w, spec)
	} else {
		err = c.writeFloat(w, spec, t)
	}
	c.done += size
	if c.options.Progress != nil {
		c.options.Progress(c.done, c.total)
	}
	return err
}

func (c *converter) writeTernary(w io.Writer, spec model.TensorSpec) error {
	q := make([]int8, spec.Elements())
	scale, err := c.family.ternary(c.model.Weights, spec, q)
	if err != nil {
		return err
	}
	if heads := c.permutedHeads(spec); heads > 0 {
		q = permute(q, heads, spec.Shape[0], spec.Shape[1])
	}
	for _, v := range q {
		if v == 0 {
			c.zeros++
		}
	}
	c.codes += int64(len(q))
	out := make([]byte, len(q)/4+quant.BlockBytes)
	if err := quant.PackI2S(out[:len(q)/4], q); err != nil {
		return err
	}
	if err := gguf.Quantize(gguf.F32, out[len(q)/4:][:4], []float32{scale}); err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

func (c *converter) writeFloat(w io.Writer, spec model.TensorSpec, t gguf.Type) error {
	v, err := c.model.Weights.Float32(c.family.name(spec))
	if err != nil {
		return err
	}
	if heads := c.permutedHeads(spec); heads > 0 {
		v = permute(v, heads, spec.Shape[0], spec.Shape[1])
	}
	size, err := t.Size(dims(spec.Shape))
	if err != nil {
		return err
	}
	out := make([]byte, size)
	if err := gguf.Quantize(t, out, v); err != nil {
		return err
	}
	_, err = w.Write(out)
	return err
}

// permutedHeads is the number of heads of a weight whose rows GGUF wants permuted: the
// query and key projections of architecture llama. 0 for all others.
func (c *converter) permutedHeads(spec model.TensorSpec) int {
	cfg := c.model.Config
	switch {
	case c.report.Architecture != "llama" || spec.Layer < 0:
		return 0
	case spec.Name == model.LayerTensor(spec.Layer, model.QProj):
		return cfg.NumAttentionHeads
	case spec.Name == model.LayerTensor(spec.Layer, model.KProj):
		return cfg.NumKeyValueHeads
	}
	return 0
}

// permute reorders the rows of each head from halves to neighbours:
// reshape(heads, 2, rows/heads/2, K).swapaxes(1, 2).
func permute[T any](w []T, heads, rows, k int) []T {
	out := make([]T, len(w))
	half := rows / heads / 2
	for h := range heads {
		for i := range half {
			for part := range 2 {
				from, to := (h*2+part)*half+i, (h*half+i)*2+part
				copy(out[to*k:][:k], w[from*k:])
			}
		}
	}
	return out
}

func (c *converter) finish() (*Report, error) {
	info, err := os.Stat(c.report.Out)
	if err != nil {
		return nil, err
	}
	c.report.Bytes = info.Size()
	if c.codes > 0 {
		c.report.Zeros = float64(c.zeros) / float64(c.codes)
	}
	return &c.report, nil
}

// loadTokenizer reads the tokenizer of a folder; nil where there is none.
func loadTokenizer(dir string) (*tokenizer.Tokenizer, error) {
	if _, err := os.Stat(filepath.Join(dir, "tokenizer.json")); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return tokenizer.Load(dir)
}

package infer

import (
	"fmt"
	"slices"
	"strings"

	"trit/bitlinear/kernel"
	"trit/format/gguf"
	"trit/model"
)

// qwen3 is the architecture of BitNet embedding models, and of the models that they were
// made from.
const qwen3 = "qwen3"

// architectures that the engine runs; each but llama has rotate-half RoPE.
var architectures = []string{"bitnet-b1.58", "bitnet-25", "bitnet", "llama", qwen3}

func fromFile(f *gguf.File, o Options) (*Model, error) {
	c, arch, err := readConfig(f)
	if err != nil {
		return nil, err
	}
	m := &Model{config: c, file: f, pooling: readPooling(f, arch), interleaved: arch == "llama"}
	m.layers, m.rope = make([]layer, c.NumHiddenLayers), newRopeTable(c.HeadDim, c.RopeTheta)
	if m.cache, err = cacheFormatOf(o.Cache); err != nil {
		return nil, err
	}
	format, err := weightFormat(o.Weights, &c)
	if err != nil {
		return nil, err
	}
	l := &loader{f: f, c: &c, format: format}
	for _, spec := range c.Tensors() {
		l.check(spec)
	}
	m.embedding = l.dense("token_embd.weight")
	m.finalNorm = l.vector("output_norm.weight")
	m.head = m.embedding
	if !c.TieWordEmbeddings {
		m.head = l.matrix("output.weight")
	}
	for i := range m.layers {
		l.layer(&m.layers[i], i)
	}
	return m, l.err
}

// readConfig takes the shape of the model from the metadata and from what tensors there are.
func readConfig(f *gguf.File) (c model.Config, arch string, err error) {
	arch, _ = f.Metadata.String("general.architecture")
	if !slices.Contains(architectures, arch) {
		return c, arch, fmt.Errorf("general.architecture is %q: the engine runs %v", arch, architectures)
	}
	for _, k := range []struct {
		key      string
		dst      *int
		required bool
	}{
		{"context_length", &c.MaxPositionEmbeddings, true}, {"embedding_length", &c.HiddenSize, true}, {"block_count", &c.NumHiddenLayers, true},
		{"feed_forward_length", &c.IntermediateSize, true}, {"attention.head_count", &c.NumAttentionHeads, true},
		{"attention.head_count_kv", &c.NumKeyValueHeads, false}, {"rope.dimension_count", &c.HeadDim, false},
	} {
		v, ok := f.Metadata.Uint(arch + "." + k.key)
		if k.required && !ok || v > 1<<30 {
			return c, arch, fmt.Errorf("the key %s.%s is missing or out of range: convert the model again", arch, k.key)
		}
		*k.dst = int(v)
	}
	if err := readHeadDim(f, arch, &c); err != nil {
		return c, arch, err
	}
	if v, ok := f.Metadata.Float(arch + ".attention.layer_norm_rms_epsilon"); ok {
		c.RMSNormEps = v
	}
	if v, ok := f.Metadata.Float(arch + ".rope.freq_base"); ok {
		c.RopeTheta = v
	}
	embedding, ok := f.Tensor("token_embd.weight")
	if !ok || len(embedding.Dims) != 2 {
		return c, arch, fmt.Errorf("the tensor token_embd.weight is missing or no matrix: convert the model again")
	}
	c.VocabSize = int(embedding.Dims[1])
	if err := readNorms(f, arch, &c); err != nil {
		return c, arch, err
	}
	_, untied := f.Tensor("output.weight")
	c.TieWordEmbeddings = !untied
	q, _ := f.Tensor("blk.0.attn_q.weight")
	c.Ternary = q.Type == gguf.I2_S || q.Type == gguf.TQ1_0 || q.Type == gguf.TQ2_0
	c.HiddenAct = model.SiLU
	if arch == "bitnet-b1.58" || arch == "bitnet-25" {
		c.HiddenAct = model.ReLU2
	}
	c.Resolve()
	return c, arch, c.Validate()
}

// readHeadDim takes the head dimension from the keys of keys and values, which must be all
// of what is turned.
func readHeadDim(f *gguf.File, arch string, c *model.Config) error {
	for _, key := range []string{"attention.key_length", "attention.value_length"} {
		v, ok := f.Metadata.Uint(arch + "." + key)
		switch {
		case !ok:
		case c.HeadDim == 0 && v <= 1<<24:
			c.HeadDim = int(v)
		case v != uint64(c.HeadDim):
			return fmt.Errorf("the key %s.%s is %d: want the head dimension %d, since the engine turns whole heads", arch, key, v, c.HeadDim)
		}
	}
	return nil
}

// readNorms finds out which norms the model has beside the usual two of a block.
func readNorms(f *gguf.File, arch string, c *model.Config) error {
	_, c.SubNorms = f.Tensor("blk.0.attn_sub_norm.weight")
	_, c.QKNorm = f.Tensor("blk.0.attn_q_norm.weight")
	c.ProjNorms = slices.ContainsFunc(f.Tensors, func(t gguf.TensorInfo) bool { return strings.HasSuffix(t.Name, "_norm_in.weight") })
	if arch == qwen3 {
		c.QKNorm = true
	} else if c.QKNorm || c.ProjNorms {
		return fmt.Errorf("architecture %s has norms of query and key heads or before single projections: the engine knows them of %s alone: convert the model again", arch, qwen3)
	}
	return nil
}

// loader takes weights out of a file; the first failure stays.
type loader struct {
	f      *gguf.File
	c      *model.Config
	format kernel.Format
	err    error
}

func (l *loader) fail(name, format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf("tensor %s: %s", name, fmt.Sprintf(format, args...))
	}
}

// check compares a tensor's shape with the one that the model needs.
func (l *loader) check(spec model.TensorSpec) {
	want := make([]uint64, 0, 2)
	for _, d := range slices.Backward(spec.Shape) {
		want = append(want, uint64(d))
	}
	t, ok := l.f.Tensor(spec.GGUF)
	switch {
	case !ok:
		l.fail(spec.GGUF, "it is missing: convert the model again")
	case !slices.Equal(t.Dims, want):
		l.fail(spec.GGUF, "dims are %v: the metadata wants %v", t.Dims, want)
	}
}

func (l *loader) tensor(name string) gguf.TensorInfo {
	t, _ := l.f.Tensor(name)
	return t
}

// release gives back the file's pages of what was copied.
func (l *loader) release(name string, part []byte) {
	if err := l.f.Release(part); err != nil {
		l.fail(name, "%v", err)
	}
}

func (l *loader) vector(name string) []float32 {
	if l.err != nil {
		return nil
	}
	t := l.tensor(name)
	v := make([]float32, t.Dims[0])
	if err := gguf.Dequantize(t.Type, v, l.f.Data(t)); err != nil {
		l.fail(name, "%v", err)
	}
	return v
}

// dense copies a weight as it lies in the file: large pages are read faster than mapped
// ones.
func (l *loader) dense(name string) *denseMatrix {
	if l.err != nil {
		return nil
	}
	t := l.tensor(name)
	data := kernel.CopyWeights(l.f.Data(t), func(part []byte) { l.release(name, part) })
	d := newDense(t.Type, data, int(t.Dims[1]), int(t.Dims[0]))
	probe := make([]float32, d.k)
	if t.Type == gguf.I2_S {
		l.fail(name, "type I2_S is for projections: convert with another embedding type")
	} else if err := gguf.Dequantize(t.Type, probe, d.data[:d.bytes]); err != nil {
		l.fail(name, "%v", err)
	}
	return d
}

// matrix takes a weight of any type, ternary ones in the layout of their product.
func (l *loader) matrix(name string) matrix {
	if l.err != nil {
		return nil
	}
	t := l.tensor(name)
	if t.Type != gguf.I2_S {
		return l.dense(name)
	}
	k, n, data := int(t.Dims[0]), int(t.Dims[1]), l.f.Data(t)
	scale := gguf.I2SScale(data)
	w, err := kernel.PackI2S(l.format, n, k, data[:n*k/4])
	if err != nil {
		l.fail(name, "%v", err)
		return nil
	}
	l.release(name, data)
	return &ternaryMatrix{w, scale}
}

func (l *loader) layer(dst *layer, i int) {
	name := func(s string) string { return fmt.Sprintf("blk.%d.%s.weight", i, s) }
	dst.inputNorm, dst.postNorm = l.vector(name("attn_norm")), l.vector(name("ffn_norm"))
	if l.c.SubNorms {
		dst.attnSubNorm, dst.ffnSubNorm = l.vector(name("attn_sub_norm")), l.vector(name("ffn_sub_norm"))
	}
	if l.c.QKNorm {
		dst.qNorm, dst.kNorm = l.vector(name("attn_q_norm")), l.vector(name("attn_k_norm"))
	}
	if l.c.ProjNorms {
		in := func(s string) []float32 { return l.vector(name(s + "_norm_in")) }
		dst.norms = projNorms{in("attn_q"), in("attn_k"), in("attn_v"), in("attn_output"), in("ffn_gate"), in("ffn_up"), in("ffn_down")}
	}
	dst.q, dst.k, dst.v, dst.o = l.matrix(name("attn_q")), l.matrix(name("attn_k")), l.matrix(name("attn_v")), l.matrix(name("attn_output"))
	dst.gate, dst.up, dst.down = l.matrix(name("ffn_gate")), l.matrix(name("ffn_up")), l.matrix(name("ffn_down"))
}

package infer

import (
	"errors"
	"fmt"
	"sync/atomic"

	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/memory"
	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/infer/deltanet"
	"trit/internal/parallel"
	"trit/model"
)

func fromFile(f *gguf.File, o Options) (*Model, error) {
	meta, err := ggufmeta.ReadModel(f)
	if err != nil {
		return nil, err
	}
	c, arch := meta.Config, meta.Architecture
	m := &Model{config: c, file: f, pool: parallel.New(o.Threads), warnings: meta.Warnings}
	m.pooling, m.architecture, m.interleaved = readPooling(f, arch), arch, ggufmeta.Interleaved(arch)
	m.layers, m.rope = make([]layer, c.NumHiddenLayers), newRopeTable(c)
	if m.cache, err = cacheFormatOf(o.Cache); err != nil {
		return nil, err
	}
	format, err := weightFormat(m.pool, o.Weights, &c)
	if err != nil {
		return nil, err
	}
	l := &loader{pool: m.pool, f: f, c: &c, format: format, bases: &m.bases}
	if l.floats, err = o.Activations.areFloats(&c); err != nil {
		return nil, err
	}
	for _, spec := range c.Tensors() {
		l.checkKind(spec)
	}
	embedding := l.matrix("token_embd.weight")
	m.embedding, _ = embedding.(table)
	m.setFinalNorm(l.vector("output_norm.weight"))
	m.head = embedding
	if !c.TieWordEmbeddings {
		m.head = l.matrix("output.weight")
	}
	if b := c.Basis; b != nil && b.Tables["token_embd.weight"] {
		m.bases.table = m.bases.of(&c, "token_embd.weight", c.HiddenSize)
	}
	m.bases.head = m.bases.inputs[m.head]
	for i := range m.layers {
		l.layer(&m.layers[i], i)
	}
	return m, l.err
}

// loader takes weights out of a file; the first failure stays.
type loader struct {
	pool   *parallel.Pool
	f      *gguf.File
	c      *model.Config
	format intmul.Format
	floats bool // ActivationsFloat
	bases  *bases
	err    error
}

func (l *loader) fail(name, format string, args ...any) {
	if l.err == nil {
		l.err = fmt.Errorf("tensor %s: %s", name, fmt.Sprintf(format, args...))
	}
}

// checkKind refuses a ternary type in a place that no ternary model has one in, and a model
// whose projections are ternary in part: how the others are meant is not said.
func (l *loader) checkKind(spec model.TensorSpec) {
	t := l.tensor(spec.GGUF)
	switch {
	case len(spec.Shape) == 1 && (t.Type.IsTernary() || t.Type.IsGrouped()):
		l.fail(spec.GGUF, "type %s is for matrices: convert the model again", t.Type)
	case l.isBitNet(t.Type) && spec.Layer < 0:
		l.fail(spec.GGUF, "type %s is for projections: convert with another embedding type", t.Type)
	case len(spec.Shape) == 2 && spec.Layer >= 0 && l.isBitNet(t.Type) != l.c.Ternary:
		l.fail(spec.GGUF, "type %s is not of the kind of blk.0.attn_q.weight: the projections of a model are ternary or not",
			t.Type)
	}
}

// isBitNet reports whether a type holds ternary weights under one scale for the model: TQ1_0 and
// TQ2_0 have one a group, which BitNet models repeat.
func (l *loader) isBitNet(t gguf.Type) bool {
	return t.IsTernary() && (l.c.Ternary || t == gguf.I2_S)
}

// isGrouped reports whether a weight of a type is multiplied by groups.
func (l *loader) isGrouped(t gguf.Type) bool {
	return !l.floats && (t.IsGrouped() || t.IsTernary() && !l.isBitNet(t))
}

func (l *loader) tensor(name string) gguf.TensorInfo {
	t, _ := l.f.Tensor(name)
	return t
}

// release gives back the pages of a part of the file that was copied.
func (l *loader) release(name string, part []byte) {
	if err := l.f.Release(part); err != nil {
		l.fail(name, "%v", err)
	}
}

// vector takes all values of a small tensor.
func (l *loader) vector(name string) []float32 {
	if l.err != nil {
		return nil
	}
	t := l.tensor(name)
	n := t.Dims[0]
	for _, d := range t.Dims[1:] {
		n *= d
	}
	v := make([]float32, n)
	if err := gguf.Dequantize(t.Type, v, l.f.Data(t)); err != nil {
		l.fail(name, "%v", err)
	}
	l.checkFinite(name, t.Type, l.f.Data(t), 1)
	return v
}

// dense copies a weight in the layout of the file. Large pages are read faster than mapped
// ones.
func (l *loader) dense(name string) *denseMatrix {
	if l.err != nil {
		return nil
	}
	t := l.tensor(name)
	data := memory.CopyWeights(l.pool, l.f.Data(t), func(part []byte) { l.release(name, part) })
	d := newDense(t.Type, data, int(t.Dims[1]), int(t.Dims[0]))
	probe := make([]float32, d.k)
	if err := gguf.Dequantize(t.Type, probe, d.data[:d.bytes]); err != nil {
		l.fail(name, "%v", err)
	}
	l.checkFinite(name, t.Type, d.data, d.n)
	return d
}

// checkFinite refuses a tensor of n rows with a value that is infinite or no number: the logits
// of a model with one are none either, or those of a few tokens alone.
func (l *loader) checkFinite(name string, t gguf.Type, data []byte, n int) {
	if l.err != nil {
		return
	}
	var found atomic.Bool
	row := len(data) / n
	l.pool.Chunks(n, max(1, 1<<18/row), func(lo, hi int) {
		if !gguf.Finite(t, data[lo*row:hi*row]) {
			found.Store(true)
		}
	})
	if found.Load() {
		l.fail(name, "%v", errWeightsNotFinite)
	}
}

// plain takes a weight that is not ternary, those with groups in the layout of their product.
func (l *loader) plain(name string) matrix {
	t := l.tensor(name)
	if l.err != nil || !l.isGrouped(t.Type) {
		return l.dense(name)
	}
	return l.grouped(name, t)
}

// grouped packs a weight whose type has groups.
func (l *loader) grouped(name string, t gguf.TensorInfo) *groupedMatrix {
	k, n, data := int(t.Dims[0]), int(t.Dims[1]), l.f.Data(t)
	size := t.Type.RowBytes(k)
	w, err := intmul.PackGrouped(l.pool, groupedForm(t.Type), n, k, intmul.GroupedRows{
		Row: func(dst intmul.Weights, i int) error {
			row := data[i*size:][:size]
			if !gguf.Finite(t.Type, row) {
				return errWeightsNotFinite
			}
			return gguf.DecodeGroups(t.Type, dst.Codes, dst.Scales, row)
		},
		Done: func(lo, hi int) { l.release(name, data[lo*size:hi*size]) },
	})
	if err != nil {
		l.fail(name, "%v", err)
	}
	return &groupedMatrix{w}
}

func groupedForm(t gguf.Type) intmul.GroupedForm {
	return intmul.GroupedForm{Group: t.Block(), Signs: t == gguf.Q1_0}
}

var errWeightsNotFinite = errors.New(
	"it holds values that are not finite: the file is damaged, or training had diverged")

// matrix takes a weight of any type, and notes its basis.
func (l *loader) matrix(name string) matrix {
	if l.err != nil {
		return nil
	}
	t, take := l.tensor(name), l.ternary
	if !l.isBitNet(t.Type) {
		take = l.plain
	}
	w := take(name)
	l.bases.enter(l.c, name, w, int(t.Dims[0]))
	return w
}

// ternary takes a ternary weight with one scale, in the layout of its product.
func (l *loader) ternary(name string) matrix {
	t := l.tensor(name)
	scale, err := ggufmeta.Scale(l.f, t)
	if err != nil {
		l.fail(name, "%v", err)
		return nil
	}
	k, n, data := int(t.Dims[0]), int(t.Dims[1]), l.f.Data(t)
	codes, err := i2sCodes(t.Type, data, n, k)
	if err == nil {
		var w *intmul.Ternary
		if w, err = intmul.PackI2S(l.pool, l.format, n, k, codes); err == nil {
			l.release(name, data)
			return &ternaryMatrix{w, scale}
		}
	}
	l.fail(name, "%v", err)
	return nil
}

// i2sCodes is the codes of a ternary tensor in the layout of I2_S.
func i2sCodes(t gguf.Type, data []byte, n, k int) ([]byte, error) {
	if t == gguf.I2_S {
		return data[:n*k/4], nil
	}
	out, row, size := make([]byte, n*k/4), make([]byte, k), t.RowBytes(k)
	for i := range n {
		if err := gguf.DecodeTernary(t, row, data[i*size:][:size]); err != nil {
			return nil, err
		}
		if err := gguf.EncodeTernary(gguf.I2_S, out[i*k/4:][:k/4], row, 0); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// names makes the names of a block's tensors.
func names(i int) func(string) string {
	return func(s string) string { return fmt.Sprintf("blk.%d.%s.weight", i, s) }
}

func (l *loader) layer(dst *layer, i int) {
	name := names(i)
	dst.inputNorm, dst.postNorm = l.vector(name("attn_norm")), l.vector(name(l.postNorm()))
	if l.c.SubNorms {
		dst.ffnSubNorm = l.vector(name("ffn_sub_norm"))
	}
	if l.c.ProjNorms {
		in := func(s string) []float32 { return l.vector(name(s + "_norm_in")) }
		dst.norms = projNorms{
			q: in("attn_q"), k: in("attn_k"), v: in("attn_v"), o: in("attn_output"),
			gate: in("ffn_gate"), up: in("ffn_up"), down: in("ffn_down"),
		}
	}
	if l.c.IsRecurrent(i) {
		dst.mixer = l.deltaNet(i)
	} else {
		dst.mixer = l.attention(i, dst.norms)
	}
	dst.gate, dst.up = l.projection(name("ffn_gate")), l.projection(name("ffn_up"))
	dst.down = l.projection(name("ffn_down"))
}

// projection is a weight of a block, with its bias if the model has biases.
func (l *loader) projection(name string) matrix {
	w := l.matrix(name)
	if l.c.ProjBias {
		return &biasedMatrix{w, l.vector(model.ProjBias(name))}
	}
	return w
}

// postNorm is the name of the norm before the feed-forward layer.
func (l *loader) postNorm() string {
	if l.c.IsHybrid() {
		return "post_attention_norm"
	}
	return "ffn_norm"
}

func (l *loader) attention(i int, norms projNorms) *attentionMixer {
	name := names(i)
	a := &attentionMixer{slot: l.c.Slot(i), norms: norms, gated: l.c.IsHybrid()}
	if l.c.SubNorms {
		a.subNorm = l.vector(name("attn_sub_norm"))
	}
	if l.c.QKNorm {
		a.qNorm, a.kNorm = l.vector(name("attn_q_norm")), l.vector(name("attn_k_norm"))
	}
	a.q, a.k, a.v = l.projection(name("attn_q")), l.projection(name("attn_k")), l.projection(name("attn_v"))
	a.o = l.projection(name("attn_output"))
	return a
}

func (l *loader) deltaNet(i int) *deltaMixer {
	name := names(i)
	d := &deltaMixer{slot: l.c.Slot(i), norm: l.vector(name("ssm_norm"))}
	conv, rate := l.vector(name("ssm_conv1d")), l.vector(fmt.Sprintf("blk.%d.ssm_a", i))
	lag := l.vector(fmt.Sprintf("blk.%d.ssm_dt.bias", i))
	if l.err == nil {
		d.net = deltanet.NewLayer(&l.c.DeltaNet, conv, rate, lag)
	}
	d.inQKV, d.inZ, d.result = l.matrix(name("attn_qkv")), l.matrix(name("attn_gate")), l.matrix(name("ssm_out"))
	d.inA, d.inB = l.matrix(name("ssm_alpha")), l.matrix(name("ssm_beta"))
	return d
}

package infer

import (
	"errors"
	"fmt"

	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/memory"
	"trit/bitlinear/kernel/vector"
	"trit/format/gguf"
	"trit/infer/deltanet"
	"trit/internal/parallel"
	"trit/model"
)

// Random makes a ternary model of a shape with random weights and an F16 embedding, to measure
// speed. Equal seeds give equal weights.
func Random(c model.Config, seed uint64, o Options) (*Model, error) {
	if c.IsHybrid() {
		return nil, errors.New("random model: one with recurrent layers has no weights with one scale; see RandomGrouped")
	}
	return randomModel(c, o, func(pool *parallel.Pool) (*randomWeights, error) {
		format, err := weightFormat(pool, o.Weights, &c)
		r := &randomWeights{seed: seed << 16}
		r.embedding = func(n, k int) matrix { return newDense(gguf.F16, memory.RandomF16(pool, n*k, r.next()), n, k) }
		r.projection = func(n, k int) matrix {
			return &ternaryMatrix{intmul.RandomTernary(pool, format, n, k, r.next()), 0.02}
		}
		return r, err
	})
}

// RandomGrouped is Random for a model whose projections, embedding and head have a type with a scale
// a group.
func RandomGrouped(c model.Config, typ gguf.Type, seed uint64, o Options) (*Model, error) {
	if !typ.IsGrouped() {
		return nil, fmt.Errorf("random model: type %s has no scale a group: want one of %v", typ,
			[]gguf.Type{gguf.Q2_0, gguf.Q1_0, gguf.PQ2_0, gguf.PTQ1_0})
	}
	c.Ternary = false // under one scale
	return randomModel(c, o, func(pool *parallel.Pool) (*randomWeights, error) {
		r := &randomWeights{seed: seed << 16}
		r.projection = func(n, k int) matrix {
			w, err := intmul.RandomGrouped(pool, groupedForm(typ), n, k, r.next())
			if err != nil && r.err == nil {
				r.err = fmt.Errorf("random model: %w", err)
			}
			return &groupedMatrix{w}
		}
		r.embedding = r.projection
		return r, nil
	})
}

// randomWeights makes matrices, each from a seed of its own; the first failure stays.
type randomWeights struct {
	embedding, projection func(n, k int) matrix
	seed                  uint64
	err                   error
}

func (r *randomWeights) next() uint64 {
	r.seed++
	return r.seed
}

func randomModel(c model.Config, o Options, weights func(pool *parallel.Pool) (*randomWeights, error)) (*Model, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("random model: %w", err)
	}
	pool := parallel.New(o.Threads)
	r, err := weights(pool)
	if err != nil {
		return nil, err
	}
	cache, err := cacheFormatOf(o.Cache)
	if err != nil {
		return nil, err
	}
	m := &Model{
		config: c, layers: make([]layer, c.NumHiddenLayers),
		rope: newRopeTable(c), cache: cache, pool: pool,
	}
	m.head = r.embedding(c.VocabSize, c.HiddenSize)
	m.embedding = m.head.(table)
	m.setFinalNorm(ones(c.HiddenSize))
	if !c.TieWordEmbeddings {
		m.head = r.embedding(c.VocabSize, c.HiddenSize)
	}
	d, f := c.HiddenSize, c.IntermediateSize
	for i := range m.layers {
		l := &m.layers[i]
		l.randomNorms(&c)
		if c.IsRecurrent(i) {
			l.mixer = r.deltaNet(&c, i)
		} else {
			l.mixer = r.attention(&c, i, l.norms)
		}
		l.gate, l.up, l.down = r.projection(f, d), r.projection(f, d), r.projection(d, f)
	}
	if r.err != nil {
		return nil, r.err
	}
	return m, m.setHead(o.Head)
}

// randomNorms makes the norms of a block that are not its mixer's; their weights are ones.
func (l *layer) randomNorms(c *model.Config) {
	d, q, f := c.HiddenSize, c.QDim(), c.IntermediateSize
	l.inputNorm, l.postNorm = ones(d), ones(d)
	if c.SubNorms {
		l.ffnSubNorm = ones(f)
	}
	if c.ProjNorms {
		l.norms = projNorms{ones(d), ones(d), ones(d), ones(q), ones(d), ones(d), ones(f)}
	}
}

func (r *randomWeights) attention(c *model.Config, i int, norms projNorms) *attentionMixer {
	d, q, kv := c.HiddenSize, c.QDim(), c.KVDim()
	a := &attentionMixer{slot: c.Slot(i), norms: norms, gated: c.IsHybrid()}
	if c.SubNorms {
		a.subNorm = ones(q)
	}
	if c.QKNorm {
		a.qNorm, a.kNorm = ones(c.HeadDim), ones(c.HeadDim)
	}
	a.q, a.k, a.v, a.o = r.projection(c.QueryRows(), d), r.projection(kv, d), r.projection(kv, d), r.projection(d, q)
	return a
}

// deltaNet makes a gated delta net whose state forgets half in about twenty tokens.
func (r *randomWeights) deltaNet(c *model.Config, i int) *deltaMixer {
	d, net := c.HiddenSize, &c.DeltaNet
	conv, rate := ones(net.ConvDim()*net.Kernel), ones(net.ValueHeads)
	vector.Scale(-0.05, rate)
	return &deltaMixer{
		slot: c.Slot(i), norm: ones(net.HeadDim), net: deltanet.NewLayer(net, conv, rate, make([]float32, net.ValueHeads)),
		inQKV: r.projection(net.ConvDim(), d), inZ: r.projection(net.ValueDim(), d),
		inA: r.projection(net.ValueHeads, d), inB: r.projection(net.ValueHeads, d), result: r.projection(d, net.ValueDim()),
	}
}

func ones(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

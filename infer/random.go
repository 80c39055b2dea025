package infer

import (
	"errors"
	"fmt"

	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/memory"
	"trit/format/gguf"
	"trit/internal/parallel"
	"trit/model"
)

// Random makes a ternary model of a shape with random weights and an F16 embedding, to measure
// speed. Equal seeds give equal weights.
func Random(c model.Config, seed uint64, o Options) (*Model, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("random model: %w", err)
	}
	if c.IsHybrid() {
		return nil, errors.New("random model: one with recurrent layers is not supported; measure a file")
	}
	pool := parallel.New(o.Threads)
	format, err := weightFormat(pool, o.Weights, &c)
	if err != nil {
		return nil, err
	}
	cache, err := cacheFormatOf(o.Cache)
	if err != nil {
		return nil, err
	}
	r := &randomWeights{pool, format, seed << 16}
	m := &Model{
		config: c, layers: make([]layer, c.NumHiddenLayers),
		rope: newRopeTable(c), cache: cache, pool: pool,
	}
	embedding := r.dense(c.VocabSize, c.HiddenSize)
	m.embedding, m.head = embedding, embedding
	m.setFinalNorm(ones(c.HiddenSize))
	if !c.TieWordEmbeddings {
		m.head = r.dense(c.VocabSize, c.HiddenSize)
	}
	d, q, kv, f := c.HiddenSize, c.QDim(), c.KVDim(), c.IntermediateSize
	for i := range m.layers {
		l, a := &m.layers[i], &attentionMixer{slot: i}
		l.mixer = a
		l.randomNorms(&c)
		for _, w := range []struct {
			dst  *matrix
			n, k int
		}{{&a.q, q, d}, {&a.k, kv, d}, {&a.v, kv, d}, {&a.o, d, q}, {&l.gate, f, d}, {&l.up, f, d}, {&l.down, d, f}} {
			*w.dst = r.ternary(w.n, w.k)
		}
	}
	return m, m.setHead(o.Head)
}

// randomNorms makes the norms of a block; their weights are ones.
func (l *layer) randomNorms(c *model.Config) {
	d, q, f := c.HiddenSize, c.QDim(), c.IntermediateSize
	a := l.mixer.(*attentionMixer)
	l.inputNorm, l.postNorm = ones(d), ones(d)
	if c.SubNorms {
		a.subNorm, l.ffnSubNorm = ones(q), ones(f)
	}
	if c.QKNorm {
		a.qNorm, a.kNorm = ones(c.HeadDim), ones(c.HeadDim)
	}
	if c.ProjNorms {
		l.norms = projNorms{ones(d), ones(d), ones(d), ones(q), ones(d), ones(d), ones(f)}
		a.norms = l.norms
	}
}

func ones(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

// randomWeights makes matrices, each from a seed of its own.
type randomWeights struct {
	pool   *parallel.Pool
	format intmul.Format
	seed   uint64
}

func (r *randomWeights) ternary(n, k int) matrix {
	r.seed++
	return &ternaryMatrix{intmul.RandomTernary(r.pool, r.format, n, k, r.seed), 0.02}
}

func (r *randomWeights) dense(n, k int) *denseMatrix {
	r.seed++
	return newDense(gguf.F16, memory.RandomF16(r.pool, n*k, r.seed), n, k)
}

package infer

import (
	"fmt"
	"math/rand/v2"

	"trit/bitlinear/kernel"
	"trit/format/gguf"
	"trit/internal/parallel"
	"trit/model"
)

// Random makes a ternary model of a shape with random weights and an F16 embedding, to
// measure speed.
func Random(c model.Config, seed uint64, o Options) (*Model, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("random model: %w", err)
	}
	parallel.SetThreads(o.Threads)
	format, err := weightFormat(o.Weights, &c)
	if err != nil {
		return nil, err
	}
	cache, err := cacheFormatOf(o.Cache)
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(seed, 0))
	m := &Model{config: c, layers: make([]layer, c.NumHiddenLayers), rope: newRopeTable(c.HeadDim, c.RopeTheta), cache: cache}
	m.embedding = randomDense(r, c.VocabSize, c.HiddenSize)
	m.head, m.finalNorm = m.embedding, ones(c.HiddenSize)
	if !c.TieWordEmbeddings {
		m.head = randomDense(r, c.VocabSize, c.HiddenSize)
	}
	buffer := make([]int8, c.HiddenSize*max(c.QDim(), c.IntermediateSize))
	d, q, kv, f := c.HiddenSize, c.QDim(), c.KVDim(), c.IntermediateSize
	for i := range m.layers {
		l := &m.layers[i]
		l.inputNorm, l.postNorm = ones(d), ones(d)
		if c.SubNorms {
			l.attnSubNorm, l.ffnSubNorm = ones(q), ones(f)
		}
		for _, w := range []struct {
			dst  *matrix
			n, k int
		}{{&l.q, q, d}, {&l.k, kv, d}, {&l.v, kv, d}, {&l.o, d, q}, {&l.gate, f, d}, {&l.up, f, d}, {&l.down, d, f}} {
			*w.dst = randomTernary(r, format, buffer[:w.n*w.k], w.n, w.k)
		}
	}
	return m, m.SetHead(o.Head)
}

func ones(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = 1
	}
	return v
}

func randomTernary(r *rand.Rand, format kernel.Format, q []int8, n, k int) matrix {
	for i := 0; i < len(q); i += 16 {
		bits := r.Uint64()
		for j := range q[i:min(i+16, len(q))] {
			q[i+j] = int8(bits>>(4*j)&15)%3 - 1
		}
	}
	w, err := kernel.PackTernary(format, n, k, q)
	if err != nil {
		panic("infer: " + err.Error()) // the sizes are ours
	}
	return &ternaryMatrix{w, 0.02}
}

func randomDense(r *rand.Rand, n, k int) *denseMatrix {
	data := make([]byte, 2*n*k)
	for i := 1; i < len(data); i += 2 {
		data[i] = 0x20 | byte(r.Uint32()&0x83) // +-0.01 or so in half precision
		data[i-1] = byte(i)
	}
	return newDense(gguf.F16, data, n, k)
}

package graph

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"trit/bitlinear"
	"trit/model"
)

// A step of a model of about 3M parameters, forward and backward, and Gorgonia's own
// share of it.
func BenchmarkStep(b *testing.B) {
	c := model.Config{VocabSize: 1024, HiddenSize: 192, IntermediateSize: 512, NumHiddenLayers: 6, NumAttentionHeads: 6,
		SubNorms: true, Ternary: true, TieWordEmbeddings: true}
	c.Resolve()
	const batch, length = 8, 256
	d, err := New(NewParams(c, 1), Options{Batch: batch, SequenceLength: length, Backward: true})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	r := rand.New(rand.NewPCG(1, 1))
	for i := range d.Tokens() {
		d.Tokens()[i], d.Targets()[i] = int32(r.IntN(1024)), int32(r.IntN(1024))
	}
	b.ReportAllocs()
	inside, elapsed := bitlinear.Inside.Load(), d.Elapsed()
	for b.Loop() {
		if _, err := d.Run(); err != nil {
			b.Fatal(err)
		}
	}
	share := 1 - float64(bitlinear.Inside.Load()-inside)/float64(d.Elapsed()-elapsed)
	b.ReportMetric(100*share, "%gorgonia")
	b.ReportMetric(batch*length*float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
	b.ReportMetric(float64(c.Parameters())/1e6, "Mparameters")
}

// BenchmarkAttention is the attention of a layer on one thread, of models of 5.8M and 110M parameters.
func BenchmarkAttention(b *testing.B) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, s := range []struct{ batch, length, heads, kvHeads, dim int }{{2, 256, 8, 4, 32}, {1, 512, 12, 12, 64}, {1, 2048, 4, 2, 128}} {
		c := model.Config{HiddenSize: s.heads * s.dim, NumAttentionHeads: s.heads, NumKeyValueHeads: s.kvHeads, HeadDim: s.dim,
			IntermediateSize: 8, VocabSize: 8}
		c.Resolve()
		m := s.batch * s.length
		for _, bf16 := range []bool{false, true} {
			if bf16 && !HasBF16() {
				continue
			}
			a := newAttention(&c, &bitlinear.Mode{BF16: bf16}, Options{Batch: s.batch, SequenceLength: s.length, Backward: true, Threads: 1},
				make([]int32, m))
			qkv, out, grad := normals(r, m*a.width), make([]float32, m*c.QDim()), normals(r, m*c.QDim())
			kept, lse := make([]float32, len(qkv)), make([]float32, m*s.heads)
			name := fmt.Sprintf("%dx%d/heads%d-%d/dim%d/bf16-%v", s.batch, s.length, s.heads, s.kvHeads, s.dim, bf16)
			b.Run(name+"/forward", func(b *testing.B) {
				for b.Loop() {
					copy(kept, qkv)
					a.forward(kept, out, lse)
				}
			})
			b.Run(name+"/backward", func(b *testing.B) {
				copy(kept, qkv)
				a.forward(kept, out, lse)
				rotated := append([]float32{}, kept...)
				for b.Loop() {
					copy(kept, rotated)
					a.backward(kept, out, lse, grad)
				}
			})
		}
	}
}

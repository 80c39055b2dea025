package graph

import (
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

package graph

import (
	"math"
	"runtime"
	"testing"

	"trit/format/adapter"
	"trit/model"
)

// What Memory estimates is what is allocated after a run, products' panels included.
func TestMemory(t *testing.T) {
	for _, o := range []Options{{Backward: true}, {Backward: true, CheckpointActivations: true},
		{Backward: true, Unquantized: true}, {Backward: true, Int8Gradients: HasInt8Gradients()}, {}, {Backward: true, Distill: &Distillation{Temperature: 1, Alpha: 1, Relations: 1}}} {
		c := model.Config{VocabSize: 3000, HiddenSize: 256, IntermediateSize: 768, NumHiddenLayers: 6, NumAttentionHeads: 4,
			SubNorms: !o.Unquantized, QKNorm: o.Unquantized, Ternary: true, TieWordEmbeddings: true} // each kind of norms once
		if o.CheckpointActivations { // and each kind of rounding
			c.WeightScale, c.TernaryEmbedding = model.ScaleGroup64, true
		}
		c.FloatActivations = !o.Backward
		c.Resolve()
		o.Batch, o.SequenceLength, o.BF16 = 8, 256, o.Backward && HasBF16()
		if o.Distill != nil {
			o.Distill.Teacher = &fixedTeacher{vocab: c.VocabSize, logits: make([]float32, 2048*c.VocabSize), states: newStates(&c, 2048)}
		}
		runtime.GC() // twice, which empties the pools of the case before
		before := heap()
		d, err := New(NewParams(c, 1), o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Run(); err != nil {
			t.Fatal(err)
		}
		got, want := float64(heap()-before), float64(Memory(&c, o))
		t.Logf("%+v: %.1f MB, estimated %.1f MB", o, got/1e6, want/1e6)
		if math.Abs(got/want-1) > 0.15 { // the pools of products may hold two
			t.Errorf("%+v: %.1f MB are allocated, estimated are %.1f MB", o, got/1e6, want/1e6)
		}
		d.Close()
		runtime.KeepAlive(o.Distill)
	}
}

// The same for adapters over a frozen base, of both placements.
func TestAdaptersMemory(t *testing.T) {
	c := model.Config{VocabSize: 3000, HiddenSize: 256, IntermediateSize: 768, NumHiddenLayers: 6, NumAttentionHeads: 4,
		SubNorms: true, Ternary: true, TieWordEmbeddings: true}
	c.Resolve()
	for _, placement := range []adapter.Placement{adapter.Beside, adapter.Inside} {
		l, o := LoRA{Rank: 16, Alpha: 16, Placement: placement}, Options{Batch: 8, SequenceLength: 256, Backward: true, CheckpointActivations: true}
		runtime.GC()
		runtime.GC()
		before := heap()
		b := NewBase(c, placement == adapter.Inside, 0)
		for _, spec := range c.Tensors() {
			if err := b.SetValues(spec.Name, "BF16", make([]byte, 2*spec.Elements())); err != nil {
				t.Fatal(err)
			}
		}
		p, err := NewAdapters(b, l, 1)
		if err != nil {
			t.Fatal(err)
		}
		d, err := New(p, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Run(); err != nil {
			t.Fatal(err)
		}
		got, want := float64(heap()-before), float64(AdaptersMemory(&c, &l, o))
		t.Logf("%s: %.1f MB, estimated %.1f MB", placement, got/1e6, want/1e6)
		if math.Abs(got/want-1) > 0.15 {
			t.Errorf("%s: %.1f MB are allocated, estimated are %.1f MB", placement, got/1e6, want/1e6)
		}
		d.Close()
	}
}

// heap is what is in use after a collection, after which pools keep what they have.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

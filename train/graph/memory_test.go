package graph

import (
	"math"
	"runtime"
	"testing"

	"trit/model"
)

// What Memory estimates is what is allocated after a run, products' panels included.
func TestMemory(t *testing.T) {
	for _, o := range []Options{{Backward: true}, {Backward: true, CheckpointActivations: true},
		{Backward: true, Unquantized: true}, {}, {Backward: true, Distill: &Distillation{Temperature: 1, Alpha: 1, Relations: 1}}} {
		c := model.Config{VocabSize: 3000, HiddenSize: 256, IntermediateSize: 768, NumHiddenLayers: 6, NumAttentionHeads: 4,
			SubNorms: true, Ternary: true, TieWordEmbeddings: true}
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

// heap is what is in use after a collection, after which pools keep what they have.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

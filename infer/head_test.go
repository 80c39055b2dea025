package infer

import (
	"strings"
	"testing"

	"trit/internal/testutil"
	"trit/model"
)

func smallConfig() model.Config {
	c := model.Config{
		VocabSize: 203, HiddenSize: 128, IntermediateSize: 256, NumHiddenLayers: 2,
		NumAttentionHeads: 4, NumKeyValueHeads: 2, MaxPositionEmbeddings: 64,
		SubNorms: true, Ternary: true, TieWordEmbeddings: true, HiddenAct: model.ReLU2,
	}
	c.Resolve()
	return c
}

// TestRoundedHeadsAreNearTheExactOne compares logits, and asks for a head that the shape cannot have.
func TestRoundedHeadsAreNearTheExactOne(t *testing.T) {
	c := smallConfig()
	c.HiddenSize, c.HeadDim = 256, 0
	c.Resolve()
	ids := []int32{1, 5, 9, 200}
	logits := func(m *Model) []float32 {
		s, err := m.NewSession(8)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float32, len(ids)*c.VocabSize)
		if err := s.Forward(ids, out, 0); err != nil {
			t.Fatal(err)
		}
		return out
	}
	random := func(o Options) *Model {
		m, err := Random(c, 1, o)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	exact := random(Options{})
	want := logits(exact)
	for head, bound := range map[Head]float64{HeadInt8: 0.02, HeadQ6K: 0.03} {
		m := random(Options{Head: head})
		e := testutil.RelativeL2(logits(m), want)
		t.Logf("%s: relative L2 %.2g", head, e)
		if e == 0 || e > bound {
			t.Errorf("the %s head's logits differ by %g, want up to %g and not 0", head, e, bound)
		}
		if u, v := m.Memory(), exact.Memory(); u.HeadRead >= v.HeadRead || u.Head != v.Head+u.HeadRead {
			t.Errorf("the %s head takes %+v, the exact one %+v", head, u, v)
		}
	}
	c = smallConfig()
	if _, err := Random(c, 1, Options{Head: HeadQ6K}); err == nil || !strings.Contains(err.Error(), "256") {
		t.Errorf("a Q6_K head of %d columns: got %v", c.HiddenSize, err)
	}
}

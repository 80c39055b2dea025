package infer

import (
	"testing"

	"trit/internal/testutil"
	"trit/model"
)

func smallConfig() model.Config {
	c := model.Config{VocabSize: 203, HiddenSize: 128, IntermediateSize: 256, NumHiddenLayers: 2, NumAttentionHeads: 4, NumKeyValueHeads: 2,
		MaxPositionEmbeddings: 64, SubNorms: true, Ternary: true, TieWordEmbeddings: true, HiddenAct: model.ReLU2}
	c.Resolve()
	return c
}

// TestInt8HeadIsNearTheExactOne also asks for a choice that does not exist.
func TestInt8HeadIsNearTheExactOne(t *testing.T) {
	c := smallConfig()
	m, err := Random(c, 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ids := []int32{1, 5, 9, 200}
	logits := func() []float32 {
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
	want := logits()
	if m.SetHead("half") == nil {
		t.Error("head half is accepted")
	}
	if err := m.SetHead(HeadInt8); err != nil {
		t.Fatal(err)
	}
	e := testutil.RelativeL2(logits(), want)
	t.Logf("relative L2 %.2g", e)
	if e == 0 || e > 0.02 {
		t.Errorf("the int8 head's logits differ by %g, want up to 0.02 and not 0", e)
	}
}

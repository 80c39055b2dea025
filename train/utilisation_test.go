package train

import (
	"math"
	"testing"

	"trit/model"
)

func TestUtilisation(t *testing.T) {
	c := model.Config{VocabSize: 100, HiddenSize: 8, IntermediateSize: 16, NumHiddenLayers: 2, NumAttentionHeads: 2}
	c.Resolve()
	o := Default()
	o.SequenceLength, o.Precision = 10, PrecisionFloat32
	u := newUtilisation(c, o, thisMachine(0))
	// By hand: head 100*8; a layer four times 8*8 and three times 8*16; attention 12*2*8*10.
	const want = 6*(800+2*(4*64+3*128)) + 1920
	if u.flopsPerToken != want {
		t.Errorf("%g operations a token, want %d", u.flopsPerToken, want)
	}
	calls := 0
	u.measure = func() float64 { calls++; return 4 * want }
	if got := u.fraction(2); got != 0.5 || u.fraction(1) != 0.25 || calls != 1 {
		t.Errorf("utilisation %g after %d measurements, want 0.5 after one", got, calls)
	}
	if peak := o.peak(thisMachine(0)); !(peak > 1e6) || math.IsInf(peak, 0) {
		t.Errorf("the peak of this machine is %g operations a second", peak)
	}
}

package train

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// weightsAt is a codeSource of fixed codes.
type weightsAt map[string][]float32

func (w weightsAt) Codes(f func(name string, codes []float32, scale float32)) {
	for _, name := range []string{"a", "b"} {
		f(name, w[name], 0.5)
	}
}

func TestTernaryStats(t *testing.T) {
	var s ternaryStats
	zeros, flips := s.update(weightsAt{"a": {-1, 0, 1, 1}, "b": {0, 0, 0, 1}})
	if zeros != 0.5 || flips != 0 {
		t.Errorf("first update: zeros %g, flips %d, want 0.5 and 0", zeros, flips)
	}
	s.update(weightsAt{"a": {-1, 0, 1, 0}, "b": {0, 0, 0, 1}})                      // one flip
	_, flips = s.update(weightsAt{"a": {1, 0, 1, 0}, "b": {0, -1, 0, 1}})           // two
	got := s.layers(10, 5, func(name string) float32 { return float32(len(name)) }) // of length 1
	one := float32(1)
	want := []LayerStats{
		{Name: "a", Minus: 0, Zero: 0.5, Plus: 0.5, Scale: 0.5, Flips: 2, AbsMax: &one},
		{Name: "b", Minus: 0.25, Zero: 0.5, Plus: 0.25, Scale: 0.5, Flips: 1, AbsMax: &one},
	}
	if flips != 2 || !reflect.DeepEqual(got, want) {
		t.Errorf("flips %d, layers %+v, want 2 and %+v", flips, got, want)
	}
	if got := s.layers(14, 5, nil); got != nil {
		t.Errorf("a list before its interval has passed: %+v", got)
	}
	if got := s.layers(15, 5, nil); len(got) != 2 || got[0].Flips != 0 || got[0].AbsMax != nil {
		t.Errorf("second list %+v: want 2 without flips and without absmax", got)
	}
	if got := s.layers(100, 0, nil); got != nil {
		t.Errorf("a list with interval 0: %+v", got)
	}
}

// Codes are counted in ranges, on several threads: compared with a plain loop, at odd sizes.
func TestCountCodes(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, n := range []int{0, 1, 1 << 16, 3<<16 + 7} {
		codes, last := make([]float32, n), make([]uint64, (n+31)/32)
		want := map[string]int{}
		for i := range codes {
			code, before := r.IntN(3)-1, r.IntN(3)-1
			codes[i] = float32(code)
			last[i/32] |= uint64(int8(before)&3) << (2 * (i % 32))
			want[[]string{"minus", "zero", "plus"}[code+1]]++
			if code != before {
				want["changed"]++
			}
		}
		minus, plus, changed := countCodes(nil, codes, last)
		if minus != want["minus"] || plus != want["plus"] || changed != want["changed"] {
			t.Errorf("%d codes: %d, %d and %d changed, want %v", n, minus, plus, changed, want)
		}
		if minus, plus, changed = countCodes(nil, codes, last); minus != want["minus"] || plus != want["plus"] ||
			changed != 0 {
			t.Errorf("%d codes again: %d, %d and %d changed, want %v and none", n, minus, plus, changed, want)
		}
	}
}

// What JSON cannot hold must not end a run.
func TestLayersAreAlwaysJSON(t *testing.T) {
	var s ternaryStats
	s.update(weightsAt{"a": {0, 0, 1}, "b": {}})
	for _, v := range []float64{math.NaN(), math.Inf(1), 3} {
		list := s.layers(0, 1, func(string) float32 { return float32(v) })
		s.started = false
		if b, err := json.Marshal(list); err != nil || !strings.Contains(string(b), `"zero":0.66667`) {
			t.Errorf("absmax %g: %s, %v", v, b, err)
		}
	}
}

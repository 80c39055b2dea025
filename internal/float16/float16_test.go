package float16

import (
	"math"
	"testing"
)

func TestEveryHalfRoundTrips(t *testing.T) {
	for h := range 1 << 16 {
		f := FromBits(uint16(h))
		if math.IsNaN(float64(f)) {
			if !math.IsNaN(float64(FromBits(Bits(f)))) {
				t.Fatalf("%#x: NaN was lost", h)
			}
		} else if got := Bits(f); got != uint16(h) {
			t.Fatalf("%#x -> %g -> %#x", h, f, got)
		}
		b := BFromBits(uint16(h))
		if !math.IsNaN(float64(b)) && BBits(b) != uint16(h) {
			t.Fatalf("bfloat16 %#x -> %g -> %#x", h, b, BBits(b))
		}
	}
}

func TestRoundsHalfToEven(t *testing.T) {
	for _, c := range []struct {
		f    float32
		half uint16
	}{{1 + 1.0/2048, 0x3c00}, {1 + 3.0/2048, 0x3c02}, {65519, 0x7bff}, {65520, 0x7c00}, {1.0 / (1 << 25), 0}, {3.0 / (1 << 25), 2}} {
		if got := Bits(c.f); got != c.half {
			t.Errorf("Bits(%g) = %#x, want %#x", c.f, got, c.half)
		}
	}
	if got := BBits(1 + 1.0/256); got != 0x3f80 {
		t.Errorf("BBits(1+2^-8) = %#x, want 0x3f80", got)
	}
}

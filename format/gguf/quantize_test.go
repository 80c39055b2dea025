package gguf

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// roundTrip is what is left of src in a type.
func roundTrip(t *testing.T, typ Type, src []float32) []float32 {
	t.Helper()
	size, err := typ.Size([]uint64{uint64(len(src))})
	if err != nil {
		t.Fatal(err)
	}
	b, back := make([]byte, size), make([]float32, len(src))
	if err := Quantize(typ, b, src); err != nil {
		t.Fatal(err)
	}
	if err := Dequantize(typ, back, b); err != nil {
		t.Fatal(err)
	}
	return back
}

// relativeError is the root of the summed squares of the differences over that of want.
func relativeError(got, want []float32) float64 {
	var e, size float64
	for i, v := range want {
		e += math.Pow(float64(got[i]-v), 2)
		size += math.Pow(float64(v), 2)
	}
	return math.Sqrt(e / size)
}

// The worst of a value is a step, of the largest value in its block over half the number
// of codes, and 2^-18 since a scale below 2^-14 has steps of 2^-24; the error of all normal
// values is what uniform steps of that size give.
func TestBF16RefusesWhatItMakesInfinite(t *testing.T) {
	b := make([]byte, 2)
	if err := Quantize(BF16, b, []float32{math.MaxFloat32}); err == nil || !strings.Contains(err.Error(), "BF16 holds values up to 3.3895") {
		t.Errorf("got %v", err)
	}
	if err := Quantize(BF16, b, []float32{3.3895e38}); err != nil {
		t.Error(err)
	}
}

func TestRoundTripOfBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		typ             Type
		block           int
		worst, relative float64
	}{{Q8_0, 32, 0.57 / 127, 0.007}, {Q4_0, 32, 1.01 / 8, 0.1}, {Q6_K, 16, 1.1 / 32, 0.02}} {
		for _, size := range []float64{1e-3, 0.02, 1, 1e5} {
			src := make([]float32, 8192)
			for i := range src {
				src[i] = float32(r.NormFloat64() * size)
			}
			got := roundTrip(t, c.typ, src)
			if e := relativeError(got, src); e > c.relative || e < c.relative/4 {
				t.Errorf("%s, size %g: relative error %g, want up to %g", c.typ, size, e, c.relative)
			}
			for at := 0; at < len(src); at += c.block {
				top := float64(abs(farthest(src[at:][:c.block])))
				for i, v := range src[at:][:c.block] {
					if e := math.Abs(float64(got[at+i] - v)); e > c.worst*top+0x1p-18 {
						t.Fatalf("%s, size %g: value %d is %g, want %g; the block's largest is %g", c.typ, size, at+i, got[at+i], v, top)
					}
				}
			}
		}
	}
}

// TestExtremeBlocks has what is largest, smallest and lopsided.
func TestExtremeBlocks(t *testing.T) {
	for typ, e := range blockEncoders {
		src := make([]float32, 256)
		for i, v := range roundTrip(t, typ, src) {
			if v != 0 {
				t.Fatalf("%s: value %d of a block of zeros is %g", typ, i, v)
			}
		}
		for _, v := range []float32{e.largest, -e.largest, 1, -1} {
			for i := range src {
				src[i] = v
			}
			if rel := relativeError(roundTrip(t, typ, src), src); rel > 0.01 {
				t.Errorf("%s: equal values %g err by %g", typ, v, rel)
			}
		}
		for i := range src { // below what half precision can scale
			src[i] = math.SmallestNonzeroFloat32 * float32(i)
		}
		for i, v := range roundTrip(t, typ, src) {
			if !(abs(v) < 1e-6) {
				t.Fatalf("%s: value %d, nearly 0, is %g", typ, i, v)
			}
		}
		if typ == Q1_0 {
			continue // it has no zeros
		}
		clear(src)
		src[17] = -3
		got := roundTrip(t, typ, src)
		for i, v := range got {
			if math.Abs(float64(v-src[i])) > 0.002 {
				t.Errorf("%s: value %d is %g, want %g", typ, i, v, src[i])
			}
		}
	}
}

func TestQuantizeRejects(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for typ, e := range blockEncoders {
		for _, v := range []float32{nan, inf, -inf, 2 * e.largest} {
			src := make([]float32, 256)
			src[100] = v
			size, _ := typ.Size([]uint64{256})
			if err := Quantize(typ, make([]byte, size), src); err == nil || !strings.Contains(err.Error(), "value 100") {
				t.Errorf("%s of %g: got %v", typ, v, err)
			}
		}
	}
	if err := Quantize(Q6_K, make([]byte, 210), make([]float32, 128)); err == nil || !strings.Contains(err.Error(), "256") {
		t.Errorf("half a block: got %v", err)
	}
	if err := Quantize(Q6_K, make([]byte, 209), make([]float32, 256)); err == nil {
		t.Error("a short destination was accepted")
	}
	if err := Quantize(Q4_K, make([]byte, 144), make([]float32, 256)); err == nil || !strings.Contains(err.Error(), "not written") {
		t.Errorf("Q4_K: got %v", err)
	}
}

func BenchmarkQuantize(b *testing.B) {
	src := make([]float32, 2560)
	r := rand.New(rand.NewPCG(2, 2))
	for i := range src {
		src[i] = float32(r.NormFloat64())
	}
	for _, typ := range []Type{F16, BF16, Q8_0, Q4_0, Q6_K} {
		b.Run(typ.String(), func(b *testing.B) {
			size, _ := typ.Size([]uint64{2560})
			dst := make([]byte, size)
			b.SetBytes(4 * 2560)
			for b.Loop() {
				if err := Quantize(typ, dst, src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

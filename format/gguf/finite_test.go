package gguf

import (
	"math"
	"testing"
)

// One value that is not finite is found at every place of a row, and none in rows of extreme
// values.
func TestFinite(t *testing.T) {
	for typ := range layouts {
		values := make([]float32, 512)
		for i := range values {
			values[i] = float32(math.Pow(-1.0001, float64(i)))
		}
		size, err := typ.Size([]uint64{512})
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, size)
		if err := Quantize(typ, data, values); err != nil {
			continue // no type of weights
		}
		if !Finite(typ, data) {
			t.Errorf("%s: finite values are not", typ)
		}
		for i := range data {
			old := data[i]
			for _, b := range []byte{0, 0x7c, 0x7f, 0x80, 0xfc, 0xff} {
				data[i] = b
				if err := Dequantize(typ, values, data); err != nil {
					t.Fatal(err)
				}
				want := true
				for _, v := range values {
					want = want && !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0)
				}
				if got := Finite(typ, data); got != want {
					t.Errorf("%s: byte %d is %#x: got %v, want %v", typ, i, b, got, want)
				}
			}
			data[i] = old
		}
	}
}

func TestFiniteOfRowsOfAnyLength(t *testing.T) {
	for n := range 20 {
		values := make([]float32, n)
		data := make([]byte, 2*n)
		if err := Quantize(F16, data, values); err != nil || !Finite(F16, data) {
			t.Errorf("%d zeros: %v", n, err)
		}
		for i := range values {
			data[2*i+1] = 0xfc // -Inf
			if Finite(F16, data) {
				t.Errorf("value %d of %d is infinite", i, n)
			}
			data[2*i+1] = 0
		}
	}
}

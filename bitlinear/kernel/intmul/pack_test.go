package intmul

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/bitlinear/quant"
)

// TestPackI2S packs the same weights from both forms.
func TestPackI2S(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, k := range []int{128, 256, 640, 2560} {
		const n = 35
		q := make([]int8, n*k)
		fillTernary(r, q, nil, false)
		codes := make([]byte, n*k/4)
		quant.PackI2S(codes, q)
		for _, f := range []Format{Bits2, Bits1_6} {
			want, _ := PackTernary(nil, f, n, k, q)
			got, err := PackI2S(nil, f, n, k, codes)
			if err != nil || !bytes.Equal(got.codes, want.codes) {
				t.Errorf("k %d, %v: not the codes of PackTernary, %v", k, f, err)
			}
		}
		codes[k/4+3] |= 0x30
		if _, err := PackI2S(nil, Bits2, n, k, codes); err == nil || !strings.Contains(err.Error(), "byte 3 is") {
			t.Errorf("k %d: code 3 gives %v", k, err)
		}
	}
}

// Masters are packed as the codes that quant makes of them, under inverse scales and as signs.
func TestPackMasters(t *testing.T) { everyImplementation(t, testPackMasters) }

var roundings = []quant.Rounding{quant.ToNearest(1), quant.ToNearest(0.3), quant.ToNearest(1e-3), quant.ToSign()}

func testPackMasters(t *testing.T) {
	r := rand.New(rand.NewPCG(18, 18))
	for _, n := range []int{1, 15, 16, 33} {
		for _, k := range []int{1, 3, 15, 16, 17, 31, 32, 100, 257} {
			w := kerneltest.Spread(r, n*k)
			w[0] = 0
			for _, rounding := range roundings {
				q := make([]int8, len(w))
				for i, v := range w {
					q[i] = rounding.Ternary(v)
				}
				want, err := PackTernary(nil, Bits2, n, k, q)
				if err != nil {
					t.Fatal(err)
				}
				got := NewTernary(n, k)
				got.PackMasters(nil, kerneltest.Spread(r, n*k), quant.ToNearest(1)) // what lies there before must not show
				got.PackMasters(nil, w, rounding)
				if !bytes.Equal(got.codes, want.codes) {
					t.Fatalf("[%d,%d], %v: not the codes of quant.Rounding", n, k, rounding)
				}
			}
		}
	}
}

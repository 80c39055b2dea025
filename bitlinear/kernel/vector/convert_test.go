package vector

import (
	"math"
	"math/rand/v2"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/internal/float16"
)

func TestConversionsHaveTheBitsOfGo(t *testing.T) {
	every, bytes := make([]uint16, 1<<16+5), make([]int8, 259)
	for i := range every {
		every[i] = uint16(i)
	}
	for i := range bytes {
		bytes[i] = int8(i)
	}
	everyImplementation(t, func(t *testing.T) {
		wide, integers := make([]float32, len(every)), make([]float32, len(bytes))
		WidenF16(wide, every)
		WidenInt8(integers, bytes)
		for i, h := range every {
			if want := float16.FromBits(h); wide[i] != want && want == want {
				t.Fatalf("half %#x is %g, want %g", h, wide[i], want)
			}
		}
		for i, v := range bytes {
			if integers[i] != float32(v) {
				t.Fatalf("integer %d is %g", v, integers[i])
			}
		}
		r := rand.New(rand.NewPCG(3, 3))
		for _, n := range append(kerneltest.Lengths, 100000) {
			x, got := make([]float32, n), make([]uint16, n+1)
			for i := range x {
				x[i] = math.Float32frombits(r.Uint32())
				if i%2 == 0 { // near what two neighbours share
					x[i] = (float16.FromBits(uint16(r.Uint32()))*2 + float32(r.NormFloat64())*1e-7) / 2
				}
				if x[i] != x[i] {
					x[i] = 0
				}
			}
			NarrowF16(got[:n], x)
			for i, v := range x {
				if got[i] != float16.Bits(v) {
					t.Fatalf("%g becomes %#x, want %#x", v, got[i], float16.Bits(v))
				}
			}
			if got[n] != 0 {
				t.Errorf("NarrowF16 of %d wrote outside", n)
			}
		}
	})
}

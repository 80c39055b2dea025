package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"trit/internal/float16"
)

// everyPanelSet runs body with each implementation in turn.
func everyPanelSet(t *testing.T, body func(t *testing.T)) {
	defer func(s panelSet) { chosenPanels = s }(chosenPanels)
	for _, s := range panelSets() {
		chosenPanels = s
		t.Run(s.name, body)
	}
}

// TestMulPanel compares with sums in float64, at head dimensions and counts of positions.
func TestMulPanel(t *testing.T) {
	everyPanelSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 1))
		for _, k := range []int{0, 1, 2, 8, 15, 16, 64, 80, 96, 128, 192, 255, 256, 257} {
			for rows := range 12 {
				testMulPanel(t, r, rows, k, MulPanelF32, func(v float32) float32 { return v }, float64FromFloat)
				testMulPanel(t, r, rows, k, MulPanelF16, float16.Bits, func(v uint16) float64 { return float64(float16.FromBits(v)) })
				testMulPanel(t, r, rows, k, MulPanelInt8, func(v float32) int8 { return int8(v * 20) }, func(v int8) float64 { return float64(v) })
			}
		}
	})
}

func float64FromFloat(v float32) float64 { return float64(v) }

func testMulPanel[T Element](t *testing.T, r *rand.Rand, rows, k int, mul func(rows, k int, a []float32, lda int, panel []T, dst []float32, ldc int), from func(float32) T, value func(T) float64) {
	t.Helper()
	lda, ldc := k+r.IntN(5), PanelCols+r.IntN(5)
	a, panel := normal(r, rows*lda+k), make([]T, k*PanelCols)
	for i := range panel {
		panel[i] = from(float32(r.NormFloat64()))
	}
	whole, dst := offset(make([]float32, rows*ldc))
	for i := range dst {
		dst[i] = 12345
	}
	mul(rows, k, a, lda, panel, dst, ldc)
	for i, got := range whole {
		row, j := (i-3)/ldc, (i-3)%ldc
		if i < 3 || row >= rows || j >= PanelCols {
			if got != 12345 {
				t.Fatalf("%T, %d rows, k %d: value %d is written outside", panel, rows, k, i-3)
			}
			continue
		}
		sum, size := 0.0, 0.0
		for p := range k {
			product := float64(a[row*lda+p]) * value(panel[p*PanelCols+j])
			sum, size = sum+product, size+math.Abs(product)
		}
		// Each of k sums rounds by 2^-24 of at most the sum of magnitudes.
		if bound := float64(k+1) * size / (1 << 24); math.Abs(float64(got)-sum) > bound {
			t.Fatalf("%T, %d rows, k %d: row %d column %d is %g, want %g", panel, rows, k, row, j, got, sum)
		}
	}
}

// TestMulPanelRowsAreIndependent compares the bits of rows together and alone, with zeros
// at their ends, and of a panel that was widened.
func TestMulPanelRowsAreIndependent(t *testing.T) {
	everyPanelSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 2))
		const rows, k, real = 15, 100, 83
		a, half, wide := normal(r, rows*k), make([]uint16, k*PanelCols), make([]float32, k*PanelCols)
		NarrowF16(half, normal(r, len(half)))
		WidenF16(wide, half)
		for row := range rows {
			clear(a[row*k+real:][:k-real])
		}
		together, widened, alone := make([]float32, rows*PanelCols), make([]float32, rows*PanelCols), make([]float32, PanelCols)
		MulPanelF16(rows, k, a, k, half, together, PanelCols)
		MulPanelF32(rows, k, a, k, wide, widened, PanelCols)
		if !slices.Equal(together, widened) {
			t.Error("a widened panel gives other bits")
		}
		for row := range rows {
			MulPanelF16(1, real, a[row*k:], k, half, alone, PanelCols)
			if !slices.Equal(alone, together[row*PanelCols:][:PanelCols]) {
				t.Errorf("row %d has other bits alone", row)
			}
		}
	})
}

func TestPanelConversionsHaveTheBitsOfGo(t *testing.T) {
	every, bytes := make([]uint16, 1<<16+5), make([]int8, 259)
	for i := range every {
		every[i] = uint16(i)
	}
	for i := range bytes {
		bytes[i] = int8(i)
	}
	everyPanelSet(t, func(t *testing.T) {
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
		for _, n := range append(lengths, 100000) {
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

func TestRotateHasTheBitsOfGo(t *testing.T) {
	everyPanelSet(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(4, 4))
		for _, n := range lengths {
			x, y, cos, sin := spread(r, n), spread(r, n), spread(r, n), spread(r, n)
			wholeX, gotX := offset(x)
			wholeY, gotY := offset(y)
			Rotate(gotX, gotY, cos, sin)
			for i, u := range x {
				v, c, s := y[i], cos[i], sin[i]
				if gotX[i] != float32(u*c)-float32(v*s) || gotY[i] != float32(v*c)+float32(u*s) {
					t.Fatalf("%d pairs: pair %d is %g, %g", n, i, gotX[i], gotY[i])
				}
			}
			for _, w := range [][]float32{wholeX, wholeY} {
				if slices.ContainsFunc(append(w[:3:3], w[n+3:]...), func(v float32) bool { return v != 12345 }) {
					t.Errorf("Rotate of %d wrote outside", n)
				}
			}
		}
	})
}

func BenchmarkMulPanel(b *testing.B) {
	const k = 128
	r := rand.New(rand.NewPCG(5, 5))
	for _, rows := range []int{1, 4, 64} {
		a, dst := normal(r, rows*k), make([]float32, rows*PanelCols)
		benchPanel(b, "F32", rows, a, dst, make([]float32, k*PanelCols), MulPanelF32)
		benchPanel(b, "F16", rows, a, dst, make([]uint16, k*PanelCols), MulPanelF16)
		benchPanel(b, "Int8", rows, a, dst, make([]int8, k*PanelCols), MulPanelInt8)
	}
}

func benchPanel[T Element](b *testing.B, name string, rows int, a, dst []float32, panel []T, mul func(rows, k int, a []float32, lda int, panel []T, dst []float32, ldc int)) {
	k := len(panel) / PanelCols
	b.Run(fmt.Sprintf("%s/%d", name, rows), func(b *testing.B) {
		b.SetBytes(int64(len(panel)) * int64(unsafe.Sizeof(panel[0])))
		for range b.N {
			mul(rows, k, a, k, panel, dst, PanelCols)
		}
		b.ReportMetric(float64(2*rows*len(panel))*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	})
}

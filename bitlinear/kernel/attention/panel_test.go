package attention

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"trit/bitlinear/kernel/kerneltest"
	"trit/bitlinear/kernel/vector"
	"trit/internal/float16"
)

// everyImplementation runs body with each implementation in turn.
func everyImplementation(t *testing.T, body func(t *testing.T)) {
	defer func(s implementation) { chosen = s }(chosen)
	for _, s := range implementations() {
		chosen = s
		t.Run(s.name, body)
	}
}

// TestMulPanel compares with sums in float64, at head dimensions and counts of positions.
func TestMulPanel(t *testing.T) {
	everyImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(1, 1))
		for _, k := range []int{0, 1, 2, 8, 15, 16, 64, 80, 96, 128, 192, 255, 256, 257} {
			for rows := range 12 {
				testMulPanel(t, r, rows, k, MulPanelF32, same, fromFloat)
				testMulPanel(t, r, rows, k, MulPanelF16, float16.Bits, fromHalf)
				testMulPanel(t, r, rows, k, MulPanelInt8, toInt8, fromInt8)
			}
		}
	})
}

func same(v float32) float32      { return v }
func toInt8(v float32) int8       { return int8(v * 20) }
func fromFloat(v float32) float64 { return float64(v) }
func fromHalf(v uint16) float64   { return float64(float16.FromBits(v)) }
func fromInt8(v int8) float64     { return float64(v) }

// mulFunc is MulPanelF32 and the like.
type mulFunc[T Element] = func(rows, k int, a []float32, lda int, panel []T, dst []float32, ldc int)

func testMulPanel[T Element](t *testing.T, r *rand.Rand, rows, k int, mul mulFunc[T],
	from func(float32) T, value func(T) float64) {
	t.Helper()
	lda, ldc := k+r.IntN(5), PanelCols+r.IntN(5)
	a, panel := kerneltest.Normal(r, rows*lda+k), make([]T, k*PanelCols)
	for i := range panel {
		panel[i] = from(float32(r.NormFloat64()))
	}
	whole, dst := kerneltest.Guarded(make([]float32, rows*ldc))
	for i := range dst {
		dst[i] = kerneltest.Guard
	}
	mul(rows, k, a, lda, panel, dst, ldc)
	for i, got := range whole {
		row, j := (i-3)/ldc, (i-3)%ldc
		if i < 3 || row >= rows || j >= PanelCols {
			if got != kerneltest.Guard {
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
	everyImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(2, 2))
		const rows, k, real = 15, 100, 83
		a, half, wide := kerneltest.Normal(r, rows*k), make([]uint16, k*PanelCols), make([]float32, k*PanelCols)
		vector.NarrowF16(half, kerneltest.Normal(r, len(half)))
		vector.WidenF16(wide, half)
		for row := range rows {
			clear(a[row*k+real:][:k-real])
		}
		together, widened := make([]float32, rows*PanelCols), make([]float32, rows*PanelCols)
		alone := make([]float32, PanelCols)
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

func BenchmarkMulPanel(b *testing.B) {
	const k = 128
	r := rand.New(rand.NewPCG(5, 5))
	for _, rows := range []int{1, 4, 64} {
		a, dst := kerneltest.Normal(r, rows*k), make([]float32, rows*PanelCols)
		benchPanel(b, "F32", rows, a, dst, make([]float32, k*PanelCols), MulPanelF32)
		benchPanel(b, "F16", rows, a, dst, make([]uint16, k*PanelCols), MulPanelF16)
		benchPanel(b, "Int8", rows, a, dst, make([]int8, k*PanelCols), MulPanelInt8)
	}
}

func benchPanel[T Element](b *testing.B, name string, rows int, a, dst []float32, panel []T, mul mulFunc[T]) {
	k := len(panel) / PanelCols
	b.Run(fmt.Sprintf("%s/%d", name, rows), func(b *testing.B) {
		b.SetBytes(int64(len(panel)) * int64(unsafe.Sizeof(panel[0])))
		for range b.N {
			mul(rows, k, a, k, panel, dst, PanelCols)
		}
		b.ReportMetric(float64(2*rows*len(panel))*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	})
}

// BenchmarkPanels has the queries of a KV head at one block of 256 positions: four of one
// token, and 128 of a prompt.
func BenchmarkPanels(b *testing.B) {
	const d = 128
	for _, rows := range []int{4, 128} {
		q, dst := make([]float32, rows*d), make([]float32, rows*256)
		f16, i8, f32 := make([]uint16, d*PanelCols), make([]int8, d*PanelCols), make([]float32, d*PanelCols)
		for name, run := range map[string]func(dst []float32){
			"f32":  func(dst []float32) { MulPanelF32(rows, d, q, d, f32, dst, 256) },
			"f16":  func(dst []float32) { MulPanelF16(rows, d, q, d, f16, dst, 256) },
			"int8": func(dst []float32) { MulPanelInt8(rows, d, q, d, i8, dst, 256) },
		} {
			b.Run(fmt.Sprintf("%s/%dx%dx256", name, rows, d), func(b *testing.B) {
				for b.Loop() {
					for p := 0; p < 256; p += PanelCols {
						run(dst[p:])
					}
				}
				b.ReportMetric(2*float64(rows*d*256)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

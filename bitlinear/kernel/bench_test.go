package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"trit/internal/parallel"
)

// limits are what all threads reach together at best, in operations and bytes a second.
type limits struct{ int8, float32, memory float64 }

var measuredLimits = sync.OnceValue(func() limits {
	operations := float64(RunTiles(1))
	const n = 500
	const size = 256 << 20
	memory := NewMemoryReader(size)
	return limits{
		int8:    operations * n / fastest(func() { RunTiles(n) }),
		float32: float64(runGemmTiles(n)) / fastest(func() { runGemmTiles(n) }),
		memory:  size / fastest(func() { memory.Read() }),
	}
})

// fastest is the seconds of the best of five tries.
func fastest(f func()) float64 {
	best := time.Duration(1 << 62)
	for range 5 {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best.Seconds()
}

// runGemmTiles is RunTiles for the float32 product.
func runGemmTiles(n int) (operations int) {
	parallel.For(parallel.Threads(), 1, func(lo, hi int) {
		a, b, c := make([]float32, tileRows*blockK), make([]float32, tileCols*blockK), make([]float32, tileRows*tileCols)
		for range n * (hi - lo) {
			gemmTile(blockK, &a[0], &b[0], &c[0], tileCols, false)
		}
	})
	return 2 * n * parallel.Threads() * tileRows * tileCols * blockK
}

// report gives the operations and bytes a second of a benchmark, and the percentages of
// limits.
func report(b *testing.B, operations, limit float64, bytes int) {
	perSecond := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(0, "ns/op") // says nothing that the others do not
	b.ReportMetric(operations*perSecond/1e9, "GOP/s")
	b.ReportMetric(100*operations*perSecond/limit, "%peak")
	b.ReportMetric(float64(bytes)*perSecond/1e9, "GB/s")
	b.ReportMetric(100*float64(bytes)*perSecond/measuredLimits().memory, "%memory")
}

// The matrix of the benchmarks is the largest of the 2B model, or its first rows for plain
// Go, and there are as many copies as no cache holds.
const (
	benchRows, benchRowsGeneric, benchCols = 6912, 432, 2560
	benchBytes                             = 512 << 20
)

func rowsFor(name string) int {
	if strings.HasPrefix(name, "generic") {
		return benchRowsGeneric
	}
	return benchRows
}

var benchTokens = []int{1, 8, 192}

// benchTiles times a product of packed weights; see report for the figures.
func benchTiles(b *testing.B, name string, p product) {
	copies := [][]byte{p.weights}
	for size := len(p.weights); size < benchBytes && p.n == benchRows; size += len(p.weights) {
		copies = append(copies, slices.Clone(p.weights))
	}
	for _, m := range benchTokens {
		b.Run(fmt.Sprintf("%s/%dx%dx%d/threads%d", name, p.k, p.n, m, parallel.Threads()), func(b *testing.B) {
			x, y, factor := make([]int8, m*p.k), make([]float32, m*p.n), make([]float32, m)
			fillTernary(rand.New(rand.NewPCG(3, 3)), nil, x, false)
			p.emit = func(s sums) { s.rescaleTo(y, p.n, factor) }
			for i := 0; b.Loop(); i++ {
				p.weights = copies[i%len(copies)]
				mulTiles(p, x, m)
			}
			report(b, 2*float64(p.n*p.k*m), measuredLimits().int8, len(p.weights))
		})
	}
}

func BenchmarkTernary(b *testing.B) {
	everyTernary(func(name string, format Format, tiles []tile) {
		benchTiles(b, name, RandomTernary(format, rowsFor(name), benchCols, 1).over(tiles, nil))
	})
}

// evenRow is a row of weights for matrices that are rounded.
func evenRow(dst []float32, i int) {
	for j := range dst {
		dst[j] = float32((i*7+j*13)%255 - 127)
	}
}

func BenchmarkInt8(b *testing.B) {
	for name, tiles := range int8Implementations() {
		w, err := NewInt8(rowsFor(name), benchCols, evenRow)
		if err != nil {
			b.Fatal(err)
		}
		benchTiles(b, name, w.over(tiles, nil))
	}
}

func BenchmarkInt4(b *testing.B) {
	for name, tiles := range int4Implementations() {
		w, err := NewInt4(rowsFor(name), benchCols, make([]float32, benchCols), evenRow)
		if err != nil {
			b.Fatal(err)
		}
		benchTiles(b, name, w.over(tiles, nil))
	}
}

// BenchmarkDense has rows of each type: Q6_K by one token as it lies, all others as float32.
func BenchmarkDense(b *testing.B) {
	const n, k = 32064, benchCols // a quarter of the 2B model's head
	for name, c := range rowTypes {
		size := k / c.values * c.bytes
		data := randomBytes(rand.New(rand.NewPCG(5, 5)), n*size)
		for _, m := range benchTokens {
			b.Run(fmt.Sprintf("%s/%dx%dx%d/threads%d", name, k, n, m, parallel.Threads()), func(b *testing.B) {
				x, y := make([]float32, m*k), make([]float32, m*n)
				for b.Loop() {
					parallel.Chunks(n, 16, func(lo, hi int) {
						switch { // as the engine does
						case name == "Q6_K" && m == 1:
							DotQ6K(y[lo:hi], data[lo*size:], x)
							return
						case name == "F16" && m == 1:
							halves := unsafe.Slice((*uint16)(unsafe.Pointer(&data[lo*size])), (hi-lo)*k)
							DotF16Rows(y[lo:hi], halves, x)
							return
						}
						rows := make([]float32, 16*k)
						for ; lo < hi; lo += 16 {
							part := rows[:min(16, hi-lo)*k]
							for i := range len(part) / k {
								c.fast(part[i*k:][:k], data[(lo+i)*size:])
							}
							DotRows(y[lo:], n, part, x, k)
						}
					})
				}
				report(b, 2*float64(n*k*m), measuredLimits().float32, len(data))
			})
		}
	}
}

// BenchmarkVectors has what one thread does between products, on the activations of a
// token, in the cache; the bytes are those that it reads and writes.
func BenchmarkVectors(b *testing.B) {
	r := rand.New(rand.NewPCG(6, 6))
	const n = benchRows
	x, y, w := spread(r, n), spread(r, n), spread(r, n)
	q, sums, half := make([]int8, n), make([]int32, n), make([]uint16, n)
	for _, f := range []struct {
		name  string
		bytes int // per value
		run   func()
	}{
		{"Dot", 8, func() { Dot(x, y) }},
		{"DotF16", 6, func() { DotF16(half, x) }},
		{"Axpy", 12, func() { Axpy(0, x, y) }},
		{"Max", 4, func() { Max(x) }},
		{"QuantizeActivations", 9, func() { QuantizeActivations(q, x) }},
		{"Rescale", 8, func() { Rescale(y, sums, 0.1) }},
		{"ScaledProduct", 12, func() { ScaledProduct(y, w, x, 0.1) }},
		{"ReLU2Product", 12, func() { ReLU2Product(y, w) }},
		{"SiLUProduct", 12, func() { SiLUProduct(y, w) }},
		{"ReLU2Grad", 20, func() { ReLU2Grad(y, w, y, w, x) }},
		{"SiLUGrad", 20, func() { SiLUGrad(y, w, y, w, x) }},
		{"ExpScaled", 8, func() { ExpScaled(y, 0.1, 1) }},
	} {
		b.Run(fmt.Sprintf("%s/%d", f.name, n), func(b *testing.B) {
			for b.Loop() {
				f.run()
			}
			reportBytes(b, f.bytes*n)
		})
	}
}

// reportBytes gives the bytes a second of a benchmark, and the percentage of
// what all threads read from memory.
func reportBytes(b *testing.B, bytes int) {
	perSecond := float64(bytes) * float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(perSecond/1e9, "GB/s")
	b.ReportMetric(100*perSecond/measuredLimits().memory, "%memory")
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

// BenchmarkOptimiser has the passes over parameters and gradients, in chunks as training has
// them, on all threads; the bytes are those read and written.
func BenchmarkOptimiser(b *testing.B) {
	const n, chunk = 32 << 20, 1 << 15
	var x [4][]float32
	for i := range x {
		x[i] = slices.Repeat([]float32{1}, n)
	}
	m, v := slices.Repeat([]uint16{0x3f80}, n), slices.Repeat([]uint16{0x3f80}, n)
	step := NewAdamW(0.9, 0.95, 1e-8, 10, 1e-3, 0.1, 1)
	for _, f := range []struct {
		name  string
		bytes int // per parameter
		run   func(lo, hi int)
	}{
		{"AdamW", 28, func(lo, hi int) { step.Update(x[0][lo:hi], x[1][lo:hi], x[2][lo:hi], x[3][lo:hi]) }},
		{"AdamWBF16", 20, func(lo, hi int) { step.UpdateBF16(x[0][lo:hi], m[lo:hi], v[lo:hi], x[3][lo:hi], lo, 1) }},
		{"SumSquares", 4, func(lo, hi int) { SumSquares(x[3][lo:hi]) }},
		{"Accumulate", 12, func(lo, hi int) { Axpy(1, x[3][lo:hi], x[2][lo:hi]) }},
	} {
		b.Run(fmt.Sprintf("%s/%d/threads%d", f.name, n, parallel.Threads()), func(b *testing.B) {
			for b.Loop() {
				parallel.For(n/chunk, 1, func(lo, hi int) {
					for ; lo < hi; lo++ {
						f.run(lo*chunk, (lo+1)*chunk)
					}
				})
			}
			reportBytes(b, f.bytes*n)
		})
	}
}

// BenchmarkProduct has the products of a backward pass over 2048 tokens, of the small model
// of the first two and of one of 110M parameters, and those of its head over 512.
func BenchmarkProduct(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, s := range []struct {
		name    string
		transA  bool
		m, n, k int
		form    int // of rightForms
	}{
		{"dX", false, 2048, 256, 1536, 2},
		{"dW", true, 1536, 256, 2048, 1},
		{"dX", false, 2048, 768, 4096, 2},
		{"dW", true, 4096, 768, 2048, 1},
		{"head dX", false, 512, 768, 4096, 0},
		{"head dW", true, 4096, 768, 512, 0},
	} {
		rows, _ := makeRows(r, s.k, s.n, s.form)
		p := Product{
			M: s.m, N: s.n, K: s.k, A: spread(r, s.m*s.k), LDA: s.k, TransA: s.transA, B: []Rows{rows},
			C: [][]float32{make([]float32, s.m*s.n)}, RowFactor: spread(r, s.m), Accumulate: s.transA,
		}
		if s.transA {
			p.LDA = s.m
		}
		for _, engine := range productEngines(&p) {
			b.Run(fmt.Sprintf("%s/%s/%dx%dx%d/threads%d", engine.name, s.name, s.m, s.n, s.k, parallel.Threads()), func(b *testing.B) {
				for b.Loop() {
					engine.run()
				}
				perSecond := float64(b.N) / b.Elapsed().Seconds()
				b.ReportMetric(2*float64(s.m*s.n*s.k)*perSecond/1e9, "GFLOP/s")
			})
		}
	}
}

type productEngine struct {
	name string
	run  func()
}

func productEngines(p *Product) []productEngine {
	list := []productEngine{{"float32", p.Float32}}
	for _, e := range bf16Engines() {
		list = append(list, productEngine{e.name, func() {
			chosenBF16 = e
			p.BF16()
		}})
	}
	return list
}

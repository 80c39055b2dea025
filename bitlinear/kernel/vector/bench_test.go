package vector

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"trit/bitlinear/kernel/kerneltest"
	"trit/internal/parallel"
)

var pool *parallel.Pool // nil: a thread for each processor

// rowsLimit is the operations a second of DotRows on operands in the first cache, on all threads.
var rowsLimit = sync.OnceValue(func() float64 {
	const rows, tokens, k, n = 4, 6, 512, 500
	run := func() {
		pool.For(pool.Threads(), 1, func(lo, hi int) {
			w, x, y := make([]float32, rows*k), make([]float32, tokens*k), make([]float32, rows*tokens)
			for range n * (hi - lo) {
				DotRows(y, rows, w, x, k)
			}
		})
	}
	return 2 * rows * tokens * k * n * float64(pool.Threads()) / kerneltest.Fastest(run)
})

// BenchmarkVectors has what one thread does between products, on the activations of a
// token, in the cache; the bytes are those that it reads and writes.
func BenchmarkVectors(b *testing.B) {
	r := rand.New(rand.NewPCG(6, 6))
	const n = 6912 // the largest layer of the 2B model
	x, y, w := kerneltest.Spread(r, n), kerneltest.Spread(r, n), kerneltest.Spread(r, n)
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
		{"Add", 12, func() { Add(y, w, x) }},
		{"NormSums", 20, func() { NormSums(y, w, x, x, 0) }},
		{"NormGrad", 16, func() { NormGrad(y, w, x, x, 0.1, 0.1) }},
		{"AddNormGrad", 20, func() { AddNormGrad(y, w, x, x, 0, 0) }},
		{"AbsMax", 4, func() { AbsMax(x) }},
		{"ScaledProduct", 12, func() { ScaledProduct(y, w, x, 0.1) }},
		{"ReLU2Product", 12, func() { ReLU2Product(y, y, w) }},
		{"SiLUProduct", 12, func() { SiLUProduct(y, y, w) }},
		{"ReLU2Grad", 20, func() { ReLU2Grad(y, w, y, w, x) }},
		{"SiLUGrad", 20, func() { SiLUGrad(y, w, y, w, x) }},
		{"ExpScaled", 8, func() { ExpScaled(y, 0.1, 1) }},
	} {
		b.Run(fmt.Sprintf("%s/%d", f.name, n), func(b *testing.B) {
			for b.Loop() {
				f.run()
			}
			kerneltest.ReportBytes(b, f.bytes*n)
		})
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
		b.Run(fmt.Sprintf("%s/%d/threads%d", f.name, n, pool.Threads()), func(b *testing.B) {
			for b.Loop() {
				pool.For(n/chunk, 1, func(lo, hi int) {
					for ; lo < hi; lo++ {
						f.run(lo*chunk, (lo+1)*chunk)
					}
				})
			}
			kerneltest.ReportBytes(b, f.bytes*n)
		})
	}
}

// BenchmarkDense has rows of each type: Q6_K by one token as it lies, all others as float32.
func BenchmarkDense(b *testing.B) {
	const n, k = 32064, 2560 // a quarter of the 2B model's head
	for name, c := range rowTypes {
		size := k / c.values * c.bytes
		data := randomBytes(rand.New(rand.NewPCG(5, 5)), n*size)
		for _, m := range []int{1, 8, 192} {
			b.Run(fmt.Sprintf("%s/%dx%dx%d/threads%d", name, k, n, m, pool.Threads()), func(b *testing.B) {
				x, y := make([]float32, m*k), make([]float32, m*n)
				for b.Loop() {
					pool.Chunks(n, 16, func(lo, hi int) {
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
				kerneltest.ReportProduct(b, 2*float64(n*k*m), rowsLimit(), len(data))
			})
		}
	}
}

package intmul

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/internal/parallel"
)

// threads is on how many a benchmark runs.
var threads = (*parallel.Pool)(nil).Threads()

// instructionLimit is the operations a second that the instructions of all threads allow.
var instructionLimit = sync.OnceValue(func() float64 {
	const n = 500
	return float64(RunTiles(nil, 1)) * n / kerneltest.Fastest(func() { RunTiles(nil, n) })
})

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

// benchTiles times a product of packed weights; see kerneltest.ReportProduct for the figures.
func benchTiles(b *testing.B, name string, p product) {
	copies := [][]byte{p.weights}
	for size := len(p.weights); size < benchBytes && p.n == benchRows; size += len(p.weights) {
		copies = append(copies, slices.Clone(p.weights))
	}
	for _, m := range benchTokens {
		b.Run(fmt.Sprintf("%s/%dx%dx%d/threads%d", name, p.k, p.n, m, threads), func(b *testing.B) {
			x, y, factor := make([]int8, m*p.k), make([]float32, m*p.n), make([]float32, m)
			copy(x, kerneltest.Int8(rand.New(rand.NewPCG(3, 3)), len(x)))
			p.emit = func(s sums) { s.rescaleTo(y, p.n, factor) }
			for i := 0; b.Loop(); i++ {
				p.weights = copies[i%len(copies)]
				multiply(nil, p, x, m)
			}
			kerneltest.ReportProduct(b, 2*float64(p.n*p.k*m), instructionLimit(), len(p.weights))
		})
	}
}

func BenchmarkTernary(b *testing.B) {
	everyTernary(func(name string, format Format, on *implementation) {
		benchTiles(b, name, RandomTernary(nil, format, rowsFor(name), benchCols, 1).product(on, nil))
	})
}

// evenRow is a row of weights for matrices that are rounded.
func evenRow(dst []float32, i int) {
	for j := range dst {
		dst[j] = float32((i*7+j*13)%255 - 127)
	}
}

func BenchmarkInt8(b *testing.B) {
	for _, on := range implementations() {
		w, err := NewInt8(nil, rowsFor(on.name), benchCols, evenRow)
		if err != nil {
			b.Fatal(err)
		}
		benchTiles(b, on.name, w.product(&on, nil))
	}
}

func BenchmarkInt4(b *testing.B) {
	for _, on := range implementations() {
		w, err := NewInt4(nil, rowsFor(on.name), benchCols, make([]float32, benchCols), evenRow)
		if err != nil {
			b.Fatal(err)
		}
		benchTiles(b, on.name, w.product(&on, nil))
	}
}

// Package machine measures what this machine can do: the rates of the products that models
// are made of, the memory bandwidth, the energy of the processor, and the memory that this
// process has taken. Speeds of models and of training are compared with these limits.
package machine

import (
	"sync"
	"time"

	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/memory"
	"trit/internal/parallel"
)

// Machine is this machine with a number of threads. Each rate is measured when it is first
// asked for, once in a process for each number of threads; its methods may be called at the
// same time.
type Machine struct {
	// Int8OPS is the rate of the instructions of the int8 by ternary product, operands in
	// the first cache: operations a second, a multiplication and an addition counted as two.
	Int8OPS func() float64
	// Float32FLOPS is the rate of a float32 product of a layer's size, in operations a second.
	Float32FLOPS func() float64
	// BFloat16FLOPS is the rate of the same product with operands rounded to bfloat16, as
	// the backward pass of training has it. It needs gemm.HasBF16.
	BFloat16FLOPS func() float64
	// MemoryBandwidth is the rate of reading memory far larger than the caches, in bytes a
	// second.
	MemoryBandwidth func() float64
}

var machines sync.Map // *Machine by number of threads

// With returns the machine as the threads of a pool can use it.
func With(pool *parallel.Pool) *Machine {
	m, known := machines.Load(pool.Threads())
	if !known {
		m, _ = machines.LoadOrStore(pool.Threads(), newMachine(pool))
	}
	return m.(*Machine)
}

func newMachine(pool *parallel.Pool) *Machine {
	return &Machine{
		Int8OPS:         sync.OnceValue(func() float64 { return int8OPS(pool) }),
		Float32FLOPS:    sync.OnceValue(func() float64 { return productFLOPS(pool, float32Product) }),
		BFloat16FLOPS:   sync.OnceValue(func() float64 { return productFLOPS(pool, bfloat16Product) }),
		MemoryBandwidth: sync.OnceValue(func() float64 { return memoryBandwidth(pool) }),
	}
}

func int8OPS(pool *parallel.Pool) float64 {
	const runs = 2000
	return rate(intmul.RunTiles(pool, 1)*runs, func() { intmul.RunTiles(pool, runs) })
}

func memoryBandwidth(pool *parallel.Pool) float64 {
	const size = 256 << 20
	r := memory.NewReader(size)
	return rate(size, func() { r.Read(pool) })
}

// The product that is timed, [rows, inner] by [inner, cols]: large enough to keep all
// threads busy, small enough that measuring it is not noticed.
const rows, cols, inner = 1024, 1024, 512

func float32Product(pool *parallel.Pool, a, b, c []float32) {
	gemm.Mul(pool, false, true, rows, cols, inner, a, b, c, false)
}

func bfloat16Product(pool *parallel.Pool, a, b, c []float32) {
	p := gemm.Product{
		M: rows, N: cols, K: inner, A: a, LDA: inner,
		B: []gemm.Rows{{Count: inner, F32: b}}, C: [][]float32{c},
	}
	p.BF16(pool)
}

func productFLOPS(pool *parallel.Pool, product func(pool *parallel.Pool, a, b, c []float32)) float64 {
	a, b, c := make([]float32, rows*inner), make([]float32, inner*cols), make([]float32, rows*cols)
	return rate(2*rows*cols*inner, func() { product(pool, a, b, c) })
}

// A rate is the rate of the fastest try. There are at least minTries tries, and as many as fit
// into tryFor. One try before them warms up.
const (
	minTries = 3
	tryFor   = time.Second / 10
)

// rate returns the work that f does in a second; a call does work units of it.
func rate(work int, f func()) float64 {
	f()
	fastest := time.Duration(0)
	begin := time.Now()
	for tries := 0; tries < minTries || time.Since(begin) < tryFor; tries++ {
		start := time.Now()
		f()
		if took := max(time.Since(start), 1); fastest == 0 || took < fastest {
			fastest = took
		}
	}
	return float64(work) / fastest.Seconds()
}

package main

import (
	"time"

	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/memory"
	"trit/internal/parallel"
)

// productFLOPs times a float32 product of a layer's size.
func productFLOPs() float64 {
	const m, n, k = 1024, 1024, 512
	a, b, c := make([]float32, m*k), make([]float32, n*k), make([]float32, m*n)
	return best(2*m*n*k, func() { gemm.Mul(parallel.New(parallel.Threads()), false, true, m, n, k, a, b, c, false) })
}

// int8Ops times the instructions of the int8 by ternary product, in operations a second.
func int8Ops() float64 {
	const n = 2000
	pool := parallel.New(parallel.Threads())
	return best(intmul.RunTiles(pool, 1)*n, func() { intmul.RunTiles(pool, n) })
}

// memoryBandwidth times reading memory far larger than the caches, in bytes a second.
func memoryBandwidth() float64 {
	r := memory.NewReader(256 << 20)
	return best(256<<20, func() { r.Read(parallel.New(parallel.Threads())) })
}

// best is the work of a second in the fastest of five tries.
func best(work int, f func()) float64 {
	f()
	fastest := time.Duration(1 << 62)
	for range 5 {
		start := time.Now()
		f()
		fastest = min(fastest, time.Since(start))
	}
	return float64(work) / fastest.Seconds()
}

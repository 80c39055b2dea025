package intmul

import (
	"runtime"
	"sync"
	"time"

	"trit/internal/parallel"
)

// FasterFormat is the format that is faster on this machine for a single token, on the threads of
// a pool, with weights that come from memory. 1.6 bits are fewer bytes to read and more
// instructions; 2 bits are chosen if they are faster by a tenth. It is measured once for each
// number of threads, in 0.1 to 0.3 s.
func FasterFormat(pool *parallel.Pool) Format {
	measure, _ := fasterFormats.LoadOrStore(pool.Threads(), sync.OnceValue(func() Format { return fasterFormat(pool) }))
	return measure.(func() Format)()
}

// fasterFormats maps numbers of threads to functions func() Format, which measure once.
var fasterFormats sync.Map

func fasterFormat(pool *parallel.Pool) Format {
	if !FastTrits() {
		return Bits2
	}
	const n, k = 1 << 17, 2560 // 84 MB at 2 bits, more than most caches hold
	x, y := make([]int8, k), make([]float32, n)
	var list [2]*Ternary
	for f := range list {
		list[f] = repeatedRows(pool, Format(f), n, k)
	}
	var fastest [2]time.Duration
	for try := range 5 {
		for f, w := range list {
			start := time.Now()
			MulTernary(pool, x, 1, Output{W: w, Dst: y, Factor: []float32{1}})
			if took := time.Since(start); try == 0 || took < fastest[f] {
				fastest[f] = took
			}
		}
	}
	list = [2]*Ternary{}
	runtime.GC() // or they would take memory beside a model's weights, which come next
	if fastest[Bits2].Seconds() < 0.9*fastest[Bits1_6].Seconds() {
		return Bits2
	}
	return Bits1_6
}

// repeatedRows is a matrix of the same few random rows again and again.
func repeatedRows(pool *parallel.Pool, f Format, n, k int) *Ternary {
	w := newTernary(f, n, k)
	rows := RandomTernary(pool, f, 2048, k, 1).codes
	for at := 0; at < len(w.codes); at += copy(w.codes[at:], rows) {
	}
	return w
}

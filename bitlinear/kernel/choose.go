package kernel

import (
	"sync"
	"time"
)

// FasterFormat is the format whose weights this machine multiplies faster by a single
// token when they come from memory: measured once, in 0.1 to 0.3 s, on as many threads as
// are set. 1.6 bits are fewer bytes to read and more instructions; 2 bits have to be faster
// by a tenth.
var FasterFormat = sync.OnceValue(func() Format {
	if !FastTrits() {
		return Bits2
	}
	const n, k = 1 << 17, 2560 // 84 MB at 2 bits, more than most caches hold
	x, y := make([]int8, k), make([]float32, n)
	var list [2]*Ternary
	for f := range list {
		list[f] = repeatedRows(Format(f), n, k)
	}
	var fastest [2]time.Duration
	for try := range 5 {
		for f, w := range list {
			start := time.Now()
			MulTernary(x, 1, Output{W: w, Dst: y, Factor: []float32{1}})
			if took := time.Since(start); try == 0 || took < fastest[f] {
				fastest[f] = took
			}
		}
	}
	if fastest[Bits2].Seconds() < 0.9*fastest[Bits16].Seconds() {
		return Bits2
	}
	return Bits16
})

// repeatedRows is a matrix of the same few random rows again and again.
func repeatedRows(f Format, n, k int) *Ternary {
	w := newTernary(f, n, k)
	rows := RandomTernary(f, 2048, k, 1).codes
	for at := 0; at < len(w.codes); at += copy(w.codes[at:], rows) {
	}
	return w
}

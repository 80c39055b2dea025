package kerneltest

import (
	"sync"
	"testing"
	"time"

	"trit/bitlinear/kernel/memory"
)

// Fastest is the time of the fastest of five calls, in seconds.
func Fastest(f func()) float64 {
	best := time.Duration(1 << 62)
	for range 5 {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best.Seconds()
}

// memoryLimit is the bytes that all threads read in a second.
var memoryLimit = sync.OnceValue(func() float64 {
	const size = 256 << 20
	r := memory.NewReader(size)
	return size / Fastest(func() { r.Read(nil) })
})

// ReportProduct gives the operations and bytes a second of a benchmark, and the percentages of
// the limits of the instructions, in operations a second, and of memory.
func ReportProduct(b *testing.B, operations, limit float64, bytes int) {
	perSecond := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(0, "ns/op") // the other figures say the same
	b.ReportMetric(operations*perSecond/1e9, "GOP/s")
	b.ReportMetric(100*operations*perSecond/limit, "%peak")
	ReportBytes(b, bytes)
}

// ReportBytes gives the bytes a second of a benchmark, and the percentage of what all threads
// read from memory.
func ReportBytes(b *testing.B, bytes int) {
	perSecond := float64(bytes) * float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(perSecond/1e9, "GB/s")
	b.ReportMetric(100*perSecond/memoryLimit(), "%memory")
}

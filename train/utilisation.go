package train

import (
	"sync"
	"time"

	"trit/bitlinear/kernel"
	"trit/model"
	"trit/train/graph"
)

// utilisation turns speed into model FLOPs utilisation (MFU): the operations that the
// model needs (model.Config.FLOPsPerToken) by the tokens of a second, over the peak of the
// machine.
//
// The peak is that of the products of the backward pass, which does two thirds of the
// operations: bfloat16 products with precision bf16, else float32 ones. It is measured
// here, on all threads, when it is first asked for. The forward products are int8 by
// ternary weights and faster than float32 ones, so MFU by a float32 peak can exceed 1.
type utilisation struct {
	flopsPerToken float64
	measure       func() float64 // operations a second
	peak          float64        // 0: not measured yet
}

func newUtilisation(c model.Config, o Options) *utilisation {
	return &utilisation{flopsPerToken: float64(c.FLOPsPerToken(o.SequenceLength)), measure: o.peak}
}

// peak is the speed of products in the precision of the options, which is decided.
func (o Options) peak() float64 {
	if o.Precision == PrecisionBF16 {
		return peakBF16()
	}
	return peakFloat32()
}

// ExpectedFLOPs is the speed that a run will have on this machine, in operations that the
// model needs (model.Config.FLOPsPerToken) a second. On two threads of a Sapphire Rapids
// models from 6M to 700M parameters had 0.2 to 0.5 of the products' in bfloat16 and 0.7 to
// 0.9 in float32, small batches the least.
func (o Options) ExpectedFLOPs() float64 {
	o.resolvePrecision(prefersBF16)
	share := 0.7
	if o.Precision == PrecisionBF16 {
		share = 0.4
	}
	return share * o.peak()
}

// of is the utilisation at this speed.
func (u *utilisation) of(tokensPerSecond float64) float64 {
	if u.peak == 0 {
		u.peak = u.measure()
	}
	return u.flopsPerToken * tokensPerSecond / u.peak
}

// prefersBF16 reports whether products in bfloat16 are faster on this machine: some have
// them, but slowly.
func prefersBF16() bool { return graph.HasBF16() && peakBF16() > peakFloat32() }

// The product that is timed: large enough to keep all threads busy, small enough that
// measuring it is not noticed.
const peakRows, peakCols, peakInner = 1024, 1024, 512

// The peaks are measured once in a process.
var peakFloat32 = sync.OnceValue(func() float64 {
	return fastest(func(a, b, c []float32) {
		kernel.Gemm(false, true, peakRows, peakCols, peakInner, a, b, c, false)
	})
})

var peakBF16 = sync.OnceValue(func() float64 {
	return fastest(func(a, b, c []float32) {
		p := kernel.Product{M: peakRows, N: peakCols, K: peakInner, A: a, LDA: peakInner, B: []kernel.Rows{{Count: peakInner, F32: b}}, C: [][]float32{c}}
		p.BF16()
	})
})

// fastest is the speed of the product, in operations a second, in the best of its tries
// within a tenth of a second; the first try warms up.
func fastest(product func(a, b, c []float32)) float64 {
	a, b, c := make([]float32, peakRows*peakInner), make([]float32, peakInner*peakCols), make([]float32, peakRows*peakCols)
	product(a, b, c)
	best := time.Duration(0)
	for begin := time.Now(); best == 0 || time.Since(begin) < time.Second/10; {
		start := time.Now()
		product(a, b, c)
		if took := max(time.Since(start), 1); best == 0 || took < best {
			best = took
		}
	}
	return 2 * peakRows * peakCols * peakInner / best.Seconds()
}

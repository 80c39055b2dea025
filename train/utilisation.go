package train

import (
	"trit/internal/machine"
	"trit/internal/parallel"
	"trit/model"
	"trit/train/graph"
)

// utilisation turns speed into model FLOPs utilisation (MFU): the operations that the model
// needs for a token (model.Config.FLOPsPerToken), times tokens a second, divided by the peak of
// the machine.
//
// The peak is the speed of the products of the backward pass, which does two thirds of the
// operations: bfloat16 products with precision bf16, else float32 products. It is measured on
// all threads at the first use. The forward products, int8 by ternary weights, are faster than
// float32 products, so MFU by a float32 peak can exceed 1.
type utilisation struct {
	flopsPerToken float64
	measure       func() float64 // operations a second
	peak          float64        // 0: not measured yet
}

func newUtilisation(c model.Config, o Options, m *machine.Machine) *utilisation {
	return &utilisation{
		flopsPerToken: float64(o.FLOPsPerToken(c)),
		measure:       func() float64 { return o.peak(m) },
	}
}

// thisMachine is the machine with a number of threads, 0 for one for each processor.
func thisMachine(threads int) *machine.Machine { return machine.With(parallel.New(threads)) }

// peak is the rate of products in the precision of the options, which is decided, in
// operations a second.
func (o Options) peak(m *machine.Machine) float64 {
	if o.Precision == PrecisionBF16 {
		return m.BFloat16FLOPS()
	}
	return m.Float32FLOPS()
}

// ExpectedFLOPs estimates the speed of a run on a number of threads of this machine, 0 for one
// for each processor, in operations that the model needs (model.Config.FLOPsPerToken) a second.
// On two threads of a Sapphire Rapids models from 6M to 700M parameters had 0.2 to 0.5 of the
// products' rate in bfloat16 and 0.7 to 0.9 in float32, small batches the least.
func (o Options) ExpectedFLOPs(threads int) float64 {
	m := thisMachine(threads)
	o.resolvePrecision(m)
	share := 0.7
	if o.Precision == PrecisionBF16 {
		share = 0.4
	}
	return share * o.peak(m)
}

// fraction returns the utilisation at a speed.
func (u *utilisation) fraction(tokensPerSecond float64) float64 {
	if u.peak == 0 {
		u.peak = u.measure()
	}
	return u.flopsPerToken * tokensPerSecond / u.peak
}

// prefersBF16 reports whether products in bfloat16 are faster on a machine: some have them, but
// slowly.
func prefersBF16(m *machine.Machine) bool {
	return graph.HasBF16() && m.BFloat16FLOPS() > m.Float32FLOPS()
}

// Package optim moves weights by gradients: AdamW and Muon on plain slices, clipping by the global
// norm, and schedules of learning rate and weight decay.
package optim

import (
	"fmt"
	"math"
	"slices"

	"trit/bitlinear/kernel/memory"
	"trit/bitlinear/kernel/vector"
)

// MomentPrecision is the precision in which an AdamW holds its moments.
type MomentPrecision string

// Precisions of moments.
const (
	MomentsFloat32 MomentPrecision = "float32" // 8 bytes a parameter
	MomentsBF16    MomentPrecision = "bf16"    // 4 bytes a parameter, rounded stochastically; see vector.AdamW
)

// Moments lists the precisions.
var Moments = []MomentPrecision{MomentsFloat32, MomentsBF16}

// AdamW is Adam with decoupled weight decay (Loshchilov and Hutter), with the
// arithmetic of torch.optim.AdamW; see vector.AdamW for how it is rounded.
type AdamW struct {
	Beta1, Beta2, Eps float64
	Params            []Param
	StepCount         int // steps taken
}

// Param is a weight with its moments, the running means of the gradient and of its square, in one
// of the precisions. Decay should be set for matrices only: norms and biases are not drawn to
// zero. A parameter of Muon has the first mean alone, in float32.
type Param struct {
	Name         string
	Value        []float32
	M, V         []float32 // with MomentsFloat32
	MBF16, VBF16 []uint16  // with MomentsBF16
	Decay        bool
	Muon         bool // moved by Nesterov and Descend, not by Update
}

// NewAdamW makes an optimiser with moments in one of the precisions, which begin at zero.
func NewAdamW(beta1, beta2, eps float64, moments MomentPrecision, params []Param) (*AdamW, error) {
	if !slices.Contains(Moments, moments) {
		return nil, fmt.Errorf("moments in %q: want one of %s", moments, joined(Moments))
	}
	a := &AdamW{Beta1: beta1, Beta2: beta2, Eps: eps, Params: params}
	a.makeMoments(moments)
	return a, nil
}

func (a *AdamW) makeMoments(precision MomentPrecision) {
	floats, halves := 0, 0
	for _, p := range a.Params {
		switch n := len(p.Value); {
		case p.Muon:
			floats += n
		case precision == MomentsBF16:
			halves += 2 * n
		default:
			floats += 2 * n
		}
	}
	whole, half := memory.NewSlab[float32](floats), memory.NewSlab[uint16](halves)
	for i := range a.Params {
		p := &a.Params[i]
		p.M, p.V, p.MBF16, p.VBF16 = nil, nil, nil, nil
		switch n := len(p.Value); {
		case p.Muon:
			p.M = whole.Take(n)
		case precision == MomentsBF16:
			p.MBF16, p.VBF16 = half.Take(n), half.Take(n)
		default:
			p.M, p.V = whole.Take(n), whole.Take(n)
		}
	}
}

// Moment returns the running mean of the gradient (0) or of its square (1) in float32. Moments in
// float32 are returned without a copy. Others are converted into buffer, which must be as long as
// the parameter.
func (p *Param) Moment(which int, buffer []float32) []float32 {
	if p.MBF16 == nil {
		return [...][]float32{p.M, p.V}[which]
	}
	for i, v := range [...][]uint16{p.MBF16, p.VBF16}[which] {
		buffer[i] = math.Float32frombits(uint32(v) << 16)
	}
	return buffer[:len(p.MBF16)]
}

// SetMoment replaces a running mean by values that Moment gave.
func (p *Param) SetMoment(which int, values []float32) {
	if p.MBF16 == nil {
		copy([...][]float32{p.M, p.V}[which], values)
		return
	}
	for i, v := range values {
		[...][]uint16{p.MBF16, p.VBF16}[which][i] = uint16(math.Float32bits(v) >> 16)
	}
}

// Reset sets the optimiser to its state before the first step. It does not change the weights.
func (a *AdamW) Reset() {
	a.StepCount = 0
	for i := range a.Params {
		p := &a.Params[i]
		clear(p.M)
		clear(p.V)
		clear(p.MBF16)
		clear(p.VBF16)
	}
}

// Begin starts a step. Then the caller updates each parameter once, in any order or at the same time:
// by Update, or one of Muon by its own methods.
func (a *AdamW) Begin() { a.StepCount++ }

// Update moves parameter i against its gradient times gradScale. Each element depends
// on itself alone, so ranges [lo,hi) may be updated at the same time; how bf16 moments are
// rounded depends on the step, on i and on the element, so a run can be repeated.
func (a *AdamW) Update(i, lo, hi int, grad []float32, gradScale float32, rate, decay float64) {
	p := &a.Params[i]
	if !p.Decay {
		decay = 0
	}
	step := vector.NewAdamW(a.Beta1, a.Beta2, a.Eps, a.StepCount, rate, decay, gradScale)
	if p.MBF16 != nil {
		step.UpdateBF16(p.Value[lo:hi], p.MBF16[lo:hi], p.VBF16[lo:hi], grad[lo:hi], lo, roundingKey(a.StepCount, i))
		return
	}
	step.Update(p.Value[lo:hi], p.M[lo:hi], p.V[lo:hi], grad[lo:hi])
}

// roundingKey mixes the number of a step and of a parameter, as the output function of
// SplitMix64 does (Steele, Lea and Flood, 2014).
func roundingKey(step, param int) uint32 {
	z := uint64(step)<<32 + uint64(param)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return uint32((z ^ z>>31) >> 32)
}

// SumSquares is the square of the length of a gradient, in float64.
func SumSquares(grad []float32) float64 { return vector.SumSquares(grad) }

// ClipScale is the factor that reduces gradients of the given global norm to a norm of at most
// maximum; a maximum of 0 is no limit. It equals torch.nn.utils.clip_grad_norm_.
func ClipScale(norm, maximum float64) float64 {
	if maximum <= 0 {
		return 1
	}
	return min(1, maximum/(norm+1e-6))
}

// Package optim holds what turns gradients into weights: AdamW on plain slices,
// clipping by the global norm, and schedules of learning rate and weight decay.
package optim

import "trit/bitlinear/kernel"

// AdamW is Adam with decoupled weight decay (Loshchilov and Hutter), with the
// arithmetic of torch.optim.AdamW; see kernel.AdamW for how it is rounded. The zero moments of a new one are made on first use.
type AdamW struct {
	Beta1, Beta2, Eps float64
	Params            []Param
	StepCount         int // steps taken
}

// Param is a weight with its moments. Decay is on for matrices only: norms and biases
// are not drawn to zero.
type Param struct {
	Name  string
	Value []float32
	M, V  []float32 // running means of the gradient and of its square
	Decay bool
}

// NewAdamW makes an optimiser; the moments begin at zero.
func NewAdamW(beta1, beta2, eps float64, params []Param) *AdamW {
	for i := range params {
		p := &params[i]
		p.M, p.V = make([]float32, len(p.Value)), make([]float32, len(p.Value))
	}
	return &AdamW{Beta1: beta1, Beta2: beta2, Eps: eps, Params: params}
}

// Begin starts a step; Update then does it for each parameter, in any order, also at
// the same time.
func (a *AdamW) Begin() { a.StepCount++ }

// Update moves parameter i against its gradient times gradScale. Each element depends
// on itself alone, so ranges [lo,hi) may be updated at the same time.
func (a *AdamW) Update(i, lo, hi int, grad []float32, gradScale float32, rate, decay float64) {
	p := &a.Params[i]
	if !p.Decay {
		decay = 0
	}
	step := kernel.NewAdamW(a.Beta1, a.Beta2, a.Eps, a.StepCount, rate, decay, gradScale)
	step.Update(p.Value[lo:hi], p.M[lo:hi], p.V[lo:hi], grad[lo:hi])
}

// SumSquares is the square of the length of a gradient, in float64.
func SumSquares(grad []float32) float64 { return kernel.SumSquares(grad) }

// ClipScale is the factor that brings gradients of the given global norm down to at
// most maximum; 0 means no limit. It equals torch.nn.utils.clip_grad_norm_.
func ClipScale(norm, maximum float64) float64 {
	if maximum <= 0 {
		return 1
	}
	return min(1, maximum/(norm+1e-6))
}

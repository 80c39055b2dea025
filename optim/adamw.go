// Package optim holds what turns gradients into weights: AdamW on plain slices,
// clipping by the global norm, and schedules of learning rate and weight decay.
package optim

import "math"

// AdamW is Adam with decoupled weight decay (Loshchilov and Hutter), with the
// arithmetic of torch.optim.AdamW. The zero moments of a new one are made on first use.
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
	t := float64(a.StepCount)
	b1, b2 := float32(a.Beta1), float32(a.Beta2)
	keep := float32(1 - rate*decay)
	size := float32(rate / (1 - math.Pow(a.Beta1, t)))
	root := float32(math.Sqrt(1 - math.Pow(a.Beta2, t)))
	eps := float32(a.Eps)
	value, m, v, grad := p.Value[lo:hi], p.M[lo:hi], p.V[lo:hi], grad[lo:hi]
	for j, g := range grad {
		g *= gradScale
		m[j] += (1 - b1) * (g - m[j])
		v[j] = b2*v[j] + (1-b2)*g*g
		denominator := float32(math.Sqrt(float64(v[j])))/root + eps
		value[j] = value[j]*keep - size*m[j]/denominator
	}
}

// SumSquares is the square of the length of a gradient, in float64.
func SumSquares(grad []float32) float64 {
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(grad); i += 4 {
		a, b, c, d := float64(grad[i]), float64(grad[i+1]), float64(grad[i+2]), float64(grad[i+3])
		s0, s1, s2, s3 = s0+a*a, s1+b*b, s2+c*c, s3+d*d
	}
	for ; i < len(grad); i++ {
		s0 += float64(grad[i]) * float64(grad[i])
	}
	return s0 + s1 + s2 + s3
}

// ClipScale is the factor that brings gradients of the given global norm down to at
// most maximum; 0 means no limit. It equals torch.nn.utils.clip_grad_norm_.
func ClipScale(norm, maximum float64) float64 {
	if maximum <= 0 {
		return 1
	}
	return min(1, maximum/(norm+1e-6))
}

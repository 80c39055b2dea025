package kernel

import "math"

// AdamW is a step of AdamW (Loshchilov and Hutter), with the arithmetic of
// torch.optim.AdamW in float32: square root and division are those of IEEE 754, correctly
// rounded; only the division by Root's square root of the bias is a multiplication by its
// inverse. All implementations have the same bits. The assembly reads the fields in order.
type AdamW struct {
	GradScale   float32 // gradients are multiplied by it
	Blend1      float32 // 1 - beta1
	Beta2       float32
	Blend2      float32 // 1 - beta2
	InverseRoot float32 // 1 / sqrt(1 - beta2^t), t being the number of the step
	Eps         float32
	Keep        float32 // 1 - rate*decay
	Size        float32 // rate / (1 - beta1^t)
}

// NewAdamW makes step t, from 1 on.
func NewAdamW(beta1, beta2, eps float64, t int, rate, decay float64, gradScale float32) *AdamW {
	b1, b2 := float32(beta1), float32(beta2)
	return &AdamW{
		GradScale: gradScale, Blend1: 1 - b1, Beta2: b2, Blend2: 1 - b2, Eps: float32(eps),
		InverseRoot: float32(1 / math.Sqrt(1-math.Pow(beta2, float64(t)))),
		Keep:        float32(1 - rate*decay),
		Size:        float32(rate / (1 - math.Pow(beta1, float64(t)))),
	}
}

// Update moves values against their gradients; m and v are the running means of the
// gradient and of its square. All have the length of grad.
func (s *AdamW) Update(value, m, v, grad []float32) {
	all, n := len(grad), lanes(len(grad))
	value, m, v = value[:all], m[:all], v[:all]
	if n > 0 {
		chosenVectors.adamW(n, &value[0], &m[0], &v[0], &grad[0], &s.GradScale)
	}
	s.adamWGeneric(value[n:], m[n:], v[n:], grad[n:])
}

func (s *AdamW) adamWGeneric(value, m, v, grad []float32) {
	for i, g := range grad {
		m[i], v[i] = s.moments(m[i], v[i], g)
		value[i] = s.moved(value[i], m[i], v[i])
	}
}

// moments are the means after a gradient.
func (s *AdamW) moments(m, v, g float32) (float32, float32) {
	g *= s.GradScale
	return m + s.Blend1*(g-m), s.Beta2*v + s.Blend2*g*g
}

// moved is a value after a step.
func (s *AdamW) moved(value, m, v float32) float32 {
	return value*s.Keep - s.Size*m/(float32(math.Sqrt(float64(v)))*s.InverseRoot+s.Eps)
}

// SumSquares is the sum of x[i]*x[i] in float64.
func SumSquares(x []float32) (sum float64) {
	n := lanes(len(x))
	if n > 0 {
		sum = chosenVectors.sumSquares(n, &x[0])
	}
	return sum + sumSquaresGeneric(x[n:])
}

func sumSquaresGeneric(x []float32) float64 {
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a, b, c, d := float64(x[i]), float64(x[i+1]), float64(x[i+2]), float64(x[i+3])
		s0, s1, s2, s3 = s0+a*a, s1+b*b, s2+c*c, s3+d*d
	}
	for ; i < len(x); i++ {
		s0 += float64(x[i]) * float64(x[i])
	}
	return s0 + s1 + s2 + s3
}

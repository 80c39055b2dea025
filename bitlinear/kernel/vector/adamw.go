package vector

import (
	"math"

	"trit/internal/float16"
)

// AdamW is a step of AdamW (Loshchilov and Hutter), with the arithmetic of torch.optim.AdamW in
// float32. Square root and division are correctly rounded (IEEE 754). The only difference: the
// division by the square root of the bias correction is a multiplication by InverseRoot. All
// implementations have the same bits. The assembly reads the fields in order.
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
		chosen.adamW(n, &value[0], &m[0], &v[0], &grad[0], &s.GradScale)
	}
	s.adamWGeneric(value[n:], m[n:], v[n:], grad[n:])
}

func (s *AdamW) adamWGeneric(value, m, v, grad []float32) {
	for i, g := range grad {
		m[i], v[i] = s.moments(m[i], v[i], g)
		value[i] = s.moved(value[i], m[i], v[i])
	}
}

// UpdateBF16 is Update with moments in bfloat16. They are rounded stochastically, to the number
// below or above, with a probability that makes the expected value exact. If they were rounded to
// nearest, a mean that moves by less than half of its last place would never move. The random bits
// are a hash of the key and of the element's number, first for the first element: so the result
// does not depend on the ranges in which a parameter is updated.
func (s *AdamW) UpdateBF16(value []float32, m, v []uint16, grad []float32, first int, key uint32) {
	all, n := len(grad), lanes(len(grad))
	value, m, v = value[:all], m[:all], v[:all]
	if n > 0 {
		chosen.adamWBF16(n, &value[0], &m[0], &v[0], &grad[0], &s.GradScale, uint32(first), key)
	}
	s.adamWBF16Generic(value[n:], m[n:], v[n:], grad[n:], uint32(first+n), key)
}

func (s *AdamW) adamWBF16Generic(value []float32, m, v []uint16, grad []float32, first, key uint32) {
	for i, g := range grad {
		mean, square := s.moments(float16.BFromBits(m[i]), float16.BFromBits(v[i]), g)
		value[i] = s.moved(value[i], mean, square)
		random := mix32(key ^ (first + uint32(i)))
		m[i], v[i] = roundBF16(mean, random&0xffff), roundBF16(square, random>>16)
	}
}

// roundBF16 rounds to bfloat16. With 16 random bits it rounds up with a probability equal to the
// fraction that is cut off.
func roundBF16(v float32, random uint32) uint16 { return uint16((math.Float32bits(v) + random) >> 16) }

// mix32 is a hash of 32 bits, one to one (the finalizer of MurmurHash3, Appleby 2011).
func mix32(x uint32) uint32 {
	x = (x ^ x>>16) * 0x85ebca6b
	x = (x ^ x>>13) * 0xc2b2ae35
	return x ^ x>>16
}

// moments are the means after a gradient.
func (s *AdamW) moments(m, v, g float32) (float32, float32) {
	g = float32(g * s.GradScale)
	return m + float32(s.Blend1*(g-m)), float32(s.Beta2*v) + float32(s.Blend2*g*g)
}

// moved is a value after a step.
func (s *AdamW) moved(value, m, v float32) float32 {
	return float32(value*s.Keep) - s.Size*m/(float32(float32(math.Sqrt(float64(v)))*s.InverseRoot)+s.Eps)
}

package model

import "math"

// RotaryFrequencies are the angles by which rotary position embedding turns the pairs of a
// head from one position to the next, in radians, [head_dim/2]: theta^(-2i/head_dim) for
// pair i (RoFormer, arXiv:2104.09864).
func (c *Config) RotaryFrequencies() []float64 {
	f := make([]float64, c.HeadDim/2)
	for i := range f {
		f[i] = math.Pow(c.RopeTheta, -float64(2*i)/float64(c.HeadDim))
	}
	return f
}

// RotaryAngles writes cosine and sine of the angles at a position, both [head_dim/2]. The
// angles are float64 and are rounded to float32 once, so that far positions stay exact.
func RotaryAngles(frequencies []float64, position int, cos, sin []float32) {
	for i, frequency := range frequencies {
		s, c := math.Sincos(float64(position) * frequency)
		cos[i], sin[i] = float32(c), float32(s)
	}
}

package model

import "math"

// Rotary says how rotary position embedding turns the pairs of a head (RoFormer,
// arXiv:2104.09864). The engine and the training graph both compute with it.
type Rotary struct {
	// Frequencies are the angles by which the pairs turn from one position to the next, in
	// radians, [rotary dimension/2].
	Frequencies []float64
	// Magnitude multiplies cosine and sine, and so what is turned: 1, but for yarn and longrope.
	Magnitude float64
}

// Rotary is the rotary embedding for sequences of up to length tokens. The length matters to
// longrope alone, see RotaryIsLong.
func (c *Config) Rotary(length int) Rotary {
	r := Rotary{make([]float64, c.RotaryDim()/2), 1}
	for i := range r.Frequencies {
		r.Frequencies[i] = math.Pow(c.RopeTheta, -float64(2*i)/float64(c.RotaryDim()))
	}
	if s := c.RopeScaling; s != nil {
		s.apply(&r, c, c.RotaryIsLong(length))
	}
	return r
}

// RotaryDim is the number of values of a head that rotary embedding turns, the first ones: the
// head dimension, or a part of it.
func (c *Config) RotaryDim() int {
	if c.PartialRotaryFactor == 0 {
		return c.HeadDim
	}
	return int(float64(c.HeadDim) * c.PartialRotaryFactor)
}

// RotaryIsLong reports whether sequences of up to length tokens are computed with the long
// factors of longrope: where they may be longer than the context that the model was trained
// with first.
func (c *Config) RotaryIsLong(length int) bool {
	s := c.RopeScaling
	return s != nil && s.Type == RopeLongRoPE && length > s.OriginalMaxPositionEmbeddings
}

// Angles writes cosine and sine of the angles at a position, times the magnitude, both
// [rotary dimension/2]. The angles are float64 and are rounded to float32 once, so that far
// positions stay exact.
func (r Rotary) Angles(position int, cos, sin []float32) {
	for i, frequency := range r.Frequencies {
		s, c := math.Sincos(float64(position) * frequency)
		cos[i], sin[i] = float32(c*r.Magnitude), float32(s*r.Magnitude)
	}
}

// apply changes a rotary embedding without scaling to one with it.
func (s *RotaryScaling) apply(r *Rotary, c *Config, long bool) {
	if s.AttentionFactor != 0 {
		r.Magnitude = s.AttentionFactor
	}
	f := r.Frequencies
	switch s.Type {
	case RopeLinear:
		for i := range f {
			f[i] /= s.Factor
		}
	case RopeYaRN:
		s.applyYaRN(f, c)
	case RopeLlama3:
		s.applyLlama3(f)
	case RopeLongRoPE:
		factors := s.ShortFactor
		if long {
			factors = s.LongFactor
		}
		for i := range f {
			f[i] /= float64(factors[i])
		}
	}
}

// applyYaRN divides slow frequencies by the factor, keeps fast ones, and blends those between
// (YaRN, arXiv:2309.00071, section 3.2, as transformers and llama.cpp have it).
func (s *RotaryScaling) applyYaRN(f []float64, c *Config) {
	low, high := s.yarnRange(c)
	if low == high {
		high += 0.001
	}
	for i := range f {
		slow := min(1, max(0, (float64(i)-low)/(high-low)))
		f[i] = f[i]/s.Factor*slow + f[i]*(1-slow)
	}
}

// yarnRange is the range of pairs that yarn blends: from those that turn BetaFast times within
// the original context to those that turn BetaSlow times.
func (s *RotaryScaling) yarnRange(c *Config) (low, high float64) {
	pair := func(turns float64) float64 {
		wavelength := float64(s.OriginalMaxPositionEmbeddings) / (turns * 2 * math.Pi)
		return float64(c.RotaryDim()) * math.Log(wavelength) / (2 * math.Log(c.RopeTheta))
	}
	low, high = pair(s.BetaFast), pair(s.BetaSlow)
	if s.Truncate == nil || *s.Truncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	return max(low, 0), min(high, float64(c.RotaryDim()-1))
}

// applyLlama3 divides by the factor what turns less than LowFreqFactor times within the
// original context, keeps what turns more than HighFreqFactor times, and blends what lies
// between (Llama 3.1).
func (s *RotaryScaling) applyLlama3(f []float64) {
	original := float64(s.OriginalMaxPositionEmbeddings)
	for i := range f {
		wavelength := 2 * math.Pi / f[i]
		switch {
		case wavelength < original/s.HighFreqFactor:
		case wavelength > original/s.LowFreqFactor:
			f[i] /= s.Factor
		default:
			smooth := (original/wavelength - s.LowFreqFactor) / (s.HighFreqFactor - s.LowFreqFactor)
			f[i] = (1-smooth)*f[i]/s.Factor + smooth*f[i]
		}
	}
}

package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Types of rotary scaling, by their Hugging Face names.
const (
	RopeLinear   = "linear"
	RopeDynamic  = "dynamic"
	RopeYaRN     = "yarn"
	RopeLlama3   = "llama3"
	RopeLongRoPE = "longrope"
)

// RotaryScaling changes the angles of rotary embedding for sequences that are longer than those
// that the model was trained with first. Its fields are those of a Hugging Face rope_scaling;
// Config.Resolve fills in those that a file leaves out, and no others have a value.
type RotaryScaling struct {
	Type string `json:"rope_type"`
	// Factor is the ratio of the new context to the original one (not for longrope).
	Factor float64 `json:"factor,omitempty"`
	// OriginalMaxPositionEmbeddings is the original context (yarn, llama3, longrope).
	OriginalMaxPositionEmbeddings int `json:"original_max_position_embeddings,omitempty"`
	// AttentionFactor is Rotary.Magnitude (yarn, longrope).
	AttentionFactor float64 `json:"attention_factor,omitempty"`
	BetaFast        float64 `json:"beta_fast,omitempty"` // yarn, as BetaSlow
	BetaSlow        float64 `json:"beta_slow,omitempty"`
	// Truncate of false keeps the bounds of yarn's blend as they are; nil rounds them to whole pairs.
	Truncate       *bool   `json:"truncate,omitempty"`
	LowFreqFactor  float64 `json:"low_freq_factor,omitempty"` // llama3, as HighFreqFactor
	HighFreqFactor float64 `json:"high_freq_factor,omitempty"`
	// ShortFactor divides the frequencies of longrope, and LongFactor those of long sequences
	// (Config.RotaryIsLong), [rotary dimension/2]. They are float32, as transformers has them.
	ShortFactor []float32 `json:"short_factor,omitempty"`
	LongFactor  []float32 `json:"long_factor,omitempty"`
}

// RotaryFactors is a scaling that divides each frequency by a factor of its own, for sequences
// of any length, and multiplies what is turned by a magnitude: the general form, as longrope.
func RotaryFactors(factors []float32, magnitude float64, c *Config) *RotaryScaling {
	return &RotaryScaling{Type: RopeLongRoPE, OriginalMaxPositionEmbeddings: c.MaxPositionEmbeddings,
		AttentionFactor: magnitude, ShortFactor: factors, LongFactor: slices.Clone(factors)}
}

// IsUniform reports whether the scaling is one that RotaryFactors makes.
func (s *RotaryScaling) IsUniform(c *Config) bool {
	return s.Type == RopeLongRoPE && s.OriginalMaxPositionEmbeddings == c.MaxPositionEmbeddings &&
		slices.Equal(s.ShortFactor, s.LongFactor)
}

// String is the scaling as config.json has it, or "none".
func (s *RotaryScaling) String() string {
	if s == nil {
		return "none"
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Equal reports whether two scalings are the same but for the rounding of GGUF's metadata.
func (s *RotaryScaling) Equal(o *RotaryScaling) bool {
	if s == nil || o == nil {
		return s == o
	}
	same := func(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Abs(a) }
	truncates := func(s *RotaryScaling) bool { return s.Truncate == nil || *s.Truncate }
	return s.Type == o.Type && same(s.Factor, o.Factor) && same(s.AttentionFactor, o.AttentionFactor) &&
		s.OriginalMaxPositionEmbeddings == o.OriginalMaxPositionEmbeddings &&
		same(s.BetaFast, o.BetaFast) && same(s.BetaSlow, o.BetaSlow) && truncates(s) == truncates(o) &&
		same(s.LowFreqFactor, o.LowFreqFactor) && same(s.HighFreqFactor, o.HighFreqFactor) &&
		slices.Equal(s.ShortFactor, o.ShortFactor) && slices.Equal(s.LongFactor, o.LongFactor)
}

// SameRotary reports whether two configurations turn all heads by the same angles, up to a
// relative difference, as float32 makes it.
func SameRotary(a, b *Config) bool {
	const rounding = 1e-6
	for _, length := range []int{1, max(a.MaxPositionEmbeddings, b.MaxPositionEmbeddings)} {
		x, y := a.Rotary(length), b.Rotary(length)
		close := func(v, w float64) bool { return math.Abs(v-w) <= rounding*math.Abs(v) }
		if !close(x.Magnitude, y.Magnitude) || !slices.EqualFunc(x.Frequencies, y.Frequencies, close) {
			return false
		}
	}
	return true
}

// YaRNMagnitude is the factor by which yarn multiplies what it turns, by the ratio of the
// contexts: 0.1 ln(factor) + 1 (arXiv:2309.00071, section 3.4), with scale for 0.1 * scale.
func YaRNMagnitude(factor, scale float64) float64 {
	if factor <= 1 {
		return 1
	}
	return 0.1*scale*math.Log(factor) + 1
}

// resolveRotary fills in what a scaling leaves out, by the rules of transformers 5, and drops
// what has no effect.
func (c *Config) resolveRotary() {
	if c.PartialRotaryFactor == 1 {
		c.PartialRotaryFactor = 0
	}
	if c.RopeScaling == nil {
		return
	}
	s := *c.RopeScaling
	c.RopeScaling = &s
	if s.OriginalMaxPositionEmbeddings == 0 && (s.Type == RopeYaRN || s.Type == RopeLongRoPE) {
		s.OriginalMaxPositionEmbeddings = c.MaxPositionEmbeddings
	}
	ratio := float64(c.MaxPositionEmbeddings) / float64(s.OriginalMaxPositionEmbeddings)
	switch s.Type {
	case "", "default":
		c.RopeScaling = nil
	case RopeYaRN:
		s.resolveYaRN(ratio)
	case RopeLongRoPE:
		if s.Factor == 0 {
			s.Factor = ratio
		}
		if s.AttentionFactor == 0 {
			s.AttentionFactor = 1
			if s.Factor > 1 {
				s.AttentionFactor = math.Sqrt(1 + math.Log(s.Factor)/math.Log(float64(s.OriginalMaxPositionEmbeddings)))
			}
		}
		s.Factor = 0
	}
}

func (s *RotaryScaling) resolveYaRN(ratio float64) {
	if s.Factor == 0 {
		s.Factor = ratio
	}
	if s.AttentionFactor == 0 {
		s.AttentionFactor = YaRNMagnitude(s.Factor, 1)
	}
	if s.BetaFast == 0 {
		s.BetaFast = 32
	}
	if s.BetaSlow == 0 {
		s.BetaSlow = 1
	}
	if s.Truncate != nil && *s.Truncate {
		s.Truncate = nil
	}
}

// CheckRotaryLength returns why sequences of up to length tokens cannot be turned: dynamic
// scaling changes the angles of all tokens with each one beyond the context, so the result
// depends on the steps in which a sequence was read, and no rule says which steps are meant.
func (c *Config) CheckRotaryLength(length int) error {
	if s := c.RopeScaling; s != nil && s.Type == RopeDynamic && length > c.MaxPositionEmbeddings {
		return fmt.Errorf("rope_scaling is %s: sequences of %d tokens: want at most max_position_embeddings %d, since "+
			"beyond it the angles of this type depend on the steps in which a sequence is read", s, length,
			c.MaxPositionEmbeddings)
	}
	return nil
}

// validateRotary returns the problems of a resolved configuration's rotary embedding.
func (c *Config) validateRotary() error {
	dim := c.RotaryDim()
	switch {
	case !(c.PartialRotaryFactor >= 0 && c.PartialRotaryFactor <= 1), dim < 2 || dim%2 != 0:
		return fmt.Errorf("partial_rotary_factor is %v, which turns %d of the %d values of a head: want an even number, "+
			"at least 2 and at most all", c.PartialRotaryFactor, dim, c.HeadDim)
	case c.RopeScaling == nil:
		return nil
	}
	if err := c.RopeScaling.validate(c); err != nil {
		return fmt.Errorf("rope_scaling: %w", err)
	}
	return nil
}

func (s *RotaryScaling) validate(c *Config) error {
	positive := map[string][]scalingNumber{
		RopeLinear:   {{"factor", s.Factor}},
		RopeDynamic:  {{"factor", s.Factor}},
		RopeYaRN:     {{"factor", s.Factor}, {"attention_factor", s.AttentionFactor}, {"beta_fast", s.BetaFast}, {"beta_slow", s.BetaSlow}},
		RopeLlama3:   {{"factor", s.Factor}, {"low_freq_factor", s.LowFreqFactor}, {"high_freq_factor", s.HighFreqFactor}},
		RopeLongRoPE: {{"attention_factor", s.AttentionFactor}},
	}
	numbers, known := positive[s.Type]
	if !known {
		return fmt.Errorf("rope_type is %q: want one of %q", s.Type, RotaryScalingTypes)
	}
	for _, n := range numbers {
		if !(float32(n.value) > 0 && n.value <= math.MaxFloat32) {
			return fmt.Errorf("%s is %v: rope_type %q wants a positive number", n.key, n.value, s.Type)
		}
	}
	if n := s.OriginalMaxPositionEmbeddings; s.Type != RopeLinear && s.Type != RopeDynamic && (n < 2 || n > maxSize) {
		return fmt.Errorf("original_max_position_embeddings is %d: rope_type %q wants a number from 2 to %d",
			n, s.Type, maxSize)
	}
	return s.validateShape(c)
}

// RotaryScalingTypes are the types of scaling that are computed.
var RotaryScalingTypes = []string{RopeLinear, RopeDynamic, RopeYaRN, RopeLlama3, RopeLongRoPE}

// scalingNumber is a number of a scaling that must be positive.
type scalingNumber struct {
	key   string
	value float64
}

// validateShape looks at what the fields say together.
func (s *RotaryScaling) validateShape(c *Config) error {
	switch s.Type {
	case RopeLlama3:
		if s.HighFreqFactor <= s.LowFreqFactor {
			return fmt.Errorf("high_freq_factor is %v: want more than low_freq_factor %v", s.HighFreqFactor, s.LowFreqFactor)
		}
	case RopeYaRN:
		if low, high := s.yarnRange(c); s.BetaFast < s.BetaSlow || low > high {
			return fmt.Errorf("beta_fast %v and beta_slow %v blend pairs from %v to %v: want beta_fast above beta_slow, and an "+
				"original context that fits them", s.BetaFast, s.BetaSlow, low, high)
		}
	case RopeLongRoPE:
		return errors.Join(checkFactors("short_factor", s.ShortFactor, c), checkFactors("long_factor", s.LongFactor, c))
	}
	return nil
}

func checkFactors(key string, factors []float32, c *Config) error {
	if len(factors) != c.RotaryDim()/2 {
		return fmt.Errorf("%s has %d numbers: want %d, one for each pair that is turned", key, len(factors), c.RotaryDim()/2)
	}
	for i, f := range factors {
		if !(f > 0 && f <= math.MaxFloat32) {
			return fmt.Errorf("%s has %v for pair %d: want a positive number", key, f, i)
		}
	}
	return nil
}

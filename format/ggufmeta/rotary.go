package ggufmeta

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"trit/format/gguf"
	"trit/internal/jsonfile"
	"trit/model"
)

// Tensors that divide the frequencies of rotary embedding, [rotary dimension/2] each.
const (
	ropeFreqs   = "rope_freqs.weight"
	ropeFactors = "rope_factors_" // long.weight, short.weight
	ropeLong    = ropeFactors + "long.weight"
	ropeShort   = ropeFactors + "short.weight"
)

// rotaryKey holds a scaling as config.json has it, where GGUF's own keys and tensors give the
// angles but not what they were made from. Other engines do not look at it.
const rotaryKey = "trit.rope_scaling"

// Values of the key rope.scaling.type.
const (
	scalingNone     = "none"
	scalingLinear   = "linear"
	scalingYaRN     = "yarn"
	scalingLongRoPE = "longrope"
)

// IsRotaryTensor reports whether a tensor is one that ReadConfig takes for rotary embedding.
func IsRotaryTensor(name string) bool {
	return name == ropeFreqs || name == ropeLong || name == ropeShort
}

// RotaryTensor is a tensor of factors of rotary embedding, F32.
type RotaryTensor struct {
	Name   string
	Values []float32
}

// RotaryTensors are the tensors of factors that a model's GGUF file has beside its weights.
func RotaryTensors(c *model.Config) []RotaryTensor {
	s := c.RopeScaling
	switch {
	case s == nil:
		return nil
	case s.Type == model.RopeLlama3, s.Type == model.RopeYaRN && !isPlainYaRN(s):
		return []RotaryTensor{{ropeFreqs, factorsOf(c)}}
	case s.Type == model.RopeLongRoPE && s.IsUniform(c):
		return []RotaryTensor{{ropeFreqs, s.ShortFactor}}
	case s.Type == model.RopeLongRoPE:
		return []RotaryTensor{{ropeLong, s.LongFactor}, {ropeShort, s.ShortFactor}}
	}
	return nil
}

// isPlainYaRN reports whether a scaling is yarn with the usual blend. llama.cpp does not look at
// the keys of another one in files of the architectures here, so such a blend is written as
// factors.
func isPlainYaRN(s *model.RotaryScaling) bool {
	return s.Type == model.RopeYaRN && s.Truncate == nil && s.BetaFast == 32 && s.BetaSlow == 1
}

// factorsOf are what a scaling divides the frequencies by.
func factorsOf(c *model.Config) []float32 {
	plain := *c
	plain.RopeScaling = nil
	from, to := plain.Rotary(1).Frequencies, c.Rotary(1).Frequencies
	factors := make([]float32, len(from))
	for i := range factors {
		factors[i] = float32(from[i] / to[i])
	}
	return factors
}

// writeRotary enters the keys of rotary embedding, as llama.cpp's converter does, but for
// rope.dimension_count.
func writeRotary(m *gguf.Metadata, architecture string, c *model.Config) error {
	m.Set(architecture+".rope.freq_base", float32(c.RopeTheta))
	s := c.RopeScaling
	if s == nil {
		return nil
	}
	prefix := architecture + ".rope.scaling."
	attention := s.AttentionFactor
	switch {
	case s.Type == model.RopeLinear:
		m.Set(prefix+"type", scalingLinear)
		m.Set(prefix+"factor", float32(s.Factor))
	case isPlainYaRN(s):
		m.Set(prefix+"type", scalingYaRN)
		m.Set(prefix+"factor", float32(s.Factor))
		m.Set(prefix+"original_context_length", uint32(s.OriginalMaxPositionEmbeddings))
		attention /= model.YaRNMagnitude(s.Factor, 1) // readers multiply by it
	case s.Type == model.RopeLongRoPE && !s.IsUniform(c):
		m.Set(prefix+"type", scalingLongRoPE)
		m.Set(prefix+"original_context_length", uint32(s.OriginalMaxPositionEmbeddings))
	case s.Type != model.RopeLongRoPE:
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		m.Set(rotaryKey, string(b))
	}
	if attention != 0 && attention != 1 {
		m.Set(prefix+"attn_factor", float32(attention))
	}
	return nil
}

// rotaryReader reads what a GGUF file says of rotary embedding, by the rules of llama.cpp.
type rotaryReader struct {
	f      *gguf.File
	prefix string // of keys, with the architecture
	c      *model.Config
	err    error
}

// readRotary reads the scaling. The head dimension, the rotary dimension and the context length
// are known already.
func readRotary(f *gguf.File, architecture string, c *model.Config) error {
	r := &rotaryReader{f: f, prefix: architecture + ".rope.", c: c}
	c.RopeScaling = r.scaling()
	if r.err != nil {
		return r.err
	}
	stated, ok := f.Metadata.String(rotaryKey)
	if !ok {
		return nil
	}
	with := *c
	with.RopeScaling = nil
	if err := jsonfile.Decode([]byte(stated), &with.RopeScaling); err != nil {
		return fmt.Errorf("the key %s is %s: %w", rotaryKey, stated, err)
	}
	with.Resolve()
	c.Resolve()
	if err := with.Validate(); err != nil {
		return fmt.Errorf("the key %s is %s: %w", rotaryKey, stated, err)
	}
	if !model.SameRotary(c, &with) {
		return fmt.Errorf("the key %s is %s, but the keys %sscaling.* and the tensors say %s: they contradict each other; "+
			"convert the model again", rotaryKey, stated, r.prefix, c.RopeScaling)
	}
	c.RopeScaling = with.RopeScaling
	return nil
}

// fail keeps the first error.
func (r *rotaryReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// number reads a number that must be positive; 0 means the same as no key.
func (r *rotaryReader) number(key string, missing float64) float64 {
	value, ok := r.f.Metadata.Get(r.prefix + key)
	if !ok {
		return missing
	}
	v, ok := r.f.Metadata.Float(r.prefix + key)
	switch {
	case !ok || !(v >= 0 && v <= math.MaxFloat32):
		r.fail("the key %s%s is %v: want a positive number", r.prefix, key, value)
	case v > 0:
		return shortest(v)
	}
	return missing
}

// scaling reads keys and tensors.
func (r *rotaryReader) scaling() *model.RotaryScaling {
	kind, ok := r.f.Metadata.String(r.prefix + "scaling.type")
	if _, present := r.f.Metadata.Get(r.prefix + "scaling.type"); !ok && !present {
		kind = scalingLinear // llama.cpp's default
	}
	factor := r.factor()
	r.refuse(kind, factor)
	attention := r.number("scaling.attn_factor", 1)
	short, long := r.factors(kind)
	if r.err != nil {
		return nil
	}
	if kind == scalingYaRN {
		return r.yarn(factor, attention)
	}
	attention *= r.number("scaling.yarn_attn_factor", 1)
	switch {
	case kind == scalingLongRoPE:
		original := r.original()
		return &model.RotaryScaling{Type: model.RopeLongRoPE, OriginalMaxPositionEmbeddings: original,
			AttentionFactor: attention, ShortFactor: times(short, factor), LongFactor: times(long, factor)}
	case short == nil && attention == 1 && factor == 1:
		return nil
	case short == nil && attention == 1:
		return &model.RotaryScaling{Type: model.RopeLinear, Factor: factor}
	case short == nil:
		short = slices.Repeat([]float32{1}, r.c.RotaryDim()/2)
	}
	return model.RotaryFactors(times(short, factor), attention, r.c)
}

// times are factors that are multiplied by one for all.
func times(factors []float32, by float64) []float32 {
	for i, f := range factors {
		factors[i] = float32(float64(f) * by)
	}
	return factors
}

// factor is by how much all positions are divided, under the key's new and old name.
func (r *rotaryReader) factor() float64 {
	factor, old := r.number("scaling.factor", 0), r.number("scale_linear", 0)
	switch {
	case factor == 0 && old == 0:
		return 1
	case factor == 0:
		return old
	case old != 0 && old != factor:
		r.fail("the key %sscaling.factor is %v and %sscale_linear, its old name, is %v: they contradict each other; remove "+
			"the one that the model was not trained with", r.prefix, factor, r.prefix, old)
	}
	return factor
}

// original is the context of the training before scaling.
func (r *rotaryReader) original() int {
	return int(min(r.number("scaling.original_context_length", float64(r.c.MaxPositionEmbeddings)), math.MaxInt32))
}

// refuse reports types and values that are not computed with.
func (r *rotaryReader) refuse(kind string, factor float64) {
	kinds := []string{scalingNone, scalingLinear, scalingYaRN, scalingLongRoPE}
	if !slices.Contains(kinds, kind) {
		value, _ := r.f.Metadata.Get(r.prefix + "scaling.type")
		r.fail("the key %sscaling.type is %q: want one of %q", r.prefix, fmt.Sprint(value), kinds)
	}
	if kind == scalingNone && factor != 1 {
		r.fail("the key %sscaling.type is none, but the factor is %v: they contradict each other; remove the factor, or set "+
			"the type that the model was trained with", r.prefix, factor)
	}
	usual := 0.0
	if kind == scalingYaRN {
		usual = 1
	}
	key := r.prefix + "scaling.yarn_ext_factor"
	if v, ok := r.f.Metadata.Float(key); ok && v >= 0 && v != usual {
		r.fail("the key %s is %v: rotary scaling of type %s is computed with %v alone", key, v, kind, usual)
	}
}

// yarn reads the keys of yarn. llama.cpp multiplies by 0.1 ln(factor) + 1 and by attn_factor.
func (r *rotaryReader) yarn(factor, attention float64) *model.RotaryScaling {
	usual := model.YaRNMagnitude(factor, 1)
	if v := r.number("scaling.yarn_attn_factor", usual); math.Abs(v-usual) > 1e-6 {
		r.fail("the key %sscaling.yarn_attn_factor is %v: llama.cpp ignores it and multiplies by %v, while its converter "+
			"writes config.json's attention_factor there; convert the model again from its folder", r.prefix, v, usual)
	}
	if v := r.number("scaling.yarn_log_multiplier", 0); v != 0 {
		r.fail("the key %sscaling.yarn_log_multiplier is %v: llama.cpp looks at it for other architectures alone; convert "+
			"the model again from its folder", r.prefix, v)
	}
	return &model.RotaryScaling{
		Type: model.RopeYaRN, Factor: factor, OriginalMaxPositionEmbeddings: r.original(), AttentionFactor: usual * attention,
		BetaFast: r.number("scaling.yarn_beta_fast", 32), BetaSlow: r.number("scaling.yarn_beta_slow", 1),
	}
}

// factors reads the tensors of factors that a type has: both nil where there are none.
func (r *rotaryReader) factors(kind string) (short, long []float32) {
	freqs, short, long := r.tensor(ropeFreqs), r.tensor(ropeShort), r.tensor(ropeLong)
	switch {
	case kind == scalingLongRoPE && (short == nil || long == nil || freqs != nil):
		r.fail("the key %sscaling.type is longrope: want the tensors %s and %s, and no %s",
			r.prefix, ropeShort, ropeLong, ropeFreqs)
	case kind != scalingLongRoPE && (short != nil || long != nil):
		r.fail("there are tensors %s*, but the key %sscaling.type is not longrope: they contradict each other; set the key, "+
			"or remove the tensors", ropeFactors, r.prefix)
	case kind == scalingYaRN && freqs != nil:
		r.fail("there is a tensor %s, and the key %sscaling.type is yarn: a model is scaled in one way; remove the one that "+
			"it was not trained with", ropeFreqs, r.prefix)
	case kind != scalingLongRoPE:
		short = freqs
	}
	return short, long
}

// tensor reads a tensor of factors, nil where it is not there.
func (r *rotaryReader) tensor(name string) []float32 {
	t, ok := r.f.Tensor(name)
	if !ok {
		return nil
	}
	n := r.c.RotaryDim() / 2
	if !slices.Equal(t.Dims, []uint64{uint64(n)}) {
		r.fail("%s has dims %v: want [%d], one factor for each pair that is turned", name, t.Dims, n)
		return nil
	}
	values := make([]float32, n)
	if err := gguf.Dequantize(t.Type, values, r.f.Data(t)); err != nil {
		r.fail("%s: %v", name, err)
	}
	for i, v := range values {
		if !(v > 0 && v <= math.MaxFloat32) {
			r.fail("%s has %v for pair %d: want a positive number", name, v, i)
		}
	}
	return values
}

// readRotaryDim takes the head dimension and the part of it that is turned. A file that names no
// length of keys has heads that fill the embedding, unless more of them is turned.
func readRotaryDim(m *gguf.Metadata, architecture string, c *model.Config) error {
	key := architecture + ".rope.dimension_count"
	turned, ok := m.Uint(key)
	if _, present := m.Get(key); present && !ok {
		return fmt.Errorf("the key %s is no whole number: convert the model again", key)
	}
	usual := 0
	if c.NumAttentionHeads > 0 {
		usual = c.HiddenSize / c.NumAttentionHeads
	}
	if c.HeadDim == 0 {
		c.HeadDim = max(usual, int(min(turned, 1<<24)))
	}
	switch {
	case !ok || turned == 0 || turned == uint64(c.HeadDim):
		return nil
	case turned > uint64(c.HeadDim) || turned%2 != 0:
		return fmt.Errorf("the key %s is %d: want an even number, and at most the head dimension %d", key, turned, c.HeadDim)
	}
	c.PartialRotaryFactor = float64(turned) / float64(c.HeadDim)
	if c.RotaryDim() < int(turned) {
		c.PartialRotaryFactor = math.Nextafter(c.PartialRotaryFactor, 1)
	}
	return nil
}

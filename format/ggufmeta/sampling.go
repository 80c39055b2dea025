package ggufmeta

import (
	"fmt"
	"math"
	"strings"

	"trit/format/gguf"
	"trit/model"
	"trit/setting"
)

// samplingPrefix begins the keys about the choice of tokens, as gguf-py's constants have them.
const samplingPrefix = "general.sampling."

// samplingFloats are the keys that hold float32, and where they go.
var samplingFloats = []struct {
	key   string
	place func(*model.Sampling) **float64
}{
	{"temp", func(s *model.Sampling) **float64 { return &s.Temperature }},
	{"top_p", func(s *model.Sampling) **float64 { return &s.TopP }},
	{"min_p", func(s *model.Sampling) **float64 { return &s.MinP }},
	{"penalty_repeat", func(s *model.Sampling) **float64 { return &s.RepetitionPenalty }},
}

const samplingTopK = "top_k" // an int32

// WriteSampling enters the advice on the choice of tokens.
func WriteSampling(m *gguf.Metadata, s model.Sampling) {
	for _, f := range samplingFloats {
		if v := *f.place(&s); v != nil {
			m.Set(samplingPrefix+f.key, float32(*v))
		}
	}
	if s.TopK != nil {
		m.Set(samplingPrefix+samplingTopK, int32(*s.TopK))
	}
}

// ReadSampling reads the advice on the choice of tokens. The notes name what is advised and has no
// field in model.Sampling, and what is no number.
func ReadSampling(m *gguf.Metadata) (s model.Sampling, notes []setting.Note) {
	for _, key := range m.Keys {
		name, ok := strings.CutPrefix(key, samplingPrefix)
		if v, _ := m.Get(key); ok && !enterSampling(&s, m, name) && !switchedOff(name, v) {
			notes = append(notes, setting.Note(fmt.Sprintf("%s is %v: tokens are chosen without it", key, v)))
		}
	}
	return s, notes
}

// enterSampling enters the value of a key, and reports whether s has a field for it.
func enterSampling(s *model.Sampling, m *gguf.Metadata, name string) bool {
	v, isNumber := m.Float(samplingPrefix + name)
	if name == samplingTopK {
		if !isNumber { // a negative number, which means all tokens as 0 does, or none
			n, isInt := m.Get(samplingPrefix + name)
			_, isNumber = n.(int32)
			v, isNumber = 0, isInt && isNumber
		}
		if !isNumber || v > math.MaxInt32 || v != math.Trunc(v) {
			return false
		}
		k := int(v)
		s.TopK = &k
		return true
	}
	for _, f := range samplingFloats {
		if f.key == name && isNumber {
			v = shortest(v)
			*f.place(s) = &v
			return true
		}
	}
	return false
}

// switchedOff reports whether a key changes no choice: a number that is 0, and a penalty over all
// tokens, which is how the engine computes it.
func switchedOff(name string, v any) bool {
	text := fmt.Sprint(v)
	return text == "0" || name == "penalty_last_n" && text == "-1"
}

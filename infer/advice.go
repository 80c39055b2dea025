package infer

import (
	"trit/format/ggufmeta"
	"trit/lm"
	"trit/setting"
)

// DefaultSampling is how tokens are chosen where a model's makers advise nothing. Taking always
// the likeliest token instead ends in loops with most small models.
var DefaultSampling = lm.Sampling{Temperature: 0.8, TopP: 0.95}

// Sampling is how tokens are chosen where the user does not say: DefaultSampling, with what the
// file advises (general.sampling) in the place of its values. Its values need not be valid. The
// notes name what the file advises and the engine does not do.
func (m *Model) Sampling() (lm.Sampling, []setting.Note) {
	s := DefaultSampling
	if m.file == nil {
		return s, nil
	}
	advice, notes := ggufmeta.ReadSampling(&m.file.Metadata)
	take(&s.Temperature, advice.Temperature)
	take(&s.TopK, advice.TopK)
	take(&s.TopP, advice.TopP)
	take(&s.MinP, advice.MinP)
	take(&s.RepetitionPenalty, advice.RepetitionPenalty)
	return s, notes
}

// take replaces a value by one that is set.
func take[T any](dst, from *T) {
	if from != nil {
		*dst = *from
	}
}

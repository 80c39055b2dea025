package infer

import (
	"context"

	"trit/format/ggufmeta"
	"trit/lm"
	"trit/setting"
)

// TokenText turns a token into its bytes, as tokenizer.Tokenizer does. The bytes need not be
// whole characters.
type TokenText interface{ TokenBytes(id int32) []byte }

// Generator gives one answer after another in one session. What a prompt has in common with the
// prompt and answer before it is not computed again. It is for one goroutine.
type Generator struct {
	session *Session
	batch   *Batch
	tok     TokenText
}

var _ lm.Generator = (*Generator)(nil)

// NewGenerator makes a generator whose prompts and answers have up to capacity tokens
// together. The texts of tokens come from tok.
func (m *Model) NewGenerator(tok TokenText, capacity int) (*Generator, error) {
	s, err := m.NewSession(capacity)
	if err != nil {
		return nil, err
	}
	return &Generator{s, m.NewBatch(), tok}, nil
}

// Len is the number of tokens that the generator holds.
func (g *Generator) Len() int { return g.session.Len() }

// Generate implements lm.Generator. The answer ends with lm.FinishContext if the generator has
// no space for another token; a prompt that does not fit is an error.
func (g *Generator) Generate(ctx context.Context, r lm.GenerateRequest, onDelta func(lm.Delta)) (
	lm.GenerateResult, error,
) {
	a, err := NewAnswer(ctx, g.session, g.tok, r, onDelta)
	if err != nil {
		return lm.GenerateResult{}, err
	}
	for {
		if _, done := a.Done(); done {
			return a.Result()
		}
		g.batch.Advance([]*Answer{a}, []int{MaxPass})
	}
}

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

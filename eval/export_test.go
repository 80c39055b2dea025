package eval

import (
	"context"

	"trit/lm"
	"trit/tokenizer"
)

// Request is a request for tests of another package.
type Request struct {
	Context  string
	Score    lm.ScoreRequest
	Generate lm.ContinueRequest
}

// Prepare returns the requests of each question that is asked.
func Prepare(ctx context.Context, t *Task, o *Options) ([][]Request, error) {
	p, err := t.prepare(ctx, o, newEncoder(o.Tokenizer, o.MaxLength))
	if err != nil {
		return nil, err
	}
	all := make([][]Request, len(p.questions))
	for i := range all {
		for _, r := range p.requests[p.first[i]:p.first[i+1]] {
			all[i] = append(all[i], Request{r.context, r.score, r.generate})
		}
	}
	return all, nil
}

// Pair is the request that scores a continuation.
func Pair(tok *tokenizer.Tokenizer, maxLength int, context, continuation string) lm.ScoreRequest {
	r, _ := newEncoder(tok, maxLength).pair(context, continuation)
	return r
}

// CutAt cuts an answer at stop strings.
var CutAt = cutAt

// FewshotSeed is the seed of few-shot examples.
const FewshotSeed = fewshotSeed

// Hashed is the text that the hash of a document is of.
func (d Document) Hashed() string { return d.hashed() }

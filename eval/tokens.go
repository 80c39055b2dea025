package eval

import (
	"context"
	"errors"
	"math"
)

// prepareTokens makes the requests of documents that are tokens. BOS stands before each document
// and is not predicted; EOS follows it and is predicted.
func (t *Task) prepareTokens(ctx context.Context, o *Options, e *encoder) (*prepared, error) {
	docs, err := t.Tokens(ctx, o)
	if err != nil {
		return nil, err
	}
	ids, err := o.Documents(t.Name, len(docs))
	if err != nil {
		return nil, err
	}
	p := &prepared{Task: t, total: len(docs)}
	for _, id := range ids {
		tokens := append([]int32{}, docs[id].IDs...)
		if eos := o.Tokenizer.EOS(); eos >= 0 {
			tokens = append(tokens, eos)
		}
		p.first = append(p.first, len(p.requests))
		p.questions = append(p.questions, question{id: id, Question: Question{Words: len(tokens), Bytes: docs[id].Bytes}})
		for _, w := range e.windows(tokens) {
			p.requests = append(p.requests, request{score: w})
		}
	}
	if len(p.requests) == 0 {
		return nil, errors.New("its documents have no tokens")
	}
	p.first = append(p.first, len(p.requests))
	return p, nil
}

// judgeTokens divides the log-likelihood by tokens, which Words counts here, and by bytes.
func (o *outcome) judgeTokens() {
	nats, tokens, bytes := 0.0, 0, 0
	for _, s := range o.scores {
		nats -= s.LogProb
	}
	for _, q := range o.questions {
		tokens, bytes = tokens+q.Words, bytes+q.Bytes
	}
	loss := nats / float64(tokens)
	o.set(Loss, "none", loss)
	o.set(Perplexity, "none", math.Exp(loss))
	o.set(BitsPerByte, "none", nats/math.Ln2/float64(bytes))
}

package eval

import (
	"context"
	"errors"
	"fmt"
	"math"

	"trit/lm"
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
		windows, tokens, err := e.documentWindows(&docs[id], o.Tokenizer.EOS())
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", id, err)
		}
		p.first = append(p.first, len(p.requests))
		p.questions = append(p.questions, question{id: id, Question: Question{Words: tokens, Bytes: docs[id].Bytes}})
		for _, w := range windows {
			p.requests = append(p.requests, request{score: w})
		}
	}
	if len(p.requests) == 0 {
		return nil, errors.New("its documents have no tokens")
	}
	p.first = append(p.first, len(p.requests))
	return p, nil
}

// documentWindows are the requests of a document and the number of tokens that they predict.
func (e *encoder) documentWindows(d *TokenDocument, eos int32) ([]lm.ScoreRequest, int, error) {
	if d.Targets == 0 {
		tokens := append([]int32{}, d.IDs...)
		if eos >= 0 {
			tokens = append(tokens, eos)
		}
		return e.windows(tokens), len(tokens), nil
	}
	if n := len(d.IDs) - 1; n > e.maxLength {
		return nil, 0, fmt.Errorf("the window has %d tokens before its last: the context length is %d, and a shorter window "+
			"would be another measure: take a model with a longer context, or a task with shorter windows", n, e.maxLength)
	}
	w := lm.ScoreRequest{Input: d.IDs[:len(d.IDs)-1], Targets: d.IDs[len(d.IDs)-d.Targets:]}
	return []lm.ScoreRequest{w}, d.Targets, nil
}

// judgeTokens divides the log-likelihood by tokens, which Words counts here, and by bytes. Standard errors
// are those of a ratio of sums over documents.
func (o *outcome) judgeTokens() {
	nats, tokens, bytes := make([]float64, len(o.questions)), 0, 0
	for i, q := range o.questions {
		for _, s := range o.scores[o.first[i]:o.first[i+1]] {
			nats[i] -= s.LogProb
		}
		tokens, bytes = tokens+q.Words, bytes+q.Bytes
	}
	loss := sum(nats) / float64(tokens)
	o.set(Loss, "none", loss)
	o.set(Perplexity, "none", math.Exp(loss))
	if bytes > 0 {
		o.set(BitsPerByte, "none", sum(nats)/math.Ln2/float64(bytes))
	}
	squares, n := 0.0, float64(len(nats))
	for i, v := range nats {
		rest := v - float64(loss*float64(o.questions[i].Words))
		squares += float64(rest * rest)
	}
	if n > 1 {
		stderr := math.Sqrt(squares*n/(n-1)) / float64(tokens)
		o.metrics[resultName{Loss, "none"}.stderr()] = stderr
		o.metrics[resultName{Perplexity, "none"}.stderr()] = math.Exp(loss) * stderr
	}
}

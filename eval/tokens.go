package eval

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"

	"trit/data/source"
	"trit/eval/internal/python"
	"trit/lm"
	"trit/tokenizer"
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
		q := question{id: id, Question: Question{Words: tokens, Bytes: docs[id].Bytes}}
		q.doc = describe(o.Tokenizer, docs[id].IDs, windows)
		p.questions = append(p.questions, q)
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

// describe is a document of tokens as samples show it: by a hash, and what is predicted of it.
func describe(t *tokenizer.Tokenizer, ids []int32, windows []lm.ScoreRequest) Document {
	h, tokens, bytes, words := sha256.New(), 0, 0, 0
	for _, id := range ids {
		h.Write(binary.LittleEndian.AppendUint32(nil, uint32(id)))
	}
	for _, w := range windows {
		tokens, words = tokens+len(w.Targets), words+len(strings.Fields(t.Decode(w.Targets)))
		for _, id := range w.Targets {
			bytes += len(t.TokenBytes(id))
		}
	}
	return Document{
		{Name: "token_hash", Value: hex.EncodeToString(h.Sum(nil))}, {Name: "tokens", Value: int64(tokens)},
		{Name: "bytes", Value: int64(bytes)}, {Name: "words", Value: int64(words)},
	}
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
// are those of a ratio of sums over documents, each of which is a sample.
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
	o.sampleTokens(nats, bytes > 0)
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

// sampleTokens makes a sample of each document, whose values are log-likelihood and divisor, as those of a text.
func (o *outcome) sampleTokens(nats []float64, withBytes bool) {
	for i := range o.questions {
		q := &o.questions[i]
		s := sample{
			question: q, requests: make([]request, 1), resps: []any{[]any{python.Float(-nats[i])}},
			filtered: []any{python.Float(-nats[i])}, filter: "none",
		}
		for _, m := range []Metric{Loss, Perplexity} {
			s.values = append(s.values, source.Field{Name: string(m), Value: []any{-nats[i], int64(q.Words)}})
		}
		if withBytes {
			s.values = append(s.values, source.Field{Name: string(BitsPerByte), Value: []any{-nats[i], int64(q.Bytes)}})
		}
		o.samples = append(o.samples, s)
	}
}

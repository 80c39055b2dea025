package eval

import (
	"errors"
	"fmt"
	"math"

	"trit/data"
)

// heldOut is BitsPerByte as a task: its documents are tokens already.
var heldOut = &Task{
	Name: BitsPerByte, About: "perplexity of the held-out documents of data prepared by trit", Kind: Rolling, Version: 1,
	Test: Source{Files: []string{"a folder of trit data prepare"}},
}

// prepareHeldOut makes windows of the held-out documents, less the beginning-of-text
// token, which stands before each and is not predicted.
func prepareHeldOut(o *Options, e *encoder) (*prepared, error) {
	if o.DataDir == "" {
		return nil, errors.New("name the folder of prepared data, with held-out documents, with --data-dir")
	}
	p := &prepared{Task: heldOut}
	var docs []data.Document
	for d, err := range data.HeldoutDocuments(o.DataDir) {
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	asked, err := o.asked(heldOut.Name, len(docs))
	if err != nil {
		return nil, err
	}
	for _, id := range asked {
		ids := append([]int32{}, docs[id].IDs...)
		if eos := o.Tokenizer.EOS(); eos >= 0 {
			ids = append(ids, eos)
		}
		p.first = append(p.first, len(p.requests))
		p.questions = append(p.questions, Question{id: id, Words: len(ids), Bytes: int(docs[id].Bytes)})
		for _, w := range e.windows(ids) {
			p.requests = append(p.requests, request{score: w})
		}
	}
	if len(p.requests) == 0 {
		return nil, fmt.Errorf("%s holds no held-out documents: prepare it with --holdout", o.DataDir)
	}
	p.total, p.first = len(docs), append(p.first, len(p.requests))
	return p, nil
}

// judgeHeldOut divides by tokens, which Words of a question counts here, and by bytes.
func (o *outcome) judgeHeldOut() {
	nats, tokens, bytes := 0.0, 0, 0
	for _, s := range o.scores {
		nats -= s.LogProb
	}
	for _, q := range o.questions {
		tokens, bytes = tokens+q.Words, bytes+q.Bytes
	}
	loss := nats / float64(tokens)
	o.set("loss,none", loss)
	o.set("perplexity,none", math.Exp(loss))
	o.set("bits_per_byte,none", nats/math.Ln2/float64(bytes))
}

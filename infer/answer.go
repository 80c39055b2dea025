package infer

import (
	"context"
	"slices"
	"time"

	"trit/infer/lookup"
	"trit/infer/sampling"
	"trit/lm"
)

// Answer is an answer in the making: a request, the session that it is computed in, and what
// there is of it. Advance takes it further.
type Answer struct {
	s       *Session
	ctx     context.Context
	tok     TokenText
	o       lm.GenerateRequest
	r       lm.GenerateResult
	sampler *sampling.Sampler
	drafts  *lookup.Drafter // nil without prompt lookup
	unread  []int32         // tokens of the prompt that the session does not hold
	last    int32           // the last token that was chosen, which the session does not hold
	out     *textStream
	onDelta func(lm.Delta) // may be nil
	emitted int            // number of r.Tokens that onDelta got
	began   time.Time      // of reading the prompt, then of generating
	err     error          // of the model
}

// NewAnswer prepares to answer a request in a session, which keeps what it holds of the prompt.
// It calls onDelta, which may be nil, within Advance. The answer ends with lm.FinishContext if
// the session has no space for another token; a prompt that does not fit is an error. Texts of
// tokens come from tok.
func NewAnswer(ctx context.Context, s *Session, tok TokenText, r lm.GenerateRequest, onDelta func(lm.Delta)) (
	*Answer, error,
) {
	if err := r.Sampling.Validate(); err != nil {
		return nil, err
	}
	if err := s.checkPrompt(r.Prompt); err != nil {
		return nil, err
	}
	a := &Answer{s: s, ctx: ctx, tok: tok, o: r, sampler: sampling.New(r.Sampling), onDelta: onDelta, began: time.Now()}
	a.out = &textStream{stop: r.Stop, emit: a.emit}
	a.sampler.Read(r.Prompt)
	a.unread = s.Rewind(r.Prompt)
	a.r.PromptTokens, a.r.CachedTokens = len(r.Prompt), len(r.Prompt)-len(a.unread)
	if r.PromptLookup {
		a.drafts = lookup.New()
	}
	return a, nil
}

// Unread is the number of tokens of the prompt that are still to be read.
func (a *Answer) Unread() int { return len(a.unread) }

// Done reports whether the answer has ended, and why.
func (a *Answer) Done() (lm.FinishReason, bool) { return a.r.FinishReason, a.r.FinishReason != "" }

// Result is the answer so far; it is whole when Done. The error is that of a model which computes
// no numbers; it ends the answer.
func (a *Answer) Result() (lm.GenerateResult, error) { return a.r, a.err }

// Batch takes answers of one model further together. It is for one goroutine.
type Batch struct {
	pass    pass
	part    part   // the pieces of prompts that are on their way through the layers
	readers []turn // of the spans of part
}

// NewBatch makes a batch.
func (m *Model) NewBatch() *Batch { return &Batch{pass: newPass(m)} }

// Advance takes answers, each in a session of its own, further in one pass over the weights.
// Answer i goes through at most limits[i] tokens, at least 1: a piece of its prompt, or its last
// token and a draft of those after it. The limits together are at most MaxPass. An answer whose
// context has ended ends. Every answer gets the tokens that it would get alone.
func (batch *Batch) Advance(answers []*Answer, limits []int) {
	batch.AdvanceLayers(answers, limits, len(batch.pass.m.layers))
}

// AdvanceLayers is Advance that takes the pieces of prompts through a number of layers only. The
// next calls take them through those that follow, and no other pieces until all are through:
// answers whose prompts are being read wait. A pass beside a long prompt reads its keys and
// values in these layers alone, and a long piece reads them once for all of its tokens.
func (batch *Batch) AdvanceLayers(answers []*Answer, limits []int, layers int) {
	b := advance{p: &batch.pass, wanted: []int{}}
	batch.dropEnded()
	free := len(batch.readers) == 0
	for i, a := range answers {
		switch {
		case a.ended():
		case a.Unread() == 0:
			b.add(newTurn(a, limits[i]))
		case free:
			batch.readers = append(batch.readers, newTurn(a, limits[i]))
			batch.part.spans = append(batch.part.spans, batch.readers[len(batch.readers)-1].span())
		}
	}
	spans := b.spans()
	if batch.part.layer+layers >= len(batch.pass.m.layers) {
		for _, t := range batch.readers {
			t.a.unread = t.a.unread[len(t.ids):]
			b.add(t)
		}
		batch.readers = batch.readers[:0]
	}
	batch.pass.runBeside(spans, &batch.part, layers, b.wanted)
	b.keep()
	if len(batch.readers) == 0 {
		batch.part.spans, batch.part.layer = batch.part.spans[:0], 0
	}
	b.choose()
}

// keep makes the ends of prompts that the pass has read places to go back to: the next prompt often
// begins as this one does.
func (b *advance) keep() {
	for _, t := range b.turns {
		if len(t.a.unread) == 0 && len(t.a.r.Tokens) == 0 {
			t.a.s.Keep()
		}
	}
}

// Reading is the number of tokens of prompts that are on their way, and of the layers before
// them.
func (batch *Batch) Reading() (tokens, layers int) {
	for _, t := range batch.readers {
		tokens += len(t.ids)
	}
	return tokens, len(batch.pass.m.layers) - batch.part.layer
}

// dropEnded takes the answers that have ended off the way.
func (batch *Batch) dropEnded() {
	p, row := &batch.part, 0
	d := batch.pass.m.config.HiddenSize
	for i := 0; i < len(batch.readers); {
		n := len(batch.readers[i].ids)
		if !batch.readers[i].a.ended() {
			row, i = row+n, i+1
			continue
		}
		s := p.spans[i].s
		s.Truncate(s.Len()) // layers have read a piece that the others will not
		batch.readers, p.spans = slices.Delete(batch.readers, i, i+1), slices.Delete(p.spans, i, i+1)
		p.x = slices.Delete(p.x, row*d, (row+n)*d)
	}
	if len(batch.readers) == 0 {
		p.layer = 0
	}
}

// ended reports whether the answer has ended; it ends with its context.
func (a *Answer) ended() bool {
	if a.r.FinishReason == "" && a.ctx.Err() != nil {
		a.finish(lm.FinishCancel)
	}
	return a.r.FinishReason != ""
}

// MaxPass is the most tokens that go through the layers together.
const MaxPass = maxBatch

// advance is one pass over the weights for several answers.
type advance struct {
	p      *pass
	turns  []turn
	wanted []int // rows after which tokens are chosen
	rows   int
}

// turn is what an answer has of a pass.
type turn struct {
	a        *Answer
	ids      []int32
	choices  int  // number of the last ids after which tokens are chosen
	position int  // of ids[0] in the sequence
	ended    bool // no further tokens are chosen
}

func newTurn(a *Answer, limit int) turn {
	t := turn{a: a, position: a.s.Len()}
	t.ids, t.choices = a.next(limit)
	return t
}

func (t *turn) span() span {
	return span{s: t.a.s, ids: t.ids, draft: t.choices > 1}
}

func (b *advance) add(t turn) {
	b.rows += len(t.ids)
	for i := range t.choices {
		b.wanted = append(b.wanted, b.rows-t.choices+i)
	}
	b.turns = append(b.turns, t)
}

func (b *advance) spans() []span {
	spans := make([]span, len(b.turns))
	for i := range b.turns {
		spans[i] = b.turns[i].span()
	}
	return spans
}

// choose chooses the tokens after the wanted rows, which are the first ones.
func (b *advance) choose() {
	owners := make([]*turn, 0, len(b.wanted))
	for i := range b.turns {
		for range b.turns[i].choices {
			owners = append(owners, &b.turns[i])
		}
	}
	if len(owners) == 0 {
		return
	}
	rows := make([]int, len(owners))
	for i := range rows {
		rows[i] = i
	}
	done := map[*turn]int{}
	b.p.choose(rows, func(i int, c choice) {
		t := owners[i]
		at := len(t.ids) - t.choices + done[t]
		done[t]++
		if !t.ended {
			t.take(at, c)
		}
	})
}

// take chooses the token after ids[at]. What follows of a draft counts only if the token is
// the next of the draft.
func (t *turn) take(at int, c choice) {
	id, err := t.a.choose(c)
	if err != nil {
		t.a.err, t.ended = err, true
		t.a.finish(lm.FinishCancel)
		return
	}
	position := t.position + at + 1
	t.ended = t.a.add(id, position) || at+1 == len(t.ids) || t.ids[at+1] != id
	if t.ended {
		t.a.s.Truncate(position)
		t.a.learn(t.choices-1, at-(len(t.ids)-t.choices))
	}
}

// next returns the next tokens to compute, at most limit, and the number of the last of them
// after which tokens are chosen.
func (a *Answer) next(limit int) (ids []int32, choices int) {
	if n := len(a.unread); n > 0 {
		if n <= limit {
			choices = 1
		}
		return a.unread[:min(n, limit)], choices
	}
	ids = []int32{a.last}
	if a.drafts != nil {
		room := min(limit-1, a.s.Capacity()-a.s.Len()-1, a.o.MaxTokens-len(a.r.Tokens)-1, a.s.m.longestDraft())
		ids = append(ids, a.drafts.Propose(append(a.s.tokens, a.last), room)...)
	}
	a.r.Passes++
	return ids, len(ids)
}

// choose samples a token.
func (a *Answer) choose(c choice) (int32, error) {
	var mask []uint64
	if a.o.Constraint != nil {
		mask = a.o.Constraint.Mask()
	}
	id, err := c.sample(a.sampler, mask)
	if err == nil && a.o.LogProbs && len(a.r.Tokens) < a.o.MaxTokens {
		a.r.LogProbs = append(a.r.LogProbs, logProbs(c.full(), id, a.o.TopLogProbs))
	}
	return id, err
}

// add adds a token, which is for a position of the sequence, to the answer, unless the answer
// ends before it. It reports whether the answer ends.
func (a *Answer) add(id int32, position int) bool {
	a.last = id
	a.sampler.Accept(id)
	if a.r.Prefill == 0 {
		a.r.Prefill, a.began = time.Since(a.began), time.Now()
	}
	if reason := a.append(id, position); reason != "" {
		a.finish(reason)
		return true
	}
	if a.o.Constraint != nil {
		a.o.Constraint.Accept(id)
	}
	return false
}

// append adds a token to the answer, unless the answer ends before it. It returns the reason to
// end, "" for none.
func (a *Answer) append(id int32, position int) lm.FinishReason {
	switch {
	case len(a.r.Tokens) >= a.o.MaxTokens:
		return lm.FinishLength
	case slices.Contains(a.o.StopIDs, id):
		return lm.FinishStop
	}
	a.r.Tokens = append(a.r.Tokens, id)
	switch {
	case a.out.add(a.tok.TokenBytes(id)):
		return lm.FinishStop
	case a.ctx.Err() != nil:
		return lm.FinishCancel
	case len(a.r.Tokens) == a.o.MaxTokens:
		return lm.FinishLength
	case position == a.s.Capacity():
		return lm.FinishContext
	}
	return ""
}

// finish ends the answer: it emits what is held back.
func (a *Answer) finish(reason lm.FinishReason) {
	a.r.FinishReason = reason
	if a.r.Prefill > 0 {
		a.r.Decode = time.Since(a.began)
	}
	a.r.LogProbs = a.r.LogProbs[:min(len(a.r.LogProbs), len(a.r.Tokens))] // without that of a stop token
	a.r.Text, a.r.StopText = a.out.finish(), a.out.reached
	if a.emitted < len(a.r.Tokens) { // tokens without text, such as those of a stop text
		a.emit("")
	}
}

// emit hands new text to onDelta, with the tokens since the call before.
func (a *Answer) emit(text string) {
	if a.onDelta == nil {
		return
	}
	d := lm.Delta{Text: text, Tokens: slices.Clone(a.r.Tokens[a.emitted:])}
	if a.o.LogProbs {
		d.LogProbs = slices.Clone(a.r.LogProbs[a.emitted:len(a.r.Tokens)])
	}
	a.emitted = len(a.r.Tokens)
	a.onDelta(d)
}

// learn adapts the drafts to how many of the drafted tokens were right.
func (a *Answer) learn(drafted, right int) {
	if drafted > 0 {
		a.drafts.Learn(drafted, right)
		a.r.Drafted, a.r.Accepted = a.r.Drafted+drafted, a.r.Accepted+right
	}
}

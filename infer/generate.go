package infer

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// TokenText turns a token into its bytes; a tokenizer is one.
type TokenText interface{ TokenBytes(id int32) []byte }

// GenerateOptions say how far to generate.
type GenerateOptions struct {
	MaxTokens int
	Stop      []string // texts to end before
	StopIDs   []int32  // tokens to end at
	Sampler   SamplerOptions
	OnText    func(string) // called with new text, whole characters only; may be nil
	// PromptLookup drafts tokens from earlier text and checks several in one pass. It
	// never changes the tokens, and rests where it does not pay.
	PromptLookup bool
}

// Reasons why generation ended.
const (
	FinishStop    = "stop"    // a stop string or token
	FinishLength  = "length"  // MaxTokens
	FinishContext = "context" // the session is full
	FinishCancel  = "cancel"  // the context ended
)

// Result is what was generated.
type Result struct {
	Tokens       []int32
	Text         string
	FinishReason string
	PromptTokens int
	Prefill      time.Duration
	Decode       time.Duration
	Passes       int // over the weights, to generate
	Drafted      int // tokens
	DraftedRight int
}

// PrefillTokensPerSecond is the speed of reading the prompt.
func (r *Result) PrefillTokensPerSecond() float64 {
	return float64(r.PromptTokens) / max(r.Prefill.Seconds(), 1e-9)
}

// DecodeTokensPerSecond is the speed of generating.
func (r *Result) DecodeTokensPerSecond() float64 {
	return float64(len(r.Tokens)) / max(r.Decode.Seconds(), 1e-9)
}

// Generate appends the prompt to the session and then tokens chosen by the sampler.
func (s *Session) Generate(ctx context.Context, prompt []int32, tok TokenText, o GenerateOptions) (Result, error) {
	g := generation{s: s, ctx: ctx, tok: tok, o: o, r: Result{PromptTokens: len(prompt)}, sampler: NewSampler(o.Sampler), out: &textStream{stop: o.Stop, emit: o.OnText}}
	if err := o.Sampler.Validate(); err != nil {
		return g.r, err
	}
	if o.PromptLookup {
		g.drafts = newDrafter()
	}
	for _, id := range slices.Concat(s.tokens, prompt) {
		g.sampler.Accept(id)
	}
	start := time.Now()
	first, err := s.Step(prompt, g.sampler)
	if err != nil {
		return g.r, err
	}
	g.sampler.Accept(first)
	g.r.Prefill = time.Since(start)
	start = time.Now()
	err = g.run(first)
	g.r.Decode = time.Since(start)
	g.r.Text = g.out.finish()
	return g.r, err
}

// generation is what Generate is at.
type generation struct {
	s       *Session
	ctx     context.Context
	tok     TokenText
	o       GenerateOptions
	r       Result
	sampler *Sampler
	out     *textStream
	drafts  *drafter // nil without prompt lookup
}

// run hands on the first token and those that follow until there is a reason to end.
func (g *generation) run(first int32) error {
	for chosen, before := []int32{first}, g.s.Len(); ; {
		for i, id := range chosen {
			if g.r.FinishReason = g.take(id, before+i); g.r.FinishReason != "" {
				g.s.Truncate(before + i)
				return nil
			}
		}
		var err error
		before = g.s.Len() + 1
		if chosen, err = g.step(chosen[len(chosen)-1]); err != nil {
			return err
		}
	}
}

// take hands on a token, which has so many before it, and returns why to end after it,
// "" to go on.
func (g *generation) take(id int32, before int) string {
	switch {
	case len(g.r.Tokens) >= g.o.MaxTokens:
		return FinishLength
	case slices.Contains(g.o.StopIDs, id):
		return FinishStop
	}
	g.r.Tokens = append(g.r.Tokens, id)
	switch {
	case g.out.add(g.tok.TokenBytes(id)):
		return FinishStop
	case g.ctx.Err() != nil:
		return FinishCancel
	case len(g.r.Tokens) == g.o.MaxTokens:
		return FinishLength
	case before == g.s.Capacity():
		return FinishContext
	}
	return ""
}

// step appends a token and a draft of those that follow, forgets the wrong part of the
// draft and returns the tokens chosen after each that is right.
func (g *generation) step(id int32) (chosen []int32, err error) {
	s := g.s
	ids := []int32{id}
	if g.drafts != nil {
		limit := min(s.Capacity()-s.Len()-1, g.o.MaxTokens-len(g.r.Tokens)-1)
		ids = append(ids, g.drafts.propose(append(s.tokens, id), limit)...)
	}
	if err := s.check(ids); err != nil {
		return nil, err
	}
	before, rows := s.Len(), make([]int, len(ids))
	for i := range rows {
		rows[i] = i
	}
	s.pass.run([]span{{s, ids}})
	s.pass.choose(rows, func(i int, c choice) bool {
		next := c.by(g.sampler)
		g.sampler.Accept(next)
		chosen = append(chosen, next)
		return i+1 < len(ids) && ids[i+1] == next
	})
	s.Truncate(before + len(chosen))
	g.r.Passes++
	if drafted := len(ids) - 1; drafted > 0 {
		g.drafts.learn(drafted, len(chosen)-1)
		g.r.Drafted, g.r.DraftedRight = g.r.Drafted+drafted, g.r.DraftedRight+len(chosen)-1
	}
	return chosen, nil
}

// textStream hands text on as it grows, but holds back what may still turn out to be
// a stop string or half a character.
type textStream struct {
	stop    []string
	emit    func(string)
	text    strings.Builder // handed on
	pending []byte          // held back
	stopped bool
}

// add takes the bytes of a token; true when a stop string has come.
func (t *textStream) add(b []byte) bool {
	t.pending = append(t.pending, b...)
	first := -1
	for _, s := range t.stop {
		if i := strings.Index(string(t.pending), s); i >= 0 && s != "" && (first < 0 || i < first) {
			first = i
		}
	}
	if first >= 0 {
		t.release(first)
		t.pending, t.stopped = nil, true
		return true
	}
	t.release(len(t.pending) - t.held())
	return false
}

// held is how many of the last bytes must wait.
func (t *textStream) held() int {
	n := 0
	for i := 1; i <= min(3, len(t.pending)); i++ { // the beginning of a character
		if last := t.pending[len(t.pending)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				n = i
			}
			break
		}
	}
	for _, s := range t.stop { // the beginning of a stop string
		for i := min(len(s)-1, len(t.pending)); i > n; i-- {
			if strings.HasPrefix(s, string(t.pending[len(t.pending)-i:])) {
				n = i
				break
			}
		}
	}
	return n
}

func (t *textStream) release(n int) {
	if n == 0 {
		return
	}
	s := strings.ToValidUTF8(string(t.pending[:n]), "\uFFFD")
	t.pending = t.pending[n:]
	t.text.WriteString(s)
	if t.emit != nil {
		t.emit(s)
	}
}

// finish hands on what is left and returns the whole text.
func (t *textStream) finish() string {
	t.release(len(t.pending))
	return t.text.String()
}

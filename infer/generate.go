package infer

import (
	"context"
	"slices"
	"time"

	"trit/lm"
)

// TokenText turns a token into its bytes, as tokenizer.Tokenizer does. The bytes need not be
// whole characters.
type TokenText interface{ TokenBytes(id int32) []byte }

// Generator continues one sequence of tokens. The tokens that it has read and generated, and
// their KV cache, stay from call to call. It is for one goroutine.
type Generator struct {
	session *Session
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
	return &Generator{s, tok}, nil
}

// Len is the number of tokens that the generator holds.
func (g *Generator) Len() int { return g.session.Len() }

// Rewind forgets all tokens after the longest common prefix with ids, and returns the ids that
// are still to be read, at least the last one. A chat calls it with the whole conversation
// before each answer; the result is the prompt.
func (g *Generator) Rewind(ids []int32) []int32 { return g.session.Rewind(ids) }

// Generate implements lm.Generator. The answer ends with lm.FinishContext if the generator has
// no space for another token; a prompt that does not fit is an error.
func (g *Generator) Generate(ctx context.Context, r lm.GenerateRequest, onDelta func(lm.Delta)) (
	lm.GenerateResult, error,
) {
	run := generation{
		s: g.session, ctx: ctx, tok: g.tok, o: r, r: lm.GenerateResult{PromptTokens: len(r.Prompt)},
		sampler: NewSampler(r.Sampling), onDelta: onDelta,
	}
	run.out = &textStream{stop: r.Stop, emit: run.emit}
	if err := r.Sampling.Validate(); err != nil {
		return run.r, err
	}
	if r.PromptLookup {
		run.drafts = newDrafter()
	}
	err := run.run(r.Prompt)
	return run.r, err
}

// generation is the state of one call of Generate.
type generation struct {
	s       *Session
	ctx     context.Context
	tok     TokenText
	o       lm.GenerateRequest
	r       lm.GenerateResult
	sampler *Sampler
	out     *textStream
	onDelta func(lm.Delta) // may be nil
	emitted int            // number of r.Tokens that onDelta got
	drafts  *drafter       // nil without prompt lookup
}

// emit hands new text to onDelta, with the tokens since the call before.
func (g *generation) emit(text string) {
	if g.onDelta != nil {
		g.onDelta(lm.Delta{Text: text, Tokens: slices.Clone(g.r.Tokens[g.emitted:])})
		g.emitted = len(g.r.Tokens)
	}
}

// run reads the prompt and generates the answer, and measures both.
func (g *generation) run(prompt []int32) error {
	for _, id := range slices.Concat(g.s.tokens, prompt) {
		g.sampler.Accept(id)
	}
	start := time.Now()
	rest, err := g.read(prompt)
	if err != nil || g.r.FinishReason != "" {
		return err
	}
	first, err := g.s.Step(rest, g.sampler)
	if err != nil {
		return err
	}
	g.sampler.Accept(first)
	g.r.Prefill = time.Since(start)
	start = time.Now()
	err = g.decode(first)
	g.r.Decode = time.Since(start)
	g.r.Text = g.out.finish()
	if g.emitted < len(g.r.Tokens) { // tokens without text, such as those of a stop text
		g.emit("")
	}
	return err
}

// read appends a prompt to the session, all but what Step reads in one pass, and returns that.
// It ends early, with lm.FinishCancel, when the context ends: a long prompt takes long.
func (g *generation) read(prompt []int32) (rest []int32, err error) {
	if err := g.s.check(prompt); err != nil {
		return nil, err
	}
	for ; len(prompt) > maxBatch; prompt = prompt[maxBatch:] {
		if g.ctx.Err() != nil {
			g.r.FinishReason = lm.FinishCancel
			return nil, nil
		}
		if err := g.s.Forward(prompt[:maxBatch], nil, 0); err != nil {
			return nil, err
		}
	}
	return prompt, nil
}

// decode adds the first token to the answer, and tokens after it until there is a reason
// to end.
func (g *generation) decode(first int32) error {
	for chosen, position := []int32{first}, g.s.Len(); ; {
		for i, id := range chosen {
			if g.r.FinishReason = g.addToken(id, position+i); g.r.FinishReason != "" {
				g.s.Truncate(position + i)
				return nil
			}
		}
		var err error
		position = g.s.Len() + 1
		if chosen, err = g.step(chosen[len(chosen)-1]); err != nil {
			return err
		}
	}
}

// addToken adds the token at a position of the sequence to the answer, unless the answer ends
// before it. It returns the reason to end, "" for none.
func (g *generation) addToken(id int32, position int) lm.FinishReason {
	switch {
	case len(g.r.Tokens) >= g.o.MaxTokens:
		return lm.FinishLength
	case slices.Contains(g.o.StopIDs, id):
		return lm.FinishStop
	}
	g.r.Tokens = append(g.r.Tokens, id)
	switch {
	case g.out.add(g.tok.TokenBytes(id)):
		return lm.FinishStop
	case g.ctx.Err() != nil:
		return lm.FinishCancel
	case len(g.r.Tokens) == g.o.MaxTokens:
		return lm.FinishLength
	case position == g.s.Capacity():
		return lm.FinishContext
	}
	return ""
}

// step appends a token and a draft of those after it to the session. It returns the token
// that is chosen after each right one, and removes the wrong part of the draft.
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
	err = s.pass.choose(rows, func(i int, c choice) bool {
		next := c.sample(g.sampler)
		g.sampler.Accept(next)
		chosen = append(chosen, next)
		return i+1 < len(ids) && ids[i+1] == next
	})
	if err != nil {
		return nil, err
	}
	s.Truncate(before + len(chosen))
	g.r.Passes++
	if drafted := len(ids) - 1; drafted > 0 {
		g.drafts.learn(drafted, len(chosen)-1)
		g.r.Drafted, g.r.Accepted = g.r.Drafted+drafted, g.r.Accepted+len(chosen)-1
	}
	return chosen, nil
}

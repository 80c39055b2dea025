package answer

import (
	"context"
	"errors"
	"strings"
	"time"

	"trit/lm"
	"trit/serve/grammar"
	"trit/tokenizer"
)

// Ask answers a request. It calls on, which may be nil, with each new part of the answer. It
// fails with RequestError, with lm.LengthError, with lm.BusyError, or with the error of the model.
// When ctx ends, the answer ends with FinishCancel.
func Ask(ctx context.Context, m *Model, r Request, on func(Event)) (Result, error) {
	w := watchersOf(ctx)
	w.began(m.ID)
	result, err := ask(ctx, m, r, on, w)
	w.ended(&result, err)
	return result, err
}

func ask(ctx context.Context, m *Model, r Request, on func(Event), w watchers) (Result, error) {
	a, err := newAsking(ctx, m, &r)
	if err != nil {
		return Result{}, err
	}
	ctx, a.stop = context.WithCancelCause(ctx)
	defer a.stop(nil)
	a.on, a.watchers, a.start = on, w, time.Now()
	prompt, err := a.prompt()
	if err != nil {
		return Result{}, err
	}
	request := lm.GenerateRequest{
		Prompt: prompt, MaxTokens: r.MaxTokens, Stop: r.Stop, Sampling: r.Sampling, PromptLookup: true,
		LogProbs: r.LogProbs, TopLogProbs: r.TopLogProbs,
	}
	if request.MaxTokens == 0 {
		request.MaxTokens = max(1, m.Context-len(prompt))
	}
	ends := m.Tokenizer.EOSIDs()
	if request.Constraint, err = a.constraint(ends); err != nil {
		return Result{}, err
	}
	if !r.IgnoreEnd || request.Constraint != nil { // a form has an end
		request.StopIDs = ends
	}
	a.out = newSplitter(a.syntax, a.startsThinking(prompt), a.part)
	a.out.begun = r.Prompt.ids != nil // a continuation is text, whatever it looks like
	a.result.GenerateResult, err = m.Generator.Generate(ctx, request, a.delta)
	if err != nil {
		return Result{}, err
	}
	if err := a.finish(); err != nil {
		return Result{}, err
	}
	a.end()
	return a.result, nil
}

// newAsking checks a request and gives its texts to the filter of the context.
func newAsking(ctx context.Context, m *Model, r *Request) (*asking, error) {
	if err := r.validate(m); err != nil {
		return nil, err
	}
	if err := filterInput(ctx, r); err != nil {
		return nil, err
	}
	a := &asking{m: m, r: r, sieve: sieve{filter: filterOf(ctx)}}
	if a.filtered = a.sieve.looks(); a.filtered && r.LogProbs {
		return nil, Badf("logprobs", "would tell what the server's filter takes out of answers: leave them out")
	}
	if len(r.Tools) > 0 && r.Choice.Mode != ToolsNone {
		a.syntax = syntaxOf(m.Tokenizer)
	}
	return a, nil
}

// asking is the state of one call of Ask.
type asking struct {
	m        *Model
	r        *Request
	on       func(Event)
	syntax   *syntax // of tool calls; nil: there are no tools
	out      *splitter
	logProbs []lm.TokenLogProbs // that no event has had yet
	unknown  int                // tokens of which it is not known whether they are thoughts
	result   Result
	sieve    sieve
	filtered bool // the sieve looks at the answer
	thoughts bool // there are some
	stop     context.CancelCauseFunc
	watchers watchers
	start    time.Time
	begun    bool
}

// prompt is the sequence before the answer.
func (a *asking) prompt() ([]int32, error) {
	if a.r.Prompt.ids != nil {
		return a.r.Prompt.ids, nil
	}
	if a.m.Tokenizer.ChatTemplate().Text == "" {
		return nil, Badf("model", "%s is a base model without a chat template: it continues texts, it does not chat", a.m.ID)
	}
	request := tokenizer.ChatRequest{Messages: a.r.Messages, AddGenerationPrompt: true, Extra: a.r.Template}
	if a.syntax != nil {
		var err error
		if request.Tools, err = toolObjects(a.r.Tools); err != nil {
			return nil, err
		}
		if !a.syntax.template {
			request.Messages, request.Tools = a.syntax.instruct(request.Messages, request.Tools), nil
		}
	}
	ids, err := a.m.Tokenizer.EncodeChat(request)
	if err != nil {
		return nil, Badf("messages", "%v", err)
	}
	return ids, nil
}

// constraint is what the answer must look like, nil for any text.
func (a *asking) constraint(ends []int32) (lm.Constraint, error) {
	source, field := a.r.Format, "response_format"
	switch {
	case a.syntax != nil && !source.IsText():
		return nil, Badf(field, "an answer with a form cannot call tools: leave it out, or set tool_choice to none")
	case a.syntax != nil:
		source, field = a.syntax.source(a.r, false), "tools"
	case source.GBNF != "":
		field = "grammar"
	}
	if source.IsText() {
		return nil, nil
	}
	if a.m.Grammar == nil {
		return nil, Badf(field, "the model cannot be held to a form")
	}
	c, err := a.m.Grammar.New(source, ends)
	var wrong *grammar.Error
	if errors.As(err, &wrong) && a.syntax != nil && a.r.hasLooseTools() {
		c, err = a.m.Grammar.New(a.syntax.source(a.r, true), ends)
	}
	if errors.As(err, &wrong) {
		return nil, Badf(field, "%v", err)
	}
	return c, err
}

// startsThinking reports whether the template has begun the model's thoughts.
func (a *asking) startsThinking(prompt []int32) bool {
	var tail strings.Builder
	for _, id := range prompt[max(0, len(prompt)-8):] {
		tail.Write(a.m.Tokenizer.TokenBytes(id))
	}
	return a.r.Prompt.ids == nil && strings.HasSuffix(strings.TrimSpace(tail.String()), thinkBegin)
}

// delta takes what the model writes.
func (a *asking) delta(d lm.Delta) {
	if !a.begun {
		a.begun = true
		a.watchers.firstToken(time.Since(a.start))
	}
	a.logProbs = append(a.logProbs, d.LogProbs...)
	if a.sieve.refused != nil {
		return
	}
	before := a.out.now
	a.thoughts = false
	a.out.write(d.Text)
	a.unknown += len(d.Tokens)
	switch {
	case before == thinking, a.out.now == thinking, a.thoughts:
		a.result.ReasoningTokens += a.unknown
		a.unknown = 0
	case a.out.begun:
		a.unknown = 0
	}
}

// finish gives away what was held back.
func (a *asking) finish() error {
	if a.result.FinishReason != lm.FinishStop {
		a.out.cut(a.r.Choice.Mode == ToolsRequired)
	}
	a.out.finish()
	a.release()
	if a.sieve.refused != nil {
		return a.sieve.refused
	}
	if len(a.logProbs) > 0 { // of tokens without text
		a.emit(Event{LogProbs: a.logProbs})
	}
	return nil
}

// part takes a piece of the answer that the splitter has found.
func (a *asking) part(k kind, text string) {
	if k == calling {
		if calls, ok := a.syntax.decode(text); ok {
			a.call(calls)
			return
		}
		text = a.syntax.begin + text // it is no call: nothing is lost
		if a.out.whole {
			text += a.syntax.end
		}
		k = content
	}
	a.thoughts = a.thoughts || k == thinking
	if a.filtered {
		if k != a.sieve.now {
			a.release()
		}
		text = a.sieve.write(k, text)
	}
	a.give(k, text)
}

// release gives away what the filter has held back of a text that has ended.
func (a *asking) release() {
	if a.filtered {
		a.give(a.sieve.finish())
	}
}

// give gives text of a kind away, unless the filter refuses the answer.
func (a *asking) give(k kind, text string) {
	if a.sieve.refused != nil {
		a.stop(a.sieve.refused)
	}
	if text == "" {
		return
	}
	e := Event{LogProbs: a.logProbs}
	a.logProbs = nil
	if k == thinking {
		a.result.Reasoning += text
		e.Reasoning = text
	} else {
		a.result.Text += text
		e.Text = text
	}
	a.emit(e)
}

// call adds calls to the answer.
func (a *asking) call(calls []Call) {
	a.release()
	for _, c := range calls {
		if a.r.Choice.One && len(a.result.Calls) == 1 {
			return
		}
		if a.filtered {
			c = a.sieve.call(c)
		}
		if a.sieve.refused != nil {
			a.stop(a.sieve.refused)
			return
		}
		a.result.Calls = append(a.result.Calls, c)
		a.emit(Event{Call: &c, LogProbs: a.logProbs})
		a.logProbs = nil
	}
}

func (a *asking) emit(e Event) {
	if a.on != nil {
		a.on(e)
	}
}

// end sets why the answer ended.
func (a *asking) end() {
	a.result.StopText = a.result.GenerateResult.StopText
	switch reason := a.result.FinishReason; {
	case reason == lm.FinishCancel:
		a.result.Finish = FinishCancel
	case len(a.result.Calls) > 0:
		a.result.Finish = FinishCalls
	case reason == lm.FinishStop:
		a.result.Finish = FinishStop
	default:
		a.result.Finish = FinishLength
	}
}

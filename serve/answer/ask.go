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
	if err := r.validate(m); err != nil {
		return Result{}, err
	}
	if err := filterInput(ctx, m, &r); err != nil {
		return Result{}, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	a := &asking{m: m, r: &r, on: on, filter: outputFilter(ctx), stop: stop, watchers: w, start: time.Now()}
	if len(r.Tools) > 0 && r.Choice.Mode != ToolsNone {
		a.syntax = syntaxOf(m.Tokenizer)
	}
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
	a.out.begun = r.Prompt != nil // a continuation is text, whatever it looks like
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
	filter   OutputFilter // nil: none
	refused  error        // by the filter
	stop     context.CancelCauseFunc
	watchers watchers
	start    time.Time
	begun    bool
}

// prompt is the sequence before the answer.
func (a *asking) prompt() ([]int32, error) {
	if a.r.Prompt != nil {
		return a.r.Prompt, nil
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
	return a.r.Prompt == nil && strings.HasSuffix(strings.TrimSpace(tail.String()), thinkBegin)
}

// delta takes what the model writes.
func (a *asking) delta(d lm.Delta) {
	if !a.begun {
		a.begun = true
		a.watchers.firstToken(time.Since(a.start))
	}
	a.logProbs = append(a.logProbs, d.LogProbs...)
	text := d.Text
	if a.filter != nil && a.refused == nil {
		if text, a.refused = a.filter.Write(text); a.refused != nil {
			a.stop(a.refused)
		}
	}
	if a.refused == nil {
		a.write(text, len(d.Tokens))
	}
}

// write takes text that may be given away, and counts the tokens that came with it.
func (a *asking) write(text string, tokens int) {
	thought, before := len(a.result.Reasoning), a.out.now
	a.out.write(text)
	a.unknown += tokens
	switch {
	case before == thinking, a.out.now == thinking, len(a.result.Reasoning) > thought:
		a.result.ReasoningTokens += a.unknown
		a.unknown = 0
	case a.out.begun:
		a.unknown = 0
	}
}

// finish gives away what was held back.
func (a *asking) finish() error {
	if a.filter != nil && a.refused == nil {
		var rest string
		rest, a.refused = a.filter.Finish()
		a.out.write(rest)
	}
	if a.refused != nil {
		return a.refused
	}
	a.out.finish()
	if len(a.logProbs) > 0 { // of tokens without text
		a.emit(Event{LogProbs: a.logProbs})
	}
	return nil
}

// part takes a piece of the answer that the splitter has found.
func (a *asking) part(k kind, text string) {
	e := Event{LogProbs: a.logProbs}
	switch k {
	case thinking:
		a.result.Reasoning += text
		e.Reasoning = text
	case calling:
		if calls, ok := a.syntax.decode(text); ok {
			a.call(calls)
			return
		}
		text = a.syntax.begin + text // it is no call: nothing is lost
		if a.out.whole {
			text += a.syntax.end
		}
		fallthrough
	default:
		a.result.Text += text
		e.Text = text
	}
	a.logProbs = nil
	a.emit(e)
}

// call adds calls to the answer.
func (a *asking) call(calls []Call) {
	for i := range calls {
		if a.r.Choice.One && len(a.result.Calls) == 1 {
			return
		}
		a.result.Calls = append(a.result.Calls, calls[i])
		a.emit(Event{Call: &calls[i], LogProbs: a.logProbs})
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

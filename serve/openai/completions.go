package openai

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/wire"
)

// completionRequest is the body of a completion.
type completionRequest struct {
	options
	Prompt   prompts `json:"prompt"`
	Echo     bool    `json:"echo"`
	LogProbs *int    `json:"logprobs"`
	BestOf   *int    `json:"best_of"`
	Suffix   *string `json:"suffix"`
	// Beyond the API of OpenAI: special tokens in a text are tokens, as llama-server names it.
	ParseSpecial bool `json:"parse_special"`
}

// prompts are texts, or lists of token ids.
type prompts []prompt

type prompt struct {
	text string
	ids  []int32 // instead of text
}

// UnmarshalJSON implements json.Unmarshaler: a text, ids, or a list of texts or of ids.
func (p *prompts) UnmarshalJSON(b []byte) error {
	var ids []int32
	var one prompt
	if json.Unmarshal(b, &one.text) == nil {
		*p = prompts{one}
		return nil
	}
	if json.Unmarshal(b, &ids) == nil && len(ids) > 0 {
		*p = prompts{{ids: ids}}
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	for _, item := range list {
		var one prompt
		if json.Unmarshal(item, &one.text) != nil {
			if err := json.Unmarshal(item, &one.ids); err != nil {
				return err
			}
		}
		*p = append(*p, one)
	}
	return nil
}

// encode gives the tokens of a prompt in a field of a request. Ids are taken as they are: nothing
// is added to them. special reports whether special tokens in a text are tokens.
func (p *prompt) encode(ctx context.Context, m *answer.Model, field string, special bool) (answer.Sequence, error) {
	s, err := m.Encode(ctx, field, answer.Prompt{Text: p.text, IDs: p.ids, Special: special})
	if err == nil && len(s.IDs()) == 0 {
		err = wire.Errorf(wire.InvalidInput, field, "holds no tokens")
	}
	return s, err
}

// maxPrompts is the most prompts of one request, each counted once for each answer.
const maxPrompts = 1024

// check returns what is wrong in a request for n answers to each prompt, beside its options.
func (c *completionRequest) check(n int) error {
	switch {
	case len(c.Prompt) == 0:
		return wire.Errorf(wire.InvalidInput, "prompt", "is missing")
	case len(c.Prompt)*n > maxPrompts:
		return wire.Errorf(wire.InvalidInput, "prompt", "asks for %d answers: want at most %d, of all prompts together",
			len(c.Prompt)*n, maxPrompts)
	case c.Suffix != nil && *c.Suffix != "":
		return wire.Errorf(wire.Unsupported, "suffix", "the models do not fill gaps")
	case c.BestOf != nil && *c.BestOf > 1:
		return wire.Errorf(wire.Unsupported, "best_of", "is not supported: use n")
	case c.LogProbs != nil && (*c.LogProbs < 0 || *c.LogProbs > 20):
		return wire.Errorf(wire.InvalidInput, "logprobs", "is %d: want 0 to 20", *c.LogProbs)
	case c.Echo && c.Stream:
		return wire.Errorf(wire.Unsupported, "echo", "is not supported in a stream")
	case c.onlyPrompts() && !c.Echo:
		return wire.Errorf(wire.InvalidInput, "max_tokens", "is 0: want 1 or more, or echo for the prompt alone")
	case c.Echo && c.LogProbs != nil && *c.LogProbs > 1:
		return wire.Errorf(wire.Unsupported, "logprobs", "is %d: with echo, want 0 or 1", *c.LogProbs)
	}
	return nil
}

// requests are the requests of all answers: n of each prompt.
func (c *completionRequest) requests(ctx context.Context, m *answer.Model) (list []answer.Request, err error) {
	n, err := c.choices()
	if err != nil {
		return nil, err
	}
	if err := c.check(n); err != nil {
		return nil, err
	}
	one, err := c.options.request(m)
	if err != nil {
		return nil, err
	}
	one.MaxTokens = defaultMaxTokens
	if !c.onlyPrompts() {
		if err := setMaxTokens(&one, "max_tokens", c.MaxTokens); err != nil {
			return nil, err
		}
	}
	if c.LogProbs != nil {
		one.LogProbs, one.TopLogProbs = true, *c.LogProbs
	}
	for i := range c.Prompt {
		if one.Prompt, err = c.Prompt[i].encode(ctx, m, "prompt", c.ParseSpecial); err != nil {
			return nil, err
		}
		list = append(list, repeat(one, n)...)
	}
	return list, nil
}

// onlyPrompts reports whether nothing is to be generated: with echo, the prompts and their
// log-probabilities are the answer.
func (c *completionRequest) onlyPrompts() bool { return c.MaxTokens != nil && *c.MaxTokens == 0 }

// defaultMaxTokens is how many tokens a completion has that does not say it, as at OpenAI.
const defaultMaxTokens = 16

// textChoice is an answer.
type textChoice struct {
	Index        int           `json:"index"`
	Text         string        `json:"text"`
	LogProbs     *textLogProbs `json:"logprobs"`
	FinishReason *string       `json:"finish_reason"`
}

// textCompletion is the body of an answer, or of a part of one.
type textCompletion struct {
	ID      string       `json:"id"`
	Object  string       `json:"object"`
	Created int64        `json:"created"`
	Model   string       `json:"model"`
	Choices []textChoice `json:"choices"`
	Usage   any          `json:"usage,omitempty"` // *usage
}

func (a *api) complete(w http.ResponseWriter, r *http.Request) error {
	var body completionRequest
	if err := wire.Decode(r, &body, ignoredFields...); err != nil {
		return err
	}
	m, release, err := a.models.Open(r.Context(), body.Model)
	if err != nil {
		return err
	}
	defer release()
	requests, err := body.requests(r.Context(), m)
	if err != nil {
		return err
	}
	c := completing{w: w, m: m, body: &body, requests: requests, each: len(requests) / len(body.Prompt)}
	c.whole = textCompletion{
		ID: "cmpl-" + rand.Text(), Object: "text_completion", Created: a.o.Now().Unix(), Model: m.ID,
		Choices: make([]textChoice, len(requests)),
	}
	if body.Stream {
		return a.endText(&c, askAll(r.Context(), m, requests, c.send))
	}
	if body.Echo {
		if err := c.echo(r.Context()); err != nil {
			return err
		}
	}
	if body.onlyPrompts() {
		c.leaveEmpty()
	} else if err := askAll(r.Context(), m, requests, c.collect); err != nil {
		return err
	}
	c.whole.Usage = &c.used
	wire.WriteJSON(w, http.StatusOK, c.whole)
	return nil
}

// completing is a completion on its way.
type completing struct {
	w        http.ResponseWriter
	m        *answer.Model
	body     *completionRequest
	requests []answer.Request
	each     int // number of answers to each prompt
	whole    textCompletion
	used     usage
	ends     []int        // offsets in the answers of a stream
	out      *wire.Stream // of a stream, once it has begun
}

// leaveEmpty ends all answers before their first token.
func (c *completing) leaveEmpty() {
	for i, r := range c.requests {
		reason := "length"
		c.whole.Choices[i].Index, c.whole.Choices[i].FinishReason = i, &reason
		if i%c.each == 0 {
			c.used.addPrompt(len(r.Prompt.IDs()), 0)
		}
	}
}

// echo puts the prompts, with the log-probabilities of their tokens, before the answers.
func (c *completing) echo(ctx context.Context) error {
	for i, r := range c.requests {
		c.whole.Choices[i].Text = c.m.Tokenizer.Decode(r.Prompt.IDs())
	}
	if c.body.LogProbs == nil {
		return nil
	}
	if c.m.Scorer == nil {
		return wire.Errorf(wire.Unsupported, "echo", "the model tells no log-probabilities of prompts")
	}
	var list []answer.Sequence
	for i := 0; i < len(c.requests); i += c.each {
		list = append(list, c.requests[i].Prompt)
	}
	scores, err := answer.Score(ctx, c.m, list, c.body.onlyPrompts())
	if err != nil {
		return err
	}
	for i, r := range c.requests {
		t := &textLogProbs{}
		t.add(c.m, r.Prompt.IDs()[0], nil)
		for k, score := range scores[i/c.each] {
			if *c.body.LogProbs == 0 {
				score.Top = nil
			}
			t.add(c.m, r.Prompt.IDs()[k+1], &score)
		}
		c.whole.Choices[i].LogProbs = t
	}
	return nil
}

// collect takes parts of answers that are sent whole.
func (c *completing) collect(p piece) error {
	choice := &c.whole.Choices[p.answer]
	choice.Text += p.event.Text
	c.addLogProbs(choice, p.event.LogProbs)
	if p.result != nil {
		reason := finishReason(p.result.Finish)
		choice.Index, choice.FinishReason = p.answer, &reason
		c.used.add(p.answer, c.each, p.result)
	}
	return nil
}

func (c *completing) addLogProbs(choice *textChoice, list []lm.TokenLogProbs) {
	if c.body.LogProbs == nil {
		return
	}
	if choice.LogProbs == nil {
		choice.LogProbs = &textLogProbs{}
	}
	for i := range list {
		choice.LogProbs.add(c.m, list[i].ID, &list[i])
	}
}

// send sends a part of an answer.
func (c *completing) send(p piece) error {
	if c.out == nil {
		c.out, c.ends = wire.NewEvents(c.w), make([]int, len(c.requests))
	}
	choice := textChoice{Index: p.answer, Text: p.event.Text}
	if c.body.LogProbs != nil && len(p.event.LogProbs) > 0 {
		choice.LogProbs = &textLogProbs{end: c.ends[p.answer]}
		c.addLogProbs(&choice, p.event.LogProbs)
		c.ends[p.answer] = choice.LogProbs.end
	}
	if p.result != nil {
		reason := finishReason(p.result.Finish)
		choice.FinishReason = &reason
		c.used.add(p.answer, c.each, p.result)
	}
	part := c.whole
	part.Choices, part.Usage = []textChoice{choice}, c.body.StreamOptions.noUsage()
	return c.out.Send("", part)
}

// endText ends the stream of a completion.
func (a *api) endText(c *completing, err error) error {
	part := c.whole
	part.Choices, part.Usage = []textChoice{}, &c.used
	return a.endStream(c.out, err, c.body.StreamOptions, part)
}

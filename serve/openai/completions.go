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

// encode gives the tokens of a prompt. Ids are taken as they are: nothing is added to them.
func (p *prompt) encode(m *answer.Model) []int32 {
	if p.ids != nil {
		return p.ids
	}
	return m.Tokenizer.EncodePrompt(p.text)
}

// maxPrompts is the most prompts of one request.
const maxPrompts = 1024

// check returns what is wrong in the request beside its options.
func (c *completionRequest) check() error {
	switch {
	case len(c.Prompt) == 0:
		return wire.Errorf(wire.InvalidInput, "prompt", "is missing")
	case len(c.Prompt) > maxPrompts:
		return wire.Errorf(wire.InvalidInput, "prompt", "holds %d prompts: want at most %d", len(c.Prompt), maxPrompts)
	case c.Suffix != nil && *c.Suffix != "":
		return wire.Errorf(wire.Unsupported, "suffix", "the models do not fill gaps")
	case c.BestOf != nil && *c.BestOf > 1:
		return wire.Errorf(wire.Unsupported, "best_of", "is not supported: use n")
	case c.LogProbs != nil && (*c.LogProbs < 0 || *c.LogProbs > 20):
		return wire.Errorf(wire.InvalidInput, "logprobs", "is %d: want 0 to 20", *c.LogProbs)
	case c.Echo && c.Stream:
		return wire.Errorf(wire.Unsupported, "echo", "is not supported in a stream")
	case c.Echo && c.LogProbs != nil && *c.LogProbs > 1:
		return wire.Errorf(wire.Unsupported, "logprobs", "is %d: with echo, want 0 or 1", *c.LogProbs)
	}
	return nil
}

// requests are the requests of all answers: n of each prompt.
func (c *completionRequest) requests(m *answer.Model) (list []answer.Request, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	n, err := c.choices()
	if err != nil {
		return nil, err
	}
	one, err := c.options.request(m)
	if err != nil {
		return nil, err
	}
	if c.MaxTokens == nil {
		one.MaxTokens = defaultMaxTokens
	}
	if c.LogProbs != nil {
		one.LogProbs, one.TopLogProbs = true, *c.LogProbs
	}
	for i := range c.Prompt {
		if one.Prompt = c.Prompt[i].encode(m); len(one.Prompt) == 0 {
			return nil, wire.Errorf(wire.InvalidInput, "prompt", "holds no tokens")
		}
		list = append(list, repeat(one, n)...)
	}
	return list, nil
}

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
	Usage   *usage       `json:"usage,omitempty"`
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
	requests, err := body.requests(m)
	if err != nil {
		return err
	}
	c := completing{w: w, m: m, body: &body, requests: requests, whole: textCompletion{
		ID: "cmpl-" + rand.Text(), Object: "text_completion", Created: a.o.Now().Unix(), Model: m.ID,
		Choices: make([]textChoice, len(requests)), Usage: &usage{},
	}}
	if body.Stream {
		return a.endText(&c, askAll(r.Context(), m, requests, c.send))
	}
	if body.Echo {
		if err := c.echo(r.Context()); err != nil {
			return err
		}
	}
	if asked := c.asked(); len(asked) > 0 {
		if err := askAll(r.Context(), m, asked, c.collect); err != nil {
			return err
		}
	}
	wire.WriteJSON(w, http.StatusOK, c.whole)
	return nil
}

// completing is a completion on its way.
type completing struct {
	w        http.ResponseWriter
	m        *answer.Model
	body     *completionRequest
	requests []answer.Request
	whole    textCompletion
	out      *wire.Stream // of a stream, once it has begun
}

// asked are the requests for which something is to be generated. None is with echo and max_tokens
// 0, which asks for the prompt's log-probabilities alone.
func (c *completing) asked() []answer.Request {
	if c.body.MaxTokens != nil && *c.body.MaxTokens == 0 {
		for i, r := range c.requests {
			reason := "length"
			c.whole.Choices[i].Index, c.whole.Choices[i].FinishReason = i, &reason
			c.count(len(r.Prompt), 0)
		}
		return nil
	}
	return c.requests
}

func (c *completing) count(prompt, completion int) {
	u := c.whole.Usage
	u.PromptTokens += prompt
	u.CompletionTokens += completion
	u.TotalTokens += prompt + completion
}

// echo puts the prompts, with the log-probabilities of their tokens, before the answers.
func (c *completing) echo(ctx context.Context) error {
	for i, r := range c.requests {
		c.whole.Choices[i].Text = c.m.Tokenizer.Decode(r.Prompt)
	}
	if c.body.LogProbs == nil {
		return nil
	}
	if c.m.Scorer == nil {
		return wire.Errorf(wire.Unsupported, "echo", "the model tells no log-probabilities of prompts")
	}
	var requests []lm.ScoreRequest
	for _, r := range c.requests {
		if len(r.Prompt) > 1 {
			requests = append(requests, lm.ScoreRequest{Input: r.Prompt[:len(r.Prompt)-1], Targets: r.Prompt[1:]})
		}
	}
	scores, err := c.m.Scorer.ScoreTokens(ctx, requests)
	if err != nil {
		return err
	}
	for i, r := range c.requests {
		t := &textLogProbs{}
		t.add(c.m, r.Prompt[0], nil)
		if len(r.Prompt) > 1 {
			for k := range scores[0] {
				if *c.body.LogProbs == 0 {
					scores[0][k].Top = nil
				}
				t.add(c.m, r.Prompt[k+1], &scores[0][k])
			}
			scores = scores[1:]
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
		c.count(p.result.PromptTokens, len(p.result.Tokens))
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
		c.out = wire.NewEvents(c.w)
	}
	choice := textChoice{Index: p.answer, Text: p.event.Text}
	if len(p.event.LogProbs) > 0 {
		c.addLogProbs(&choice, p.event.LogProbs)
	}
	if p.result != nil {
		reason := finishReason(p.result.Finish)
		choice.FinishReason = &reason
		c.count(p.result.PromptTokens, len(p.result.Tokens))
	}
	part := c.whole
	part.Choices, part.Usage = []textChoice{choice}, nil
	return c.out.Send("", part)
}

// endText ends the stream of a completion.
func (a *api) endText(c *completing, err error) error {
	part := c.whole
	part.Choices = []textChoice{}
	return a.endStream(c.out, err, c.body.StreamOptions, part)
}

package anthropic

import (
	"crypto/rand"
	"encoding/json"
	"net/http"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/wire"
)

// message is an answer.
type message struct {
	ID           string  `json:"id"`
	Type         string  `json:"type"`
	Role         string  `json:"role"`
	Model        string  `json:"model"`
	Content      []any   `json:"content"`
	StopReason   *string `json:"stop_reason"`
	StopSequence *string `json:"stop_sequence"`
	Usage        usage   `json:"usage"`
}

// usage counts tokens. The prompt has those of InputTokens and of CacheRead.
type usage struct {
	InputTokens   int `json:"input_tokens"`
	CacheCreation int `json:"cache_creation_input_tokens"`
	CacheRead     int `json:"cache_read_input_tokens"`
	OutputTokens  int `json:"output_tokens"`
	OutputDetails struct {
		ThinkingTokens int `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
}

func usageOf(r *answer.Result) usage {
	u := usage{InputTokens: r.PromptTokens - r.CachedTokens, CacheRead: r.CachedTokens, OutputTokens: len(r.Tokens)}
	u.OutputDetails.ThinkingTokens = r.ReasoningTokens
	return u
}

// The blocks of an answer.
type (
	textBlock struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	thinkingBlock struct {
		Type      string `json:"type"`
		Thinking  string `json:"thinking"`
		Signature string `json:"signature"` // always empty: thoughts that come back are taken as they are
	}
	toolBlock struct {
		Type  string          `json:"type"`
		ID    string          `json:"id"`
		Name  string          `json:"name"`
		Input json.RawMessage `json:"input"`
	}
)

// The events of a stream.
type (
	startEvent struct {
		Type    string  `json:"type"`
		Message message `json:"message"`
	}
	blockEvent struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
		Block any    `json:"content_block,omitempty"`
		Delta *delta `json:"delta,omitempty"`
	}
	delta struct {
		Type     string  `json:"type"`
		Text     *string `json:"text,omitempty"`
		Thinking *string `json:"thinking,omitempty"`
		JSON     *string `json:"partial_json,omitempty"`
	}
	endEvent struct {
		Type  string `json:"type"`
		Delta struct {
			StopReason   *string `json:"stop_reason"`
			StopSequence *string `json:"stop_sequence"`
		} `json:"delta"`
		Usage usage `json:"usage"`
	}
	stopEvent struct {
		Type string `json:"type"`
	}
)

// open reads a body and gives its model and the request of its answer.
func (a *api) open(r *http.Request, body *request) (m *answer.Model, q answer.Request, release func(), err error) {
	if err := wire.Decode(r, body, ignoredFields...); err != nil {
		return nil, q, nil, err
	}
	if m, release, err = a.models.Open(r.Context(), body.Model); err != nil {
		return nil, q, nil, err
	}
	if q, err = body.answer(m); err != nil {
		release()
		return nil, q, nil, err
	}
	return m, q, release, nil
}

// count answers with the number of tokens of a prompt.
func (a *api) count(w http.ResponseWriter, r *http.Request) error {
	var body request
	m, q, release, err := a.open(r, &body)
	if err != nil {
		return err
	}
	defer release()
	prompt, err := answer.Tokens(r.Context(), m, q)
	if err != nil {
		return err
	}
	wire.WriteJSON(w, http.StatusOK, map[string]int{"input_tokens": len(prompt)})
	return nil
}

// create answers with a message, whole or as a stream.
func (a *api) create(w http.ResponseWriter, r *http.Request) error {
	var body request
	m, q, release, err := a.open(r, &body)
	if err != nil {
		return err
	}
	defer release()
	if body.MaxTokens == nil {
		return wire.Errorf(wire.InvalidInput, "max_tokens", "is missing")
	}
	if q.MaxTokens = *body.MaxTokens; q.MaxTokens < 1 {
		return wire.Errorf(wire.InvalidInput, "max_tokens", "is %d: want 1 or more", q.MaxTokens)
	}
	v := &writing{w: w, message: message{
		ID: "msg_" + rand.Text(), Type: "message", Role: "assistant", Model: m.ID, Content: []any{},
	}}
	if body.Stream {
		prompt, err := answer.Tokens(r.Context(), m, q)
		if err != nil {
			return err
		}
		// How much of the prompt is known already, the end of the stream says.
		v.stream, v.message.Usage.InputTokens = true, len(prompt)
	}
	result, err := wire.Ask(r.Context(), m, q, v.take)
	if err != nil {
		return a.fail(v, err)
	}
	v.end(&result)
	return nil
}

// fail ends an answer with an error: as the answer, or as the last event of a stream.
func (a *api) fail(v *writing, err error) error {
	switch {
	case v.out == nil:
		return err
	case v.out.Err() != nil:
		return nil // nobody reads any more
	}
	_ = v.out.Send("error", newErrorBody(a.shape.Error(err))) // the last: nothing to do if nobody reads it
	return nil
}

// writing is an answer on its way.
type writing struct {
	w       http.ResponseWriter
	message message
	stream  bool
	out     *wire.Stream // of a stream, once it has begun
	open    string       // type of the last block
}

// take takes a part of the answer.
func (v *writing) take(e answer.Event) error {
	switch {
	case e.Call != nil:
		return v.call(e.Call)
	case e.Reasoning != "":
		return v.part("thinking", e.Reasoning)
	case e.Text != "":
		return v.part("text", e.Text)
	}
	return nil
}

// part adds to the last block if it is of the same type, and else begins one.
func (v *writing) part(kind, text string) error {
	if v.open != kind {
		var b any = &textBlock{Type: kind}
		if kind == "thinking" {
			b = &thinkingBlock{Type: kind}
		}
		if err := v.next(kind, b); err != nil {
			return err
		}
	}
	d := &delta{Type: kind + "_delta"}
	switch b := v.message.Content[len(v.message.Content)-1].(type) {
	case *textBlock:
		b.Text += text
		d.Text = &text
	case *thinkingBlock:
		b.Thinking += text
		d.Thinking = &text
	}
	return v.send("content_block_delta", nil, d)
}

// call adds a call of a tool.
func (v *writing) call(c *answer.Call) error {
	b := &toolBlock{Type: "tool_use", ID: c.ID, Name: c.Name, Input: json.RawMessage("{}")}
	if err := v.next("tool_use", b); err != nil {
		return err
	}
	b.Input = c.Arguments
	arguments := string(c.Arguments)
	return v.send("content_block_delta", nil, &delta{Type: "input_json_delta", JSON: &arguments})
}

// next ends the last block and begins one.
func (v *writing) next(kind string, b any) error {
	if err := v.close(); err != nil {
		return err
	}
	v.open, v.message.Content = kind, append(v.message.Content, b)
	return v.send("content_block_start", b, nil)
}

// close ends the last block.
func (v *writing) close() error {
	if v.open == "" {
		return v.begin()
	}
	v.open = ""
	return v.send("content_block_stop", nil, nil)
}

// begin begins a stream.
func (v *writing) begin() error {
	if !v.stream || v.out != nil {
		return nil
	}
	v.out = wire.NewEvents(v.w)
	return v.out.Send("message_start", startEvent{"message_start", v.message})
}

// send sends an event of the last block.
func (v *writing) send(name string, b any, d *delta) error {
	if v.out == nil {
		return nil
	}
	return v.out.Send(name, blockEvent{name, len(v.message.Content) - 1, b, d})
}

// end ends the answer.
func (v *writing) end(r *answer.Result) {
	closed := v.close() // before the end is in the message, with which a stream may only begin here
	reason := stopReason(r)
	v.message.StopReason, v.message.Usage = &reason, usageOf(r)
	if reason == "stop_sequence" {
		v.message.StopSequence = &r.StopText
	}
	if !v.stream {
		wire.WriteJSON(v.w, http.StatusOK, v.message)
		return
	}
	if closed != nil {
		return // nobody reads any more
	}
	e := endEvent{Type: "message_delta", Usage: v.message.Usage}
	e.Delta.StopReason, e.Delta.StopSequence = v.message.StopReason, v.message.StopSequence
	if v.out.Send("message_delta", e) == nil {
		_ = v.out.Send("message_stop", stopEvent{"message_stop"}) // as above
	}
}

// stopReason is the API's name of why an answer ended.
func stopReason(r *answer.Result) string {
	switch {
	case r.Finish == answer.FinishCalls:
		return "tool_use"
	case r.FinishReason == lm.FinishContext:
		return "model_context_window_exceeded"
	case r.Finish == answer.FinishLength:
		return "max_tokens"
	case r.StopText != "":
		return "stop_sequence"
	}
	return "end_turn"
}

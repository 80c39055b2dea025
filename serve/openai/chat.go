package openai

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"

	"trit/serve/answer"
	"trit/serve/grammar"
	"trit/serve/wire"
)

// chatRequest is the body of a chat completion.
type chatRequest struct {
	options
	Messages            []message       `json:"messages"`
	MaxCompletionTokens *int            `json:"max_completion_tokens"`
	LogProbs            bool            `json:"logprobs"`
	TopLogProbs         int             `json:"top_logprobs"`
	Tools               []tool          `json:"tools"`
	ToolChoice          json.RawMessage `json:"tool_choice"`
	ParallelToolCalls   *bool           `json:"parallel_tool_calls"`
	ResponseFormat      *responseFormat `json:"response_format"`
	ReasoningEffort     *string         `json:"reasoning_effort"`
	Modalities          []string        `json:"modalities"`
	// Beyond the API of OpenAI.
	TemplateArguments map[string]any `json:"chat_template_kwargs"`
}

// tool is a function that the model may call.
type tool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
		Strict      bool            `json:"strict"`
	} `json:"function"`
}

// responseFormat is what the answer must look like.
type responseFormat struct {
	Type   string `json:"type"`
	Schema *struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Schema      json.RawMessage `json:"schema"`
		Strict      *bool           `json:"strict"`
	} `json:"json_schema"`
}

// source is the form of the answer.
func (f *responseFormat) source() (grammar.Source, error) {
	var schema json.RawMessage
	if f.Schema != nil {
		schema = f.Schema.Schema
	}
	return sourceOf(f.Type, schema, "response_format.type", "response_format.json_schema")
}

// sourceOf is the form that a type and a schema say. The fields are their names in the request.
func sourceOf(kind string, schema json.RawMessage, kindField, schemaField string) (grammar.Source, error) {
	switch {
	case kind == "text":
		return grammar.Source{}, nil
	case kind == "json_object":
		return grammar.Source{JSON: true}, nil
	case kind == "json_schema" && isSet(schema):
		return grammar.Source{Schema: schema}, nil
	case kind == "json_schema":
		return grammar.Source{}, wire.Errorf(wire.InvalidInput, schemaField, "has no schema")
	}
	return grammar.Source{}, wire.Errorf(wire.InvalidInput, kindField,
		"is %q: want text, json_object or json_schema", kind)
}

// isSet reports whether a field is there and not null.
func isSet(b json.RawMessage) bool { return len(b) > 0 && string(b) != "null" }

// request makes the request of one answer.
func (c *chatRequest) request(m *answer.Model) (answer.Request, error) {
	r, err := c.options.request(m)
	if err != nil {
		return r, err
	}
	if err := setMaxTokens(&r, "max_tokens", c.MaxTokens); err != nil {
		return r, err
	}
	if err := setMaxTokens(&r, "max_completion_tokens", c.MaxCompletionTokens); err != nil {
		return r, err
	}
	if len(c.Modalities) > 1 || len(c.Modalities) == 1 && c.Modalities[0] != "text" {
		return r, wire.Errorf(wire.Unsupported, "modalities", "the models write text alone")
	}
	if r.Messages, err = messagesOf(c.Messages); err != nil {
		return r, err
	}
	r.LogProbs, r.TopLogProbs, r.Template = c.LogProbs, c.TopLogProbs, c.TemplateArguments
	if c.TopLogProbs > 0 && !c.LogProbs {
		return r, wire.Errorf(wire.InvalidInput, "top_logprobs", "needs logprobs")
	}
	if c.ReasoningEffort != nil {
		r.Template = with(r.Template, "reasoning_effort", *c.ReasoningEffort)
	}
	if c.ResponseFormat != nil {
		if r.Format, err = c.ResponseFormat.source(); err != nil {
			return r, err
		}
		if !r.Format.IsText() && c.Grammar != "" {
			return r, wire.Errorf(wire.InvalidInput, "grammar", "is set beside response_format: use one of them")
		}
		r.Format.GBNF = c.Grammar
	}
	return r, c.setTools(&r)
}

// with is a copy of variables with one more.
func with(variables map[string]any, name string, value any) map[string]any {
	all := map[string]any{name: value}
	for k, v := range variables {
		all[k] = v
	}
	return all
}

func (c *chatRequest) setTools(r *answer.Request) error {
	for i, t := range c.Tools {
		if t.Type != "function" || t.Function.Name == "" {
			return wire.Errorf(wire.InvalidInput, fmt.Sprintf("tools[%d]", i),
				"want the type function, and a function with a name")
		}
		r.Tools = append(r.Tools, answer.Tool{
			Name: t.Function.Name, Description: t.Function.Description,
			Parameters: t.Function.Parameters, Strict: t.Function.Strict,
		})
	}
	r.Choice.One = c.ParallelToolCalls != nil && !*c.ParallelToolCalls
	return setChoice(&r.Choice, c.ToolChoice)
}

// setChoice reads tool_choice: a mode, or the one function to call.
func setChoice(choice *answer.ToolChoice, b json.RawMessage) error {
	var mode string
	var one struct {
		Type     string `json:"type"`
		Name     string `json:"name"` // of responses
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	switch {
	case !isSet(b):
		return nil
	case json.Unmarshal(b, &mode) == nil:
		switch choice.Mode = answer.ToolMode(mode); choice.Mode {
		case answer.ToolsAuto, answer.ToolsNone, answer.ToolsRequired:
			return nil
		}
	case json.Unmarshal(b, &one) == nil && one.Type == "function" && one.Function.Name+one.Name != "":
		choice.Mode, choice.Name = answer.ToolsRequired, one.Function.Name+one.Name
		return nil
	}
	return wire.Errorf(wire.InvalidInput, "tool_choice", "want auto, none, required or a function by name")
}

// chatChoice is an answer.
type chatChoice struct {
	Index        int           `json:"index"`
	Message      *replyMessage `json:"message,omitempty"`
	Delta        *replyDelta   `json:"delta,omitempty"`
	LogProbs     *chatLogProbs `json:"logprobs"`
	FinishReason *string       `json:"finish_reason"`
}

// replyMessage is a message of the assistant.
type replyMessage struct {
	Role      string     `json:"role"`
	Content   *string    `json:"content"`
	Reasoning string     `json:"reasoning_content,omitempty"`
	Refusal   *string    `json:"refusal"`
	ToolCalls []toolCall `json:"tool_calls,omitempty"`
}

// replyDelta is a part of a message.
type replyDelta struct {
	Role      string     `json:"role,omitempty"`
	Content   *string    `json:"content,omitempty"`
	Reasoning string     `json:"reasoning_content,omitempty"`
	ToolCalls []toolCall `json:"tool_calls,omitempty"`
}

// toolCall is a call in an answer.
type toolCall struct {
	Index    *int   `json:"index,omitempty"` // in streams
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
		Parsed    any    `json:"parsed_arguments,omitempty"` // which npm's client adds to a call that comes back
	} `json:"function"`
}

func callOf(c *answer.Call) (t toolCall) {
	t.ID, t.Type, t.Function.Name, t.Function.Arguments = c.ID, "function", c.Name, string(c.Arguments)
	return t
}

// chatCompletion is the body of an answer, or of a part of one.
type chatCompletion struct {
	ID      string       `json:"id"`
	Object  string       `json:"object"`
	Created int64        `json:"created"`
	Model   string       `json:"model"`
	Choices []chatChoice `json:"choices"`
	Usage   any          `json:"usage,omitempty"` // *usage
}

func (a *api) chat(w http.ResponseWriter, r *http.Request) error {
	var body chatRequest
	if err := wire.Decode(r, &body, ignoredFields...); err != nil {
		return err
	}
	m, release, err := a.models.Open(r.Context(), body.Model)
	if err != nil {
		return err
	}
	defer release()
	n, err := body.choices()
	if err != nil {
		return err
	}
	request, err := body.request(m)
	if err != nil {
		return err
	}
	c := chatting{w: w, m: m, body: &body, whole: chatCompletion{
		ID: "chatcmpl-" + rand.Text(), Object: "chat.completion", Created: a.o.Now().Unix(), Model: m.ID,
		Choices: make([]chatChoice, n),
	}}
	if body.Stream {
		c.whole.Object = "chat.completion.chunk"
		return a.endChat(&c, askAll(r.Context(), m, repeat(request, n), c.send))
	}
	if err := askAll(r.Context(), m, repeat(request, n), c.collect); err != nil {
		return err
	}
	c.whole.Usage = &c.used
	wire.WriteJSON(w, http.StatusOK, c.whole)
	return nil
}

// repeat is a request for each of n answers. Each has a seed of its own.
func repeat(r answer.Request, n int) []answer.Request {
	list := make([]answer.Request, n)
	for i := range list {
		list[i] = r
		list[i].Sampling.Seed += uint64(i)
	}
	return list
}

// chatting is a chat completion on its way.
type chatting struct {
	w     http.ResponseWriter
	m     *answer.Model
	body  *chatRequest
	whole chatCompletion
	used  usage
	out   *wire.Stream // of a stream, once it has begun
	calls []int        // number of calls that each answer has sent
}

// collect takes parts of answers that are sent whole.
func (c *chatting) collect(p piece) error {
	choice := &c.whole.Choices[p.answer]
	if c.body.LogProbs {
		choice.LogProbs = choice.LogProbs.add(c.m, p.event.LogProbs)
	}
	if p.result == nil {
		return nil
	}
	reason := finishReason(p.result.Finish)
	message := &replyMessage{Role: "assistant", Content: &p.result.Text, Reasoning: p.result.Reasoning}
	for i := range p.result.Calls {
		message.ToolCalls = append(message.ToolCalls, callOf(&p.result.Calls[i]))
	}
	if p.result.Text == "" && len(message.ToolCalls) > 0 {
		message.Content = nil
	}
	choice.Index, choice.Message, choice.FinishReason = p.answer, message, &reason
	c.used.add(p.answer, len(c.whole.Choices), p.result)
	return nil
}

// send sends a part of an answer.
func (c *chatting) send(p piece) error {
	if c.out == nil {
		c.begin()
	}
	choice := chatChoice{Index: p.answer, Delta: &replyDelta{}}
	if c.body.LogProbs && len(p.event.LogProbs) > 0 {
		choice.LogProbs = choice.LogProbs.add(c.m, p.event.LogProbs)
	}
	switch e := p.event; {
	case p.result != nil:
		reason := finishReason(p.result.Finish)
		choice.FinishReason = &reason
		c.used.add(p.answer, len(c.whole.Choices), p.result)
	case e.Call != nil:
		call := callOf(e.Call)
		index := c.calls[p.answer]
		c.calls[p.answer]++
		call.Index = &index
		choice.Delta.ToolCalls = []toolCall{call}
	case e.Reasoning != "":
		choice.Delta.Reasoning = e.Reasoning
	default:
		choice.Delta.Content = &e.Text
	}
	return c.chunk(choice)
}

// begin begins the stream: each answer with the role of its message.
func (c *chatting) begin() {
	c.out = wire.NewEvents(c.w)
	c.calls = make([]int, len(c.whole.Choices))
	for i := range c.whole.Choices {
		empty := ""
		// A client that is gone is noticed by the next part.
		_ = c.chunk(chatChoice{Index: i, Delta: &replyDelta{Role: "assistant", Content: &empty}})
	}
}

func (c *chatting) chunk(choices ...chatChoice) error {
	part := c.whole
	part.Choices, part.Usage = choices, c.body.StreamOptions.noUsage()
	return c.out.Send("", part)
}

// endChat ends the stream of a chat completion.
func (a *api) endChat(c *chatting, err error) error {
	part := c.whole
	part.Choices, part.Usage = []chatChoice{}, &c.used
	return a.endStream(c.out, err, c.body.StreamOptions, part)
}

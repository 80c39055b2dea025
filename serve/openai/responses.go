package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"

	"trit/serve/answer"
	"trit/serve/wire"
)

// responseRequest is the body of a request for a response. The server keeps no responses: the
// whole conversation is the input.
type responseRequest struct {
	Model             string            `json:"model"`
	Input             inputs            `json:"input"`
	Instructions      *string           `json:"instructions"`
	MaxOutputTokens   *int              `json:"max_output_tokens"`
	Temperature       *float64          `json:"temperature"`
	TopP              *float64          `json:"top_p"`
	TopLogProbs       int               `json:"top_logprobs"`
	Include           []string          `json:"include"`
	Tools             []responseTool    `json:"tools"`
	ToolChoice        json.RawMessage   `json:"tool_choice"`
	ParallelToolCalls *bool             `json:"parallel_tool_calls"`
	Text              *responseText     `json:"text"`
	Reasoning         *responseThinking `json:"reasoning"`
	Metadata          map[string]string `json:"metadata"`
	Stream            bool              `json:"stream"`
	StreamOptions     *streamOptions    `json:"stream_options"`
	// What the server does not do, but clients may say that they do not want.
	Store              *bool           `json:"store"`
	Background         *bool           `json:"background"`
	PreviousResponseID *string         `json:"previous_response_id"`
	Conversation       json.RawMessage `json:"conversation"`
	Prompt             json.RawMessage `json:"prompt"`
	Truncation         *string         `json:"truncation"`
	MaxToolCalls       *int            `json:"max_tool_calls"` // of tools that a server runs: it runs none
	// Beyond the API of OpenAI.
	Seed              *int64         `json:"seed"`
	TemplateArguments map[string]any `json:"chat_template_kwargs"`
}

// ignoredOfResponses are the fields that change nothing in a response.
var ignoredOfResponses = slices.DeleteFunc(slices.Clone(ignoredFields), func(name string) bool {
	return name == "store" || name == "metadata" // those are read
})

// responseTool is a function that the model may call.
type responseTool struct {
	Type        string          `json:"type"`
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"`
	Strict      bool            `json:"strict"`
}

// responseText is what the text of the answer must look like.
type responseText struct {
	Format    *textFormat `json:"format"`
	Verbosity *string     `json:"verbosity,omitempty"`
}

// textFormat is a form by its name, with its schema if it is json_schema.
type textFormat struct {
	Type        string          `json:"type"`
	Name        string          `json:"name,omitempty"`
	Description string          `json:"description,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`
	Strict      *bool           `json:"strict,omitempty"`
}

// responseThinking says how a model thinks. Templates get the effort; thoughts are always in the
// answer, so there is no summary of them.
type responseThinking struct {
	Effort          *string `json:"effort"`
	Summary         *string `json:"summary"`
	GenerateSummary *string `json:"generate_summary,omitempty"`
}

// What a client may ask to be included. Thoughts are sent as they are, not encrypted.
const (
	includeLogProbs = "message.output_text.logprobs"
	includeThoughts = "reasoning.encrypted_content"
)

// check returns what the server does not do of what the request asks for.
func (b *responseRequest) check() error {
	refuse := func(field, text string) error { return wire.Errorf(wire.Unsupported, field, "%s", text) }
	const keeps = "the server keeps no responses: "
	switch {
	case b.Store != nil && *b.Store:
		return refuse("store", keeps+"set it to false")
	case b.PreviousResponseID != nil && *b.PreviousResponseID != "":
		return refuse("previous_response_id", keeps+"send the whole conversation as input")
	case isSet(b.Conversation):
		return refuse("conversation", keeps+"send the whole conversation as input")
	case b.Background != nil && *b.Background:
		return refuse("background", keeps+"wait for the answer, or stream it")
	case isSet(b.Prompt):
		return refuse("prompt", "the server keeps no prompts: send it as input")
	case b.Truncation != nil && *b.Truncation != "disabled":
		return refuse("truncation", "the server drops nothing of a conversation: leave it out, and shorten the input")
	case b.Text != nil && b.Text.Verbosity != nil && *b.Text.Verbosity != "medium":
		return refuse("text.verbosity", "the models do not know it: say it in the instructions")
	}
	for i, name := range b.Include {
		if name != includeLogProbs && name != includeThoughts {
			return wire.Errorf(wire.Unsupported, fmt.Sprintf("include[%d]", i), "is %q, which the server does not have", name)
		}
	}
	return nil
}

// logProbs reports whether the answer has log-probabilities.
func (b *responseRequest) logProbs() bool {
	return b.TopLogProbs > 0 || slices.Contains(b.Include, includeLogProbs)
}

// request makes the request of the answer.
func (b *responseRequest) request(m *answer.Model) (answer.Request, error) {
	r := answer.Request{
		Sampling: m.Sampling, LogProbs: b.logProbs(), TopLogProbs: b.TopLogProbs, Template: b.TemplateArguments,
	}
	if err := b.check(); err != nil {
		return r, err
	}
	if err := wire.CheckMost("temperature", b.Temperature, maxTemperature); err != nil {
		return r, err
	}
	set(&r.Sampling.Temperature, b.Temperature)
	set(&r.Sampling.TopP, b.TopP)
	r.Sampling.Seed = rand.Uint64()
	if b.Seed != nil {
		r.Sampling.Seed = uint64(*b.Seed)
	}
	if b.Reasoning != nil && b.Reasoning.Effort != nil {
		r.Template = with(r.Template, "reasoning_effort", *b.Reasoning.Effort)
	}
	err := setMaxTokens(&r, "max_output_tokens", b.MaxOutputTokens)
	if err != nil {
		return r, err
	}
	if r.Messages, err = b.Input.messages(b.Instructions); err != nil {
		return r, err
	}
	if b.Text != nil && b.Text.Format != nil {
		f := b.Text.Format
		if r.Format, err = sourceOf(f.Type, f.Schema, "text.format.type", "text.format"); err != nil {
			return r, err
		}
	}
	return r, b.setTools(&r)
}

func (b *responseRequest) setTools(r *answer.Request) error {
	for i, t := range b.Tools {
		switch {
		case t.Type != "function":
			return wire.Errorf(wire.Unsupported, fmt.Sprintf("tools[%d].type", i), "is %q: want function", t.Type)
		case t.Name == "":
			return wire.Errorf(wire.InvalidInput, fmt.Sprintf("tools[%d].name", i), "is missing")
		}
		r.Tools = append(r.Tools, answer.Tool{
			Name: t.Name, Description: t.Description, Parameters: t.Parameters, Strict: t.Strict,
		})
	}
	r.Choice.One = b.ParallelToolCalls != nil && !*b.ParallelToolCalls
	return setChoice(&r.Choice, b.ToolChoice)
}

// asInResponses gives an error the name that a field has in this API.
func asInResponses(err error) error {
	var bad *answer.RequestError
	if !errors.As(err, &bad) {
		return err
	}
	names := map[string]string{"messages": "input", "max_tokens": "max_output_tokens", "response_format": "text.format"}
	if name, ok := names[bad.Field]; ok {
		return &answer.RequestError{Field: name, Text: bad.Text}
	}
	return err
}

func (a *api) respond(w http.ResponseWriter, r *http.Request) error {
	var body responseRequest
	if err := wire.Decode(r, &body, ignoredOfResponses...); err != nil {
		return err
	}
	m, release, err := a.models.Open(r.Context(), body.Model)
	if err != nil {
		return err
	}
	defer release()
	request, err := body.request(m)
	if err != nil {
		return err
	}
	c := responding{w: w, m: m, body: &body, now: a.o.Now, whole: newResponse(&body, m, a.o.Now())}
	err = asInResponses(askAll(r.Context(), m, []answer.Request{request}, c.take))
	if body.Stream {
		return a.endResponse(&c, err)
	}
	if err != nil {
		return err
	}
	wire.WriteJSON(w, http.StatusOK, c.whole)
	return nil
}

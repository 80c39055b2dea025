package ollama

import (
	"context"
	"encoding/json"
	"net/http"

	"trit/serve/answer"
	"trit/serve/wire"
	"trit/tokenizer"
)

// generateRequest is the body of a continuation, or of a chat of one message.
type generateRequest struct {
	options
	Prompt   string            `json:"prompt"`
	System   string            `json:"system"`
	Raw      bool              `json:"raw"` // the prompt is what the model gets, without its chat template
	Suffix   string            `json:"suffix"`
	Template string            `json:"template"`
	Context  []int             `json:"context"`
	Images   []json.RawMessage `json:"images"`
	// Beyond the API of Ollama: special tokens in a prompt without a template are tokens.
	ParseSpecial bool `json:"parse_special"`
}

// check returns what is wrong in the request beside its options.
func (g *generateRequest) check() error {
	switch {
	case g.Suffix != "":
		return wire.Errorf(wire.Unsupported, "suffix", "the models do not fill gaps")
	case g.Template != "":
		return wire.Errorf(wire.Unsupported, "template", "the model has its own: give a prompt that is laid out, with raw")
	case len(g.Context) > 0:
		return wire.Errorf(wire.Unsupported, "context", "is not kept: give the conversation to /api/chat")
	case len(g.Images) > 0:
		return wire.Errorf(wire.Unsupported, "images", "the models read text alone")
	case g.Raw && g.System != "":
		return wire.Errorf(wire.InvalidInput, "system", "does not go with raw, which has no messages")
	}
	return nil
}

// generate answers a prompt.
func (a *api) generate(w http.ResponseWriter, r *http.Request) error {
	v := &writing{w: w, now: a.now, start: a.now()}
	var body generateRequest
	if err := wire.Decode(r, &body, ignoredFields...); err != nil {
		return err
	}
	if err := body.check(); err != nil {
		return err
	}
	m, release, err := a.open(r, body.Model)
	if err != nil {
		return err
	}
	defer release()
	v.opened(m, &body.options)
	q, err := body.request(r.Context(), m)
	if err != nil {
		return err
	}
	if body.Prompt == "" {
		return v.load(&body.options)
	}
	return a.answer(r, v, q)
}

// request makes the request of the answer. A base model, which has no chat template, continues the
// prompt.
func (g *generateRequest) request(ctx context.Context, m *answer.Model) (answer.Request, error) {
	r, err := g.options.request(m)
	if err != nil {
		return r, err
	}
	base := m.Tokenizer.ChatTemplate().Text == ""
	switch {
	case base && g.System != "":
		return r, wire.Errorf(wire.Unsupported, "system", "%s is a base model without a chat template: "+
			"it continues the prompt", m.ID)
	case base, g.Raw:
		r.Prompt, err = m.Encode(ctx, "prompt", answer.Prompt{Text: g.Prompt, Special: g.ParseSpecial})
		if err == nil && len(r.Prompt.IDs()) == 0 && g.Prompt != "" {
			err = wire.Errorf(wire.InvalidInput, "prompt", "holds no tokens")
		}
		return r, err
	case g.ParseSpecial:
		return r, wire.Errorf(wire.InvalidInput, "parse_special",
			"is for raw prompts: the chat template writes special tokens itself")
	}
	if g.System != "" {
		r.Messages = append(r.Messages, tokenizer.Message{Role: "system", Content: g.System})
	}
	r.Messages = append(r.Messages, tokenizer.Message{Role: "user", Content: g.Prompt})
	return r, nil
}

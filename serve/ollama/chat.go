package ollama

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"trit/serve/answer"
	"trit/serve/wire"
	"trit/tokenizer"
)

// chatRequest is the body of a chat.
type chatRequest struct {
	options
	Messages []json.RawMessage `json:"messages"`
	Tools    []json.RawMessage `json:"tools"`
}

// message is a turn of a conversation.
type message struct {
	Role       string            `json:"role"`
	Content    string            `json:"content"`
	Thinking   string            `json:"thinking"`
	Images     []json.RawMessage `json:"images"`
	ToolCalls  []toolCall        `json:"tool_calls"`
	ToolName   string            `json:"tool_name"`
	Name       string            `json:"name"` // what some clients call the tool's
	ToolCallID string            `json:"tool_call_id"`
}

// toolCall is a call of a tool, in a message or in an answer.
type toolCall struct {
	ID       string `json:"id,omitempty"`
	Type     string `json:"type,omitempty"`
	Function struct {
		Index     int             `json:"index"`
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"function"`
}

// tool is a function that the model may call.
type tool struct {
	Type     string `json:"type"`
	Function struct {
		Type        string          `json:"type"`
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
		Strict      bool            `json:"strict"`
	} `json:"function"`
}

// chat answers a conversation.
func (a *api) chat(w http.ResponseWriter, r *http.Request) error {
	v := &writing{w: w, now: a.now, start: a.now(), chat: true}
	var body chatRequest
	if err := wire.Decode(r, &body, ignoredFields...); err != nil {
		return err
	}
	m, release, err := a.open(r, body.Model)
	if err != nil {
		return err
	}
	defer release()
	v.opened(m, &body.options)
	q, err := body.request(m)
	if err != nil {
		return err
	}
	if len(body.Messages) == 0 {
		return v.load(&body.options)
	}
	return a.answer(r, v, q)
}

// request makes the request of the answer.
func (c *chatRequest) request(m *answer.Model) (answer.Request, error) {
	r, err := c.options.request(m)
	if err != nil {
		return r, err
	}
	for i, b := range c.Messages {
		t, err := messageOf(fmt.Sprintf("messages[%d]", i), b)
		if err != nil {
			return r, err
		}
		r.Messages = append(r.Messages, t)
	}
	for i, b := range c.Tools {
		field := fmt.Sprintf("tools[%d]", i)
		var t tool
		if err := wire.DecodePart(field, b, &t); err != nil {
			return r, err
		}
		if t.Type != "function" || t.Function.Name == "" {
			return r, wire.Errorf(wire.InvalidInput, field, "want the type function, and a function with a name")
		}
		r.Tools = append(r.Tools, answer.Tool{
			Name: t.Function.Name, Description: t.Function.Description,
			Parameters: t.Function.Parameters, Strict: t.Function.Strict,
		})
	}
	return r, nil
}

// messageOf is a message as chat templates get it.
func messageOf(field string, b json.RawMessage) (t tokenizer.Message, err error) {
	var m message
	if err := wire.DecodePart(field, b, &m); err != nil {
		return t, err
	}
	t = tokenizer.Message{
		Role: strings.ToLower(m.Role), Content: m.Content, ReasoningContent: m.Thinking,
		Name: m.ToolName, ToolCallID: m.ToolCallID,
	}
	if t.Name == "" {
		t.Name = m.Name
	}
	switch t.Role {
	case "system", "user", "assistant", "tool":
	default:
		return t, wire.Errorf(wire.InvalidInput, field+".role", "is %q: want system, user, assistant or tool", m.Role)
	}
	if len(m.Images) > 0 {
		return t, wire.Errorf(wire.Unsupported, field+".images", "the models read text alone")
	}
	if len(m.ToolCalls) > 0 && t.Role != "assistant" {
		return t, wire.Errorf(wire.InvalidInput, field+".tool_calls", "only an assistant calls tools")
	}
	for i, c := range m.ToolCalls {
		if f := c.Function; f.Name == "" || !strings.HasPrefix(string(f.Arguments), "{") {
			return t, wire.Errorf(wire.InvalidInput, fmt.Sprintf("%s.tool_calls[%d].function", field, i),
				"want a name, and arguments that are a JSON object")
		}
		t.ToolCalls = append(t.ToolCalls, tokenizer.ToolCall{ID: c.ID, Type: "function", Function: tokenizer.FunctionCall{
			Name: c.Function.Name, Arguments: c.Function.Arguments,
		}})
	}
	return t, nil
}

package openai

import (
	"encoding/json"
	"fmt"

	"trit/serve/wire"
	"trit/tokenizer"
)

// message is a turn of a conversation.
type message struct {
	Role             string     `json:"role"`
	Content          content    `json:"content"`
	Name             string     `json:"name"`
	ToolCalls        []toolCall `json:"tool_calls"`
	ToolCallID       string     `json:"tool_call_id"`
	ReasoningContent string     `json:"reasoning_content"`
	Refusal          *string    `json:"refusal"`
	Annotations      any        `json:"annotations"` // of an answer that comes back
	Parsed           any        `json:"parsed"`      // which npm's client adds to it
	Audio            any        `json:"audio"`
	FunctionCall     any        `json:"function_call"`
}

// content is a text, or a list of parts that are texts, by the names of all APIs of OpenAI.
type content struct {
	text  string
	given bool  // it is there and not null
	err   error // of a part that is no text
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *content) UnmarshalJSON(b []byte) error {
	if c.given = string(b) != "null"; !c.given {
		return nil
	}
	if json.Unmarshal(b, &c.text) == nil {
		return nil
	}
	var parts []struct {
		Type    string `json:"type"`
		Text    string `json:"text"`
		Refusal string `json:"refusal"`
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	for i, p := range parts {
		switch p.Type {
		case "text", "input_text", "output_text", "reasoning_text", "summary_text":
			c.text += p.Text
		case "refusal":
			c.text += p.Refusal
		default:
			c.err = wire.Errorf(wire.Unsupported, fmt.Sprintf("content[%d].type", i),
				"is %q: the models read text alone", p.Type)
		}
	}
	return nil
}

// messagesOf are messages as chat templates get them.
func messagesOf(list []message) ([]tokenizer.Message, error) {
	var out []tokenizer.Message
	for i, m := range list {
		if err := m.check(); err != nil {
			e := *err
			e.Field = fmt.Sprintf("messages[%d].%s", i, e.Field)
			return nil, &e
		}
		t := tokenizer.Message{
			Role: m.Role, Content: m.Content.text, Null: !m.Content.given, Name: m.Name, ToolCallID: m.ToolCallID,
			ReasoningContent: m.ReasoningContent,
		}
		if m.Role == "developer" { // the newer name of the same role
			t.Role = "system"
		}
		for k := range m.ToolCalls {
			t.ToolCalls = append(t.ToolCalls, m.ToolCalls[k].forTemplate())
		}
		out = append(out, t)
	}
	return out, nil
}

// check returns what is wrong in a message.
func (m *message) check() *wire.Error {
	switch m.Role {
	case "system", "developer", "user", "assistant", "tool":
	default:
		return wire.Errorf(wire.InvalidInput, "role", "is %q: want system, developer, user, assistant or tool", m.Role)
	}
	var e *wire.Error
	switch {
	case m.Content.err != nil:
		e, _ = wire.ErrorOf(m.Content.err)
	case m.FunctionCall != nil:
		e = wire.Errorf(wire.Unsupported, "function_call", "is the old form of tool_calls: use those")
	case m.Audio != nil:
		e = wire.Errorf(wire.Unsupported, "audio", "the models read text alone")
	case !m.Content.given && (m.Role != "assistant" || len(m.ToolCalls) == 0 && m.Refusal == nil):
		e = wire.Errorf(wire.InvalidInput, "content", "is missing, as only that of an assistant's calls may be")
	case m.Role == "tool" && m.ToolCallID == "":
		e = wire.Errorf(wire.InvalidInput, "tool_call_id", "is missing: it says which call the message answers")
	case len(m.ToolCalls) > 0 && m.Role != "assistant":
		e = wire.Errorf(wire.InvalidInput, "tool_calls", "only an assistant calls tools")
	}
	for i := range m.ToolCalls {
		if f := &m.ToolCalls[i].Function; e == nil && !isObject(f.Arguments) {
			e = wire.Errorf(wire.InvalidInput, fmt.Sprintf("tool_calls[%d].function.arguments", i), "are no JSON object")
		}
	}
	return e
}

// isObject reports whether the arguments of a call are a JSON object, or nothing.
func isObject(arguments string) bool {
	var object map[string]json.RawMessage
	return arguments == "" || json.Unmarshal([]byte(arguments), &object) == nil && object != nil
}

// forTemplate is the call as chat templates get it: its arguments are an object, not a text.
func (c *toolCall) forTemplate() tokenizer.ToolCall {
	if c.Function.Arguments == "" {
		c.Function.Arguments = "{}"
	}
	return tokenizer.ToolCall{ID: c.ID, Type: "function", Function: tokenizer.FunctionCall{
		Name: c.Function.Name, Arguments: json.RawMessage(c.Function.Arguments),
	}}
}

package openai

import (
	"bytes"
	"encoding/json"
	"fmt"

	"trit/serve/wire"
	"trit/tokenizer"
)

// inputs are the items of a conversation. A text is one message of the user.
type inputs []inputItem

// inputItem is a message, a call, what a call has given, or thoughts.
type inputItem struct {
	Type    string  `json:"type"` // "": message
	ID      string  `json:"id"`
	Status  string  `json:"status"`
	Role    string  `json:"role"`    // of a message
	Phase   *string `json:"phase"`   // of a message that comes back
	Content content `json:"content"` // of a message or of thoughts

	CallID    string  `json:"call_id"`
	Name      string  `json:"name"` // of the function
	Arguments string  `json:"arguments"`
	Parsed    any     `json:"parsed_arguments"` // which npm's client adds to a call that comes back
	Output    content `json:"output"`           // of the function

	Summary   content `json:"summary"` // of thoughts
	Encrypted *string `json:"encrypted_content"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *inputs) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		*l = inputs{{Role: "user", Content: content{text: text, given: true}}}
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	for i, raw := range list {
		var item inputItem
		var kind struct{ Type string }
		if err := json.Unmarshal(raw, &kind); err != nil {
			return err
		}
		switch kind.Type {
		case "", "message", "function_call", "function_call_output", "reasoning":
		default:
			return wire.Errorf(wire.Unsupported, fmt.Sprintf("input[%d].type", i),
				"is %q: want message, function_call, function_call_output or reasoning", kind.Type)
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&item); err != nil {
			return err
		}
		*l = append(*l, item)
	}
	return nil
}

// messages are the items as chat templates get them, behind the instructions: thoughts, text and
// calls that follow each other are one message of the assistant.
func (l inputs) messages(instructions *string) ([]tokenizer.Message, error) {
	var c conversation
	if instructions != nil && *instructions != "" {
		c.list = append(c.list, tokenizer.Message{Role: "system", Content: *instructions})
	}
	for i := range l {
		if e := c.add(&l[i]); e != nil {
			e.Field = fmt.Sprintf("input[%d].%s", i, e.Field)
			return nil, e
		}
	}
	switch {
	case len(l) == 0:
		return nil, wire.Errorf(wire.InvalidInput, "input", "is missing")
	case c.thoughts != "":
		return nil, wire.Errorf(wire.InvalidInput, "input", "ends with thoughts: a message or a call must follow them")
	}
	return c.list, nil
}

// conversation is made of items.
type conversation struct {
	list     []tokenizer.Message
	thoughts string // that the next message of the assistant has
}

// add adds an item. The field of its error is one of the item.
func (c *conversation) add(item *inputItem) *wire.Error {
	switch item.Type {
	case "reasoning":
		return c.think(item)
	case "function_call":
		return c.call(item)
	case "function_call_output":
		return c.output(item)
	}
	return c.message(item)
}

func (c *conversation) think(item *inputItem) *wire.Error {
	text := item.Content.text
	if text == "" {
		text = item.Summary.text
	}
	if text == "" && item.Encrypted != nil {
		return wire.Errorf(wire.Unsupported, "encrypted_content", "comes from another server: leave the item out")
	}
	c.thoughts += text
	return nil
}

func (c *conversation) message(item *inputItem) *wire.Error {
	if item.Content.err != nil {
		e, _ := wire.ErrorOf(item.Content.err)
		return e
	}
	if !item.Content.given {
		return wire.Errorf(wire.InvalidInput, "content", "is missing")
	}
	m := tokenizer.Message{Role: item.Role, Content: item.Content.text}
	switch item.Role {
	case "assistant":
		m.ReasoningContent, c.thoughts = c.thoughts, ""
	case "system", "developer":
		m.Role = "system"
		if len(c.list) == 1 && c.list[0].Role == "system" { // templates know one system message, the first
			c.list[0].Content += "\n\n" + m.Content
			return nil
		}
	case "user":
	default:
		return wire.Errorf(wire.InvalidInput, "role", "is %q: want system, developer, user or assistant", item.Role)
	}
	c.list = append(c.list, m)
	return nil
}

func (c *conversation) call(item *inputItem) *wire.Error {
	switch {
	case item.CallID == "":
		return wire.Errorf(wire.InvalidInput, "call_id", "is missing")
	case item.Name == "":
		return wire.Errorf(wire.InvalidInput, "name", "is missing")
	case !isObject(item.Arguments):
		return wire.Errorf(wire.InvalidInput, "arguments", "are no JSON object")
	}
	if last := len(c.list) - 1; last < 0 || c.list[last].Role != "assistant" || c.thoughts != "" {
		c.list = append(c.list, tokenizer.Message{Role: "assistant", Null: true, ReasoningContent: c.thoughts})
		c.thoughts = ""
	}
	call := toolCall{ID: item.CallID}
	call.Function.Name, call.Function.Arguments = item.Name, item.Arguments
	m := &c.list[len(c.list)-1]
	m.ToolCalls = append(m.ToolCalls, call.forTemplate())
	return nil
}

func (c *conversation) output(item *inputItem) *wire.Error {
	switch {
	case item.CallID == "":
		return wire.Errorf(wire.InvalidInput, "call_id", "is missing: it says which call the item answers")
	case item.Output.err != nil:
		e, _ := wire.ErrorOf(item.Output.err)
		return wire.Errorf(e.Code, "output", "%s", e.Text)
	case !item.Output.given:
		return wire.Errorf(wire.InvalidInput, "output", "is missing")
	}
	c.list = append(c.list, tokenizer.Message{Role: "tool", Content: item.Output.text, ToolCallID: item.CallID})
	return nil
}

package anthropic

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"trit/serve/wire"
	"trit/tokenizer"
)

// block is a piece of a message's content. Which fields it has, its type says.
type block struct {
	Type      string          `json:"type"`
	Text      string          `json:"text"`
	Thinking  string          `json:"thinking"`
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Input     json.RawMessage `json:"input"`
	ToolUseID string          `json:"tool_use_id"`
	Content   json.RawMessage `json:"content"`
	IsError   bool            `json:"is_error"`
}

// blockTypes are the types of blocks that a message of a role may have, and those of tool results.
var blockTypes = map[string][]string{
	"system": {"text"}, "user": {"text", "tool_result"}, "assistant": {"text", "thinking", "tool_use"},
	"tool_result": {"text"},
}

// blocksOf reads content: a text, or a list of blocks.
func blocksOf(field string, b json.RawMessage, role string) ([]block, error) {
	if len(b) == 0 || string(b) == "null" {
		return nil, nil
	}
	var text string
	if json.Unmarshal(b, &text) == nil {
		return []block{{Type: "text", Text: text}}, nil
	}
	var list []json.RawMessage
	if err := wire.DecodePart(field, b, &list); err != nil {
		return nil, err
	}
	blocks := make([]block, len(list))
	for i, b := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		if kind := typeOf(b); !slices.Contains(blockTypes[role], kind) {
			return nil, wire.Errorf(wire.Unsupported, at+".type", "is %q: want %s, which the models read",
				kind, strings.Join(blockTypes[role], " or "))
		}
		// Of signatures, nothing is known here; what cites and caches changes no answer.
		if err := wire.DecodePart(at, b, &blocks[i], "signature", "citations", "cache_control", "caller"); err != nil {
			return nil, err
		}
	}
	return blocks, nil
}

// texts are the texts of blocks.
func texts(blocks []block) string {
	var all strings.Builder
	for _, b := range blocks {
		all.WriteString(b.Text)
	}
	return all.String()
}

// conversation are messages as chat templates get them.
type conversation struct {
	messages []tokenizer.Message
	calls    map[string]string // names of the tools that were called, by the ID of the call
}

// add adds a message, which may become several: each tool result is one of its own.
func (c *conversation) add(field string, b json.RawMessage) error {
	var m struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
	}
	if err := wire.DecodePart(field, b, &m); err != nil {
		return err
	}
	if m.Role != "user" && m.Role != "assistant" && m.Role != "system" {
		return wire.Errorf(wire.InvalidInput, field+".role", "is %q: want user, assistant or system", m.Role)
	}
	blocks, err := blocksOf(field+".content", m.Content, m.Role)
	if err != nil {
		return err
	}
	if len(blocks) == 0 {
		return wire.Errorf(wire.InvalidInput, field+".content", "is empty")
	}
	// Messages of one role that follow each other are one message.
	separator := "\n\n"
	for i := range blocks {
		at := fmt.Sprintf("%s.content[%d]", field, i)
		if err := c.addBlock(at, m.Role, &blocks[i], separator); err != nil {
			return err
		}
		if blocks[i].Type == "text" {
			separator = ""
		}
	}
	return nil
}

// addBlock adds a block to the last message if it is of the same role, and else begins one.
func (c *conversation) addBlock(at, role string, b *block, separator string) error {
	if b.Type == "tool_result" {
		return c.addResult(at, b)
	}
	if n := len(c.messages); n == 0 || c.messages[n-1].Role != role || role == "system" && separator != "" {
		c.messages = append(c.messages, tokenizer.Message{Role: role})
	}
	m := &c.messages[len(c.messages)-1]
	switch b.Type {
	case "thinking":
		m.ReasoningContent += b.Thinking
	case "tool_use":
		return c.addCall(at, m, b)
	default:
		if m.Content != "" {
			m.Content += separator
		}
		m.Content += b.Text
	}
	return nil
}

// addCall adds a call of a tool.
func (c *conversation) addCall(at string, m *tokenizer.Message, b *block) error {
	switch {
	case b.ID == "":
		return wire.Errorf(wire.InvalidInput, at+".id", "is missing")
	case b.Name == "":
		return wire.Errorf(wire.InvalidInput, at+".name", "is missing")
	case !isObject(b.Input):
		return wire.Errorf(wire.InvalidInput, at+".input", "is no JSON object")
	}
	c.calls[b.ID] = b.Name
	m.ToolCalls = append(m.ToolCalls, tokenizer.ToolCall{ID: b.ID, Type: "function", Function: tokenizer.FunctionCall{
		Name: b.Name, Arguments: b.Input,
	}})
	return nil
}

// addResult adds what a tool answered.
func (c *conversation) addResult(at string, b *block) error {
	name, ok := c.calls[b.ToolUseID]
	if !ok {
		return wire.Errorf(wire.InvalidInput, at+".tool_use_id", "is %q: no message before has a tool_use of that id",
			b.ToolUseID)
	}
	blocks, err := blocksOf(at+".content", b.Content, "tool_result")
	if err != nil {
		return err
	}
	m := tokenizer.Message{Role: "tool", Name: name, ToolCallID: b.ToolUseID, Content: texts(blocks)}
	if b.IsError {
		m.Content = "error: " + m.Content // chat templates have no other way to say it
	}
	c.messages = append(c.messages, m)
	return nil
}

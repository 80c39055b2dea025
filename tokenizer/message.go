package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Message is one turn of a conversation, in the form of transformers' conversations.
//
// In JSON a message that was read keeps the order of its keys, its list of parts and its
// tool calls as they were read, and the keys that it has no field for. One that was made
// has role and content, and then the fields that are set.
type Message struct {
	Role    string // system, user, assistant or tool
	Content string
	Null    bool   // the content is null, as that of a message with tool calls may be
	Parts   []Part // the content as a list, instead of Content
	// ReasoningContent is what a model thought before its answer.
	ReasoningContent string
	ToolCalls        []ToolCall
	ToolCallID       string // the call that a message with role tool answers
	Name             string // of the tool, or of who speaks

	keys  []string // in the order in which they were read
	extra map[string]json.RawMessage
}

// Part is a piece of a message's content.
type Part struct {
	Type  string                     // text
	Text  string                     // of a text
	Extra map[string]json.RawMessage // keys of other parts
}

// ToolCall is a function call of the assistant.
type ToolCall struct {
	ID       string       `json:"id,omitempty"`
	Type     string       `json:"type"` // function
	Function FunctionCall `json:"function"`
}

// FunctionCall names a function. Arguments are a JSON object, whose keys stay in order.
type FunctionCall struct {
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
}

// fields are the values of a message by key; absent where they are not set.
func (m *Message) fields() (map[string]any, []string) {
	values := map[string]any{"role": m.Role, "content": m.Content}
	order := []string{"role", "content"}
	switch {
	case m.Parts != nil:
		values["content"] = m.Parts
	case m.Null:
		values["content"] = nil
	}
	for _, f := range []struct {
		key   string
		isSet bool
		value any
	}{
		{"reasoning_content", m.ReasoningContent != "", m.ReasoningContent}, {"tool_calls", m.ToolCalls != nil, m.ToolCalls},
		{"tool_call_id", m.ToolCallID != "", m.ToolCallID}, {"name", m.Name != "", m.Name},
	} {
		if f.isSet {
			values[f.key] = f.value
			order = append(order, f.key)
		}
	}
	return values, order
}

// MarshalJSON writes the message with its keys in order.
func (m Message) MarshalJSON() ([]byte, error) {
	values, order := m.fields()
	for key, value := range m.extra {
		values[key] = value
	}
	keys := m.keys
	for _, key := range order {
		if !slices.Contains(keys, key) && (key != "content" || m.keys == nil || m.Content != "" || m.Parts != nil) {
			keys = append(keys[:len(keys):len(keys)], key)
		}
	}
	return marshalOrdered(keys, values)
}

// marshalOrdered writes an object with its keys in order.
func marshalOrdered(keys []string, values map[string]any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, key := range keys {
		value, ok := values[key]
		if !ok {
			continue // a field that was unset after the message was read
		}
		name, err := json.Marshal(key)
		text, err2 := json.Marshal(value)
		if err := errors.Join(err, err2); err != nil {
			return nil, err
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(append(append(name, ':'), text...))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// readOrdered reads an object and the order of its keys.
func readOrdered(b []byte) (keys []string, values map[string]json.RawMessage, err error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, fmt.Errorf("want a JSON object, got %.40s", b)
	}
	keys, values = []string{}, map[string]json.RawMessage{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, nil, err
		}
		name := key.(string)
		if _, twice := values[name]; !twice {
			keys = append(keys, name)
		}
		values[name] = value
	}
	return keys, values, nil
}

// UnmarshalJSON reads a message.
func (m *Message) UnmarshalJSON(b []byte) error {
	keys, values, err := readOrdered(b)
	if err != nil {
		return err
	}
	*m = Message{keys: keys, extra: map[string]json.RawMessage{}}
	for _, key := range keys {
		if !m.read(key, values[key]) {
			m.extra[key] = values[key]
		}
	}
	return nil
}

// read reads the value of a key into its field; false where the field cannot hold it.
func (m *Message) read(key string, value json.RawMessage) bool {
	if string(value) == "null" {
		m.Null = m.Null || key == "content"
		return key == "content"
	}
	field, ok := map[string]any{
		"role": &m.Role, "content": &m.Content, "reasoning_content": &m.ReasoningContent,
		"tool_call_id": &m.ToolCallID, "name": &m.Name,
	}[key]
	if ok && json.Unmarshal(value, field) == nil {
		return true
	}
	var calls []ToolCall
	if key == "tool_calls" && json.Unmarshal(value, &calls) == nil {
		m.ToolCalls = calls
	}
	var parts []Part
	if key == "content" && json.Unmarshal(value, &parts) == nil {
		m.Parts = parts
	}
	return false // tool calls and parts are written as they were read
}

// MarshalJSON writes the part's type, text and other keys in this order.
func (p Part) MarshalJSON() ([]byte, error) {
	keys, values := []string{"type"}, map[string]any{"type": p.Type}
	if p.Type == "text" {
		keys, values["text"] = append(keys, "text"), p.Text
	}
	for key, value := range p.Extra {
		values[key] = value
		keys = append(keys, key)
	}
	slices.Sort(keys[1:])
	return marshalOrdered(keys, values)
}

// UnmarshalJSON reads a part.
func (p *Part) UnmarshalJSON(b []byte) error {
	_, values, err := readOrdered(b)
	if err != nil {
		return err
	}
	*p = Part{}
	if json.Unmarshal(values["type"], &p.Type) == nil {
		delete(values, "type")
	}
	if json.Unmarshal(values["text"], &p.Text) == nil {
		delete(values, "text")
	}
	if len(values) > 0 {
		p.Extra = values
	}
	return nil
}

package answer

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"trit/serve/grammar"
	"trit/tokenizer"
)

// syntax is how a model writes tool calls.
type syntax struct {
	begin, end string // around a call; without begin, the whole answer is one
	arguments  string // key of the arguments
	template   bool   // the chat template lays tools out itself
}

// syntaxOf finds the syntax of a model in its chat template. Models whose templates know no tools
// are told of them in the system message, in the syntax that most models are trained on.
func syntaxOf(tok *tokenizer.Tokenizer) *syntax {
	t := tok.ChatTemplate()
	text := t.Text + t.ToolText
	knows := strings.Contains(text, "tools")
	if knows && !strings.Contains(text, "<tool_call>") && strings.Contains(text, `"parameters"`) {
		return &syntax{arguments: "parameters", template: true} // Llama 3.1 and its kin
	}
	return &syntax{begin: "<tool_call>", end: "</tool_call>", arguments: "arguments", template: knows}
}

// toolObjects are tools as chat templates get them.
func toolObjects(tools []Tool) ([]json.RawMessage, error) {
	var list []json.RawMessage
	for i, t := range tools {
		b, err := marshal(map[string]any{"type": "function", "function": struct {
			Name        string          `json:"name"`
			Description string          `json:"description,omitempty"`
			Parameters  json.RawMessage `json:"parameters"`
		}{t.Name, t.Description, t.parameters()}})
		if err != nil {
			return nil, Badf(fmt.Sprintf("tools[%d]", i), "%v", err)
		}
		list = append(list, b)
	}
	return list, nil
}

// marshal is json.Marshal with <, > and & as they are: models read the text.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

func (t *Tool) parameters() json.RawMessage {
	if len(t.Parameters) == 0 || string(t.Parameters) == "null" {
		return json.RawMessage(`{"type":"object","properties":{}}`)
	}
	return t.Parameters
}

// instruct tells a model of tools in its system message.
func (s *syntax) instruct(messages []tokenizer.Message, tools []json.RawMessage) []tokenizer.Message {
	text := "You may call one or more of these functions:\n<tools>\n" + string(bytes.Join(rawBytes(tools), []byte("\n"))) +
		"\n</tools>\nFor a call, write a JSON object within tags:\n" + s.begin + "\n" +
		`{"name": "the function", "` + s.arguments + `": {}}` + "\n" + s.end
	messages = slices.Clone(messages)
	if len(messages) > 0 && messages[0].Role == "system" && messages[0].Parts == nil {
		messages[0] = tokenizer.Message{Role: "system", Content: messages[0].Content + "\n\n" + text}
		return messages
	}
	return slices.Insert(messages, 0, tokenizer.Message{Role: "system", Content: text})
}

func rawBytes(list []json.RawMessage) [][]byte {
	out := make([][]byte, len(list))
	for i, b := range list {
		out[i] = b
	}
	return out
}

// source makes calls match the schemas of the tools; with loose, of the strict ones alone.
func (s *syntax) source(r *Request, loose bool) grammar.Source {
	var options []any
	for _, t := range r.Tools {
		if loose && !t.Strict {
			t.Parameters = json.RawMessage(`{"type":"object"}`)
		}
		if r.Choice.Name == "" || t.Name == r.Choice.Name {
			options = append(options, s.schema(&t))
		}
	}
	schema, err := json.Marshal(map[string]any{"anyOf": options})
	if err != nil {
		return grammar.Source{} // a schema that is no JSON was refused before
	}
	g := grammar.Source{Schema: schema}
	switch {
	case r.Choice.Mode == ToolsRequired && s.begin != "":
		g.Before, g.After = s.begin+"\n", "\n"+s.end
	case r.Choice.Mode == ToolsRequired:
	case s.begin != "":
		g.Trigger, g.After = s.begin, s.end
	default:
		return grammar.Source{} // text or a call: what comes cannot be known
	}
	return g
}

// schema is the JSON schema of a call.
func (s *syntax) schema(t *Tool) any {
	name, _ := json.Marshal(t.Name) // a string always has a form in JSON
	return map[string]any{
		"type": "object", "required": []string{"name", s.arguments}, "additionalProperties": false,
		// in this order, as models write it
		"properties": json.RawMessage(fmt.Sprintf(`{"name":{"const":%s},%q:%s}`, name, s.arguments, t.parameters())),
	}
}

// decode reads the text of a call, or of a list of calls, and reports whether it is one.
func (s *syntax) decode(text string) ([]Call, bool) {
	list := []json.RawMessage{json.RawMessage(text)}
	if strings.HasPrefix(strings.TrimSpace(text), "[") && json.Unmarshal([]byte(text), &list) != nil {
		return nil, false
	}
	var calls []Call
	for _, b := range list {
		var fields map[string]json.RawMessage
		c := Call{ID: "call_" + rand.Text()}
		if json.Unmarshal(b, &fields) != nil || json.Unmarshal(fields["name"], &c.Name) != nil || c.Name == "" {
			return nil, false
		}
		c.Arguments = fields[s.arguments]
		if !bytes.HasPrefix(bytes.TrimSpace(c.Arguments), []byte("{")) {
			return nil, false
		}
		calls = append(calls, c)
	}
	return calls, len(calls) > 0
}

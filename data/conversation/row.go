package conversation

import (
	"encoding/json"
	"strings"

	"trit/data/source"
	"trit/tokenizer"
)

// rowReader reads the fields of one row. It keeps the first error, and the first reason to leave the
// row out.
type rowReader struct {
	row  source.Row
	left Left
	err  error
}

// fail notes an error.
func (p *rowReader) fail(field, found, hint string) {
	if p.err == nil {
		p.err = rowError(p.row, field, found, hint)
	}
}

// text is a field's text, "" where it is not there.
func (p *rowReader) text(field string) (text string) {
	value := p.row.Fields[field]
	if value == nil {
		return ""
	}
	if json.Unmarshal(value, &text) != nil {
		p.fail(field, "it holds "+kindOf(value)+", not text", "name a field of texts, or the form that the rows have")
	}
	return text
}

// messages is a field that holds a text, which is one message of a role, or a list of messages. An
// empty text is no message.
func (p *rowReader) messages(field, role string) []tokenizer.Message {
	if value := p.row.Fields[field]; !startsWith(value, '"') {
		return p.turns(field, value)
	}
	text := p.text(field)
	if text == "" {
		p.left = NoContent
		return nil
	}
	return []tokenizer.Message{{Role: role, Content: text}}
}

// instruction is the two messages of an instruction, whose input stands below it.
func (p *rowReader) instruction() []tokenizer.Message {
	request, output := p.text(requestField), p.text(outputField)
	if input := p.text(inputField); input != "" {
		request += "\n\n" + input
	}
	if request == "" || output == "" {
		p.left = NoContent
	}
	return []tokenizer.Message{{Role: userRole, Content: request}, {Role: assistantRole, Content: output}}
}

// around puts the fields system and tools to a conversation.
func (p *rowReader) around(t *Talk) {
	if system := p.text(systemField); system != "" && (len(t.Messages) == 0 || t.Messages[0].Role != systemRole) {
		t.Messages = append([]tokenizer.Message{{Role: systemRole, Content: system}}, t.Messages...)
	}
	t.Tools = p.tools()
}

// tools are the descriptions of functions: a list of objects, or a text that holds one.
func (p *rowReader) tools() (tools []json.RawMessage) {
	value := unquoted(p.row.Fields[toolsField])
	if len(value) == 0 {
		return nil
	}
	if json.Unmarshal(value, &tools) != nil {
		p.fail(toolsField, "it is no list of functions", "write a list of JSON objects, or a text that holds one")
	}
	for _, tool := range tools {
		if !startsWith(tool, '{') {
			p.fail(toolsField, "it holds "+kindOf(tool)+", not a function", "write each as a JSON object")
		}
	}
	return tools
}

// answer is one of the two ways in which a conversation goes on, with the prompt. A list that does not
// begin with the assistant is a whole conversation. A text without a prompt is one of Human and Assistant.
func (p *rowReader) answer(field string, prompt []tokenizer.Message) []tokenizer.Message {
	value := p.row.Fields[field]
	if prompt == nil && startsWith(value, '"') {
		return p.dialogue(field)
	}
	answer := p.messages(field, assistantRole)
	if len(answer) > 0 && answer[0].Role != assistantRole {
		return answer
	}
	return append(prompt[:len(prompt):len(prompt)], answer...)
}

// The marks of speakers in a text, as hh-rlhf has them.
const (
	humanMark     = "\n\nHuman:"
	assistantMark = "\n\nAssistant:"
)

// dialogue divides a text at its marks.
func (p *rowReader) dialogue(field string) (messages []tokenizer.Message) {
	text := p.text(field)
	if !strings.HasPrefix(text, humanMark) {
		p.fail(field, "it is a text, and the row has no prompt", `give a field "prompt", lists of messages, or a text that `+
			`begins with "\n\nHuman:" and goes on with "\n\nAssistant:"`)
		return nil
	}
	for text != "" {
		role, mark := userRole, humanMark
		if strings.HasPrefix(text, assistantMark) {
			role, mark = assistantRole, assistantMark
		}
		text = text[len(mark):]
		end := len(text)
		for _, next := range []string{humanMark, assistantMark} {
			if i := strings.Index(text, next); i >= 0 {
				end = min(end, i)
			}
		}
		messages = append(messages, tokenizer.Message{Role: role, Content: strings.TrimSpace(text[:end])})
		text = text[end:]
	}
	return messages
}

// unquoted is a list that a text holds, as columns have it whose values have different fields; other values
// are as they are, and an empty text is none.
func unquoted(value json.RawMessage) json.RawMessage {
	var text string
	if !startsWith(value, '"') || json.Unmarshal(value, &text) != nil {
		return value
	}
	if text = strings.TrimSpace(text); text == "" || strings.HasPrefix(text, "[") {
		return json.RawMessage(text)
	}
	return value
}

func kindOf(value json.RawMessage) string {
	switch {
	case startsWith(value, '{'):
		return "an object"
	case startsWith(value, '['):
		return "a list"
	case startsWith(value, '"'):
		return "text"
	case len(value) == 0 || startsWith(value, 'n'):
		return "nothing"
	}
	return "a number, true or false"
}

package conversation

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"trit/tokenizer"
)

// Roles that chat templates know.
const (
	systemRole    = "system"
	userRole      = "user"
	assistantRole = "assistant"
	toolRole      = "tool"
)

// roles are the roles that a message may have.
var roles = []string{systemRole, "developer", userRole, assistantRole, toolRole, "function", "ipython"}

// callSpeaker writes the call of a function as a turn of its own.
const callSpeaker = "function_call"

// speakers are the names that ShareGPT's form has for roles.
var speakers = map[string]string{
	"system": systemRole, "human": userRole, "user": userRole, "gpt": assistantRole, "assistant": assistantRole,
	"chatgpt": assistantRole, "bing": assistantRole, "bard": assistantRole, "model": assistantRole, callSpeaker: assistantRole,
	"tool": toolRole, "function": toolRole, "function_response": toolRole, "observation": toolRole,
}

// turns reads a list of messages, or a text that holds one.
func (p *rowReader) turns(field string, value json.RawMessage) (messages []tokenizer.Message) {
	var list []json.RawMessage
	if value = unquoted(value); len(value) > 0 && json.Unmarshal(value, &list) != nil {
		p.fail(field, "it holds "+kindOf(value)+", not a list of messages", "write a list of objects with role and content")
		return nil
	}
	for i, one := range list {
		messages = append(messages, p.turn(fmt.Sprintf("%s[%d]", field, i), one))
		if p.err != nil {
			return nil
		}
	}
	return messages
}

// turn reads a message: role and content, or from and value.
func (p *rowReader) turn(field string, value json.RawMessage) (m tokenizer.Message) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(value, &keys) != nil || keys == nil {
		p.fail(field, "it is "+kindOf(value)+", not a message", "write an object with role and content")
		return m
	}
	if weight, ok := keys["weight"]; ok && string(weight) == "0" {
		p.fail(field+".weight", "it is 0, and no single answer can be left out", "end the conversation before it")
	}
	if _, ok := keys["role"]; !ok && keys["from"] != nil {
		return p.spoken(field, keys)
	}
	if json.Unmarshal(withCalls(value, keys["tool_calls"]), &m) != nil || !slices.Contains(roles, m.Role) {
		p.fail(field+".role", fmt.Sprintf("it is %s", orNothing(keys["role"])), "want "+strings.Join(roles, ", ")+
			"; from and value for those of ShareGPT")
	}
	p.content(field, keys, &m)
	return m
}

// content checks what a message says.
func (p *rowReader) content(field string, keys map[string]json.RawMessage, m *tokenizer.Message) {
	switch content := keys["content"]; {
	case m.Parts != nil:
		for i, part := range m.Parts {
			if part.Type != "text" {
				p.fail(fmt.Sprintf("%s.content[%d]", field, i), fmt.Sprintf("it is of type %q", part.Type), "give texts alone")
			}
		}
	case content == nil || string(content) == "null":
		m.Null = true // which templates know; a parquet file does not tell it from a content that is not there
		if len(m.ToolCalls) == 0 {
			p.left = NoContent
		}
	case content[0] != '"':
		p.fail(field+".content", "it is "+kindOf(content), "write a text, or a list of parts of type text")
	}
}

// spoken is a message of ShareGPT's form.
func (p *rowReader) spoken(field string, keys map[string]json.RawMessage) (m tokenizer.Message) {
	var from, text string
	if json.Unmarshal(keys["from"], &from) != nil || speakers[from] == "" {
		p.fail(field+".from", "it is "+orNothing(keys["from"]), "want human, gpt, system, tool or their other names")
		return m
	}
	m.Role = speakers[from]
	switch value := keys["value"]; {
	case value == nil || string(value) == "null":
		p.left = NoContent
	case json.Unmarshal(value, &text) != nil:
		p.fail(field+".value", "it is "+kindOf(value), "write a text")
	}
	var call tokenizer.FunctionCall
	if from == callSpeaker && json.Unmarshal([]byte(text), &call) == nil && call.Name != "" && call.Arguments != nil {
		m.Null, m.ToolCalls = true, []tokenizer.ToolCall{{Type: "function", Function: call}}
		return m
	}
	m.Content = text
	return m
}

// withCalls is a message whose calls of functions have arguments that are objects, as templates want
// them, and not texts that hold objects, as OpenAI writes them.
func withCalls(message, calls json.RawMessage) json.RawMessage {
	var list []struct {
		Function struct {
			Arguments json.RawMessage `json:"arguments"`
		} `json:"function"`
	}
	if json.Unmarshal(calls, &list) != nil {
		return message
	}
	for _, c := range list {
		var text string
		var object map[string]json.RawMessage
		arguments := c.Function.Arguments
		if json.Unmarshal(arguments, &text) != nil || json.Unmarshal([]byte(text), &object) != nil || object == nil {
			continue
		}
		quoted := regexp.MustCompile(`("arguments"\s*:\s*)` + regexp.QuoteMeta(string(arguments)))
		message = quoted.ReplaceAllFunc(message, func(found []byte) []byte {
			before := len(found) - len(arguments)
			return append(found[:before:before], text...)
		})
	}
	return message
}

func orNothing(value json.RawMessage) string {
	if value == nil {
		return "not there"
	}
	return string(value)
}

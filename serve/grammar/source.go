// Package grammar makes answers have a form: JSON, JSON that a schema describes, or what a
// grammar in GBNF says. It tells token by token which may come next.
package grammar

import "encoding/json"

// Source says what an answer must look like. The zero value allows any text. At most one of
// JSON, Schema and GBNF is set.
type Source struct {
	JSON   bool            // a JSON object
	Schema json.RawMessage // JSON that matches this JSON schema
	GBNF   string          // what this grammar in llama.cpp's GBNF allows
	// Before and After are text around it, such as of a tool call.
	Before, After string
	// Trigger makes the form hold only between Trigger, any number of times, and After: other
	// text before and behind is free. Before is not used then.
	Trigger string
}

// IsText reports whether the source allows any text.
func (s *Source) IsText() bool { return !s.JSON && s.Schema == nil && s.GBNF == "" }

// Error says what is wrong in a schema or a grammar, or what of it is not supported.
type Error struct {
	At   string // such as "#/properties/name" or "line 3"
	Text string
}

// Error implements error.
func (e *Error) Error() string {
	if e.At == "" {
		return e.Text
	}
	return e.At + ": " + e.Text
}

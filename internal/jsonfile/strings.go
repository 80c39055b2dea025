package jsonfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
)

// scalar finds the strings and numbers of a JSON text.
var scalar = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*`)

// MapText gives the strings of a JSON text, its keys too, to f without quotes and escapes, and its
// numbers as they are written. What f changes stands in the result as a string; all else is as it was.
func MapText(b []byte, f func(string) (string, error)) ([]byte, error) {
	var failed []error
	out := scalar.ReplaceAllFunc(b, func(old []byte) []byte {
		text := string(old)
		if old[0] == '"' && json.Unmarshal(old, &text) != nil {
			return old // no JSON: whoever reads it says so
		}
		changed, err := f(text)
		if err != nil {
			failed = append(failed, err)
		}
		if err != nil || changed == text {
			return old
		}
		return Plain(changed)
	})
	return out, errors.Join(failed...)
}

// Plain is a text in JSON, with <, > and & as they are.
func Plain(text string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string always has a form
	return bytes.TrimSpace(b.Bytes())
}

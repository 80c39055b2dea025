package jsonfile

import (
	"errors"
	"strings"
	"testing"
)

// TestMapText changes strings whatever their escapes, keys and numbers, and nothing between them.
func TestMapText(t *testing.T) {
	for in, want := range map[string]string{
		`{"a": ["b", 1.50, -2e9, true]}`: `{"a": ["b", 1.50, -2e9, true]}`,
		`{"x":"a \u0062ad\"<b>"}`:        `{"x":"a good\"<b>"}`,
		`{ "bad" : "\u003c"}`:            `{ "good" : "\u003c"}`,
		`{"n":[1234,12345]}`:             `{"n":["four",12345]}`,
		`"bad`:                           `"bad`,
	} {
		got, err := MapText([]byte(in), func(s string) (string, error) {
			if s == "1234" {
				return "four", nil
			}
			return strings.ReplaceAll(s, "bad", "good"), nil
		})
		if err != nil || string(got) != want {
			t.Errorf("%s becomes %s (%v), want %s", in, got, err, want)
		}
	}
	no := errors.New("no")
	if _, err := MapText([]byte(`["a"]`), func(string) (string, error) { return "", no }); !errors.Is(err, no) {
		t.Errorf("error %v, want that of the function", err)
	}
}

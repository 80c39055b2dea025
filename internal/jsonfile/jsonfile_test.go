package jsonfile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"trit/internal/jsonfile"
)

type config struct {
	Size  int             `json:"hidden_size"`
	Rate  *float64        `json:"rate"`
	Name  string          `json:"name"`
	On    bool            `json:"on"`
	List  []int           `json:"list"`
	Seed  uint64          `json:"seed"`
	Inner struct{ A int } `json:"inner"`
	Own   own             `json:"own"`
	Embedded
}

// Embedded has its keys among those of the outer struct.
type Embedded struct {
	Depth int `json:"depth"`
}

// own has an error of its own.
type own struct{}

func (*own) UnmarshalJSON([]byte) error { return errors.New("an error of its own") }

func ExampleDecode() {
	var c config
	fmt.Println(jsonfile.Decode([]byte("{\n  \"hidden_size\": \"big\"\n}"), &c))
	// Output: line 2: hidden_size: want a whole number, found text
}

func TestErrorsAreInTheUsersWords(t *testing.T) {
	for text, want := range map[string]string{
		`{"hidden_size": "big"}`:      "hidden_size: want a whole number, found text",
		`{"hidden_size": 1.5}`:        "hidden_size: want a whole number, found 1.5",
		`{"rate": [1]}`:               "rate: want a number, found a list",
		`{"name": 3}`:                 "name: want text in quotes, found a number",
		`{"on": "yes"}`:               "on: want true or false, found text",
		`{"list": {}}`:                "list: want a list [...], found an object",
		`{"seed": -1}`:                "seed: want a whole number of at least 0, found -1",
		`{"inner": {"A": true}}`:      "inner.A: want a whole number, found true or false",
		`{"inner": 3}`:                "inner: want an object {...}, found a number",
		`{"depth": "x"}`:              "depth: want a whole number, found text",
		`[1]`:                         "want an object {...}, found a list",
		`{"own": 1}`:                  "an error of its own",
		"{\n\"a\": 1,\n}":             `line 3: "}" stands where a key in double quotes should be`,
		"{\n\"a\": 1\n\"b\": 2}":      `line 3: "\"" stands where "," or "}" should be`,
		`{"a" 1}`:                     `"1" stands where ":" should be`,
		`{"a": é}`:                    `"é" stands where a value should be`,
		`[1 2]`:                       `"2" stands where "," or "]" should be`,
		`{} {}`:                       `"{" stands where the end should be`,
		`{"a": `:                      "the JSON ends too early",
		"":                            "this is an empty file, not a JSON file",
		"\ufeff{}":                    "the file begins with a byte order mark",
		"GGUF\x03":                    "this is a GGUF file, not a JSON file",
		"<!DOCTYPE html><html>":       "this is a web page (HTML), not a JSON file: a download failed",
		"hidden_size: 3":              "this is text, not a JSON file",
		"{\"list\": [1,\n2,\n\"x\"]}": "line 3: list: want a whole number, found text",
	} {
		var c config
		err := jsonfile.Decode([]byte(text), &c)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "json:") {
			t.Errorf("%s: %v speaks of Go", text, err)
		}
	}
}

func TestDecodeStrict(t *testing.T) {
	var c config
	for text, want := range map[string]string{
		`{"hiden_size": 1}`: `there is no field "hiden_size": did you mean "hidden_size"?`,
		`{"zzzzzzz": 1}`:    `there is no field "zzzzzzz": want one of hidden_size, rate, name, on, list, seed, inner, A, own, depth`,
		`{"rate": "a"}`:     "rate: want a number, found text",
		`{} {}`:             "more text follows",
		``:                  "this is an empty file",
		`{"rate": `:         "the JSON ends too early",
	} {
		if err := jsonfile.DecodeStrict([]byte(text), &c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	if err := jsonfile.DecodeStrict([]byte("{\"hidden_size\": 3}\n"), &c); err != nil || c.Size != 3 {
		t.Errorf("%v, size %d", err, c.Size)
	}
}

// A reader that goes through a stream has no text to show.
func TestErrorOfATextThatIsNotAtHand(t *testing.T) {
	var v any
	d := json.NewDecoder(strings.NewReader("[1 2]"))
	err := jsonfile.Explain(nil, d.Decode(&v))
	if want := `'2' stands where "," or "]" should be`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// FuzzExplain looks for texts whose errors still speak of Go.
func FuzzExplain(f *testing.F) {
	f.Add([]byte(`{"hidden_size": "big"}`))
	f.Add([]byte("\ufeff{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c config
		if err := jsonfile.Decode(b, &c); (err == nil) != (json.Unmarshal(b, &c) == nil) ||
			err != nil && strings.Contains(err.Error(), "Go ") {
			t.Error(err)
		}
	})
}

package python

import (
	"errors"
	"reflect"
	"testing"
)

// TestLiteral compares Literal with ast.literal_eval of Python 3.11.
func TestLiteral(t *testing.T) {
	for in, want := range map[string]any{
		`['a', "b"]`:             []any{"a", "b"},
		`["it's", 'say "x"']`:    []any{"it's", `say "x"`},
		"['''a\nb''', u'c']":     []any{"a\nb", "c"},
		`['a' 'b', r'\n']`:       []any{"ab", `\n`},
		`['\n\x41\u00e9\101\q']`: []any{"\nAéA\\q"},
		"('a',)":                 []any{"a"},
		"('a')":                  "a",
		"'a', 'b'":               []any{"a", "b"},
		"[]":                     []any{},
		"[1, -2, +3, 0x1f, 1_000, 0o17, 0b11, 00]": []any{int64(1), int64(-2), int64(3), int64(31), int64(1000), int64(15), int64(3), int64(0)},
		"[1.5, .5, 2., 1e3, -1E-2]":                []any{1.5, 0.5, 2.0, 1000.0, -0.01},
		"[None, True, False]":                      []any{nil, true, false},
		"[[1], ('x', [2])]":                        []any{[]any{int64(1)}, []any{"x", []any{int64(2)}}},
		"[1,\n 2,\n]":                              []any{int64(1), int64(2)},
		"  'a'\n":                                  "a",
		"{'a': [1], \"b\": {'c': 'd',},}":          map[string]any{"a": []any{int64(1)}, "b": map[string]any{"c": "d"}},
		"{}":                                       map[string]any{},
	} {
		if got, err := Literal(in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v (%v), want %#v", in, got, err, want)
		}
	}
	for in, beyond := range map[string]bool{
		"[a]": false, "[1 2]": false, "['a]": false, "[1, 2": false, "[01]": false, "": false, "[,]": false, "1]": false, "'a'\n'b'": false,
		"['a\nb']": false, "[1a]": false, "[f'x']": false, `['\u12']`: false,
		"{'a'}": true, "{1: 2}": true, "{'a': }": false, "{'a': 1": false, "{'a' 1}": true, "[b'x']": true, "[1+2j]": true, "[2j]": true, "[...]": true, "[--1]": true, "[1, # one\n2]": true,
		"[123456789012345678901234567890]": true, `['\N{DASH}']`: true,
	} {
		if got, err := Literal(in); err == nil || errors.Is(err, ErrLiteral) != beyond {
			t.Errorf("%q is %#v, %v: want an error, one of ours: %v", in, got, err, beyond)
		}
	}
}

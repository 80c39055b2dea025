package wire_test

import (
	"context"
	"errors"
	"testing"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/internal/servetest"
	"trit/serve/wire"
	"trit/tokenizer"
)

// TestAnswersThatAreCutOffAreErrors ends answers before their end.
func TestAnswersThatAreCutOffAreErrors(t *testing.T) {
	refused := errors.New("refused")
	q := answer.Request{Messages: []tokenizer.Message{{Role: "user", Content: "hi"}}}
	for name, c := range map[string]struct {
		model *servetest.Model
		on    func(leave context.CancelFunc) error // at the first part
		want  string                               // error; "": none
		parts int
	}{
		"whole":     {&servetest.Model{Texts: []string{"a", "b"}}, func(context.CancelFunc) error { return nil }, "", 2},
		"refused":   {&servetest.Model{Texts: []string{"a", "b"}}, func(context.CancelFunc) error { return refused }, "refused", 1},
		"left":      {&servetest.Model{Texts: []string{"a", "b"}}, func(leave context.CancelFunc) error { leave(); return nil }, "context canceled", 1},
		"ending":    {&servetest.Model{Texts: []string{"a"}, Finish: lm.FinishCancel}, func(context.CancelFunc) error { return nil }, "the server is ending: ask again", 1},
		"an error":  {&servetest.Model{Texts: []string{"a"}, Err: servetest.ErrSecret}, func(context.CancelFunc) error { return nil }, "a secret", 1},
		"too early": {&servetest.Model{Err: servetest.ErrSecret}, nil, "a secret", 0},
	} {
		ctx, leave := context.WithCancel(t.Context())
		parts := 0
		_, err := wire.Ask(ctx, servetest.NewModels(t, servetest.Template, c.model).M, q, func(answer.Event) error {
			parts++
			return c.on(leave)
		})
		leave()
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want || parts != c.parts {
			t.Errorf("%s: %v after %d parts", name, err, parts)
		}
	}
}

// TestFieldsHaveTheNamesOfTheAPI renames the field of an error, and puts it within another.
func TestFieldsHaveTheNamesOfTheAPI(t *testing.T) {
	s := wire.Shape{Names: map[string]string{"stop": "stop_sequences"}}
	if e := s.Error(answer.Badf("stop", "holds 17")); e.Error() != "stop_sequences: holds 17" || e.Code != wire.InvalidInput {
		t.Error(e)
	}
	if e := s.Error(answer.Badf("seed", "is 1")); e.Error() != "seed: is 1" {
		t.Error(e)
	}
	for part, want := range map[string]string{
		`{"b":1}`: "a[0].b: is not supported", `7`: "a[0]: is a JSON number, which it must not be", `{"c":"x"}`: "a[0].c: is a JSON string, which it must not be",
		`{"d":1,"c":2}`: "",
	} {
		var v struct {
			C int `json:"c"`
		}
		err := wire.DecodePart("a[0]", []byte(part), &v, "d")
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: %v", part, err)
		}
	}
}

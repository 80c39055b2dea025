package setting

import (
	"encoding/json"
	"testing"
)

func TestNote(t *testing.T) {
	flags := func(field string) string { return map[string]string{"convert.Options.Pad": "--pad"}[field] }
	notes := []Note{"rows are short; {convert.Options.Pad} fills them up", "a {b} and {C.D} stay"}
	for i, want := range []string{"rows are short; Options.Pad fills them up", "a {b} and {C.D} stay"} {
		if got := notes[i].String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	named := Texts(notes, flags)
	if got, want := Join(named, " | "), "rows are short; --pad fills them up | a {b} and {C.D} stay"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if b, err := json.Marshal(notes[:1]); err != nil || string(b) != `["rows are short; Options.Pad fills them up"]` {
		t.Errorf("got %s, %v", b, err)
	}
}

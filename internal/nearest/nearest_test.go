package nearest_test

import (
	"fmt"
	"testing"

	"trit/internal/nearest"
)

func ExampleHint() {
	tasks := []string{"arc_easy", "arc_challenge", "boolq"}
	fmt.Println("there is no task arc_esay" + nearest.Hint("arc_esay", tasks, nil))
	// Output: there is no task arc_esay: did you mean "arc_easy"?
}

func TestName(t *testing.T) {
	commands := []string{"quickstart", "pull", "tokenizer", "data", "train", "watch", "convert", "run", "embed", "eval"}
	keys := []string{"learning_rate", "batch_size", "sequence_length", "max_steps", "seed"}
	also := map[string]string{"lr": "learning_rate", "seq-len": "sequence_length", "nothing": "no known name"}
	for _, c := range []struct {
		given string
		known []string
		want  string
	}{
		{"rnu", commands, "run"}, // letters swapped
		{"tokeniser", commands, "tokenizer"},
		{"Train", commands, "train"},
		{"quick", commands, "quickstart"}, // how it begins
		{"datta", commands, "data"},
		{"frobnicate", commands, ""},
		{"xyz", commands, ""},
		{"", commands, ""},
		{"lr", keys, "learning_rate"},
		{"seq_len", keys, "sequence_length"}, // "_" is as good as "-"
		{"nothing", keys, ""},                // an alias of a name that is not known here
		{"batchsize", keys, "batch_size"},
		{"max", keys, "max_steps"},
		{"i2s", []string{"i2_s", "tq2_0"}, "i2_s"},
		{"a", []string{"b"}, ""}, // every letter is another
	} {
		if got := nearest.Name(c.given, c.known, also); got != c.want {
			t.Errorf("%q: %q, want %q", c.given, got, c.want)
		}
	}
}

func TestOneOfListsWhatIsKnown(t *testing.T) {
	if got, want := nearest.OneOf("nothing", []string{"a1", "b2"}, nil), ": want one of a1, b2"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

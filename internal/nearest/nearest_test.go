package nearest_test

import (
	"fmt"
	"testing"

	"trit/internal/nearest"
)

func ExampleQuestion() {
	tasks := []string{"arc_easy", "arc_challenge", "boolq"}
	fmt.Println("there is no task arc_esay: " + nearest.Question("arc_esay", tasks, nil))
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
		{"dataset", commands, "data"},
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

func TestOneOf(t *testing.T) {
	few, many := []string{"one", "two"}, []string{"one", "two", "three", "four", "five", "six", "seven"}
	for _, c := range []struct {
		given string
		known []string
		want  string
	}{
		{"tow", few, ": want one of one, two"},
		{"tow", many, `: did you mean "two"?`},
		{"eighteen", many, ": want one of one, two, three, four, five, six, seven"},
	} {
		if got := nearest.OneOf(c.given, c.known, nil); got != c.want {
			t.Errorf("%s: %q, want %q", c.given, got, c.want)
		}
	}
}

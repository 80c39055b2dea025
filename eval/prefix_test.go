package eval

import (
	"slices"
	"testing"
)

// TestPrefix has the turns of questions whose answers have a beginning, by the harness's build_qa_turn.
func TestPrefix(t *testing.T) {
	d := Delimiters{Target: "|", Fewshot: "#"}
	for _, c := range []struct {
		text, prefix, answer string
		want                 []turn
	}{
		{"q", "", "", []turn{{"user", "q", ""}}},
		{"q", "", "a", []turn{{"user", "q", "|"}, {"assistant", "a", "#"}}},
		{"q", "p:", "a", []turn{{"user", "q", "|"}, {"assistant", "p: a", "#"}}},
		{"q ", "p:", " a", []turn{{"user", "q ", ""}, {"assistant", "p: a", "#"}}},
		{"q", "\np ", "a", []turn{{"user", "q", ""}, {"assistant", "\np a", "#"}}},
		{"", "p", "", []turn{{"user", "", ""}, {"assistant", "p", ""}}},
	} {
		if got := d.exchange(c.text, c.prefix, c.answer); !slices.Equal(got, c.want) {
			t.Errorf("%q, %q, %q: %q, want %q", c.text, c.prefix, c.answer, got, c.want)
		}
	}
}

// TestUpTo cuts prompts as transformers does with continue_final_message.
func TestUpTo(t *testing.T) {
	for _, c := range []struct{ prompt, prefix, want string }{
		{"<u>q<a>The answer is</s>", "The answer is", "<u>q<a>The answer is"},
		{"<u>q<a>So: </s>", "So: ", "<u>q<a>So: "},
		{"<u>q<a>So:</s>", "So: ", "<u>q<a>So:"},
		{"<u>So<a> So</s>", " So", "<u>So<a> So"},
		{"<u>q", "", "<u>q"},
	} {
		if got, err := upTo(c.prompt, c.prefix); err != nil || got != c.want {
			t.Errorf("%q up to %q: %q (%v), want %q", c.prompt, c.prefix, got, err, c.want)
		}
	}
	if got, err := upTo("<u>q<a></s>", "So"); err == nil {
		t.Errorf("a template without the beginning gives %q, want an error", got)
	}
}

package bbh

import (
	"testing"

	"trit/eval"
)

// The values are those of word2number 1.1, which adds some parts twice.
func TestNumbersInWords(t *testing.T) {
	find := number(0)
	for text, want := range map[string]string{
		"I count twenty three": "23", "One hundred and five": "105", "two million five thousand": "2006005",
		"nineteen hundred & four, zero": "1900", "five hundred twenty three thousand two hundred": "523200",
		"one, two, three, four, five": "5", "someone": "1", "-7 or two": "-7", "a thousand": "1000", "two billion": "2000000000",
		"seven": eval.NoAnswer, "thousand five": eval.NoAnswer, "trillion": eval.NoAnswer, "five thousand two million": eval.NoAnswer,
		"five thousand two thousand": eval.NoAnswer, "ten here": "10", "nothing": eval.NoAnswer,
	} {
		if got := find.Apply(nil, text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

func TestQuestionsThatAreRefused(t *testing.T) {
	all := Tasks()
	last := all[len(all)-1]
	for _, input := range []string{"no words", "List: (b"} {
		if q, err := last.Question(eval.Document{{Name: "input", Value: input}, {Name: "target", Value: "b"}}); err == nil {
			t.Errorf("%q gives %+v", input, q)
		}
	}
}

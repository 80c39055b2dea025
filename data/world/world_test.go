package world

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"trit/data/source"
)

var smallWorld = Options{Seed: 3, Documents: 6000, Questions: 200}

func TestGenerateIsDeterministic(t *testing.T) {
	if !reflect.DeepEqual(Generate(smallWorld), Generate(smallWorld)) {
		t.Error("one seed made two worlds")
	}
	other := smallWorld
	other.Seed++
	if Generate(smallWorld).Texts[0] == Generate(other).Texts[0] {
		t.Error("two seeds made one world")
	}
}

func TestQuestionsAreFairAndFollowFromTheText(t *testing.T) {
	w := Generate(smallWorld)
	text := strings.Join(w.Texts, "\n")
	yes, golds := 0, [4]int{}
	for _, q := range w.YesNo {
		yes += q.Label
		if strings.Contains(text, "Question: "+q.Question+"?") {
			t.Errorf("the training text asks %q", q.Question)
		}
		if !claimed(text, q) {
			t.Errorf("nothing in the text says that the answer to %q is %d", q.Question, q.Label)
		}
	}
	for _, q := range w.FourWay {
		golds[q.Gold]++
		if strings.Contains(text, "Question: "+q.Question) {
			t.Errorf("the training text asks %q", q.Question)
		}
		if !stated(text, q) {
			t.Errorf("nothing in the text says that the answer to %q is %q", q.Question, q.Choices[q.Gold])
		}
		if len(q.Choices) != 4 {
			t.Errorf("%q has %d choices", q.Question, len(q.Choices))
		}
	}
	if yes < 70 || yes > 130 {
		t.Errorf("%d of 200 answers are yes", yes)
	}
	for i, n := range golds {
		if n < 25 || n > 75 {
			t.Errorf("choice %d is right %d times of 200", i, n)
		}
	}
}

// claimed looks for the sentence of the text that answers q.
func claimed(text string, q YesNo) bool {
	for _, t := range traits() {
		for _, s := range subjects {
			if c := (claim{t, s, q.Label == 1}); c.question() == q.Question && strings.Contains(text, c.say()) {
				return true
			}
		}
	}
	return false
}

// TestNoWordGivesTheAnswerAway answers by the trait alone: no question has one usual
// answer.
func TestNoWordGivesTheAnswerAway(t *testing.T) {
	count := map[string]*[2]int{}
	for _, q := range Generate(Options{Seed: 5, Documents: 1, Questions: 4000}).YesNo {
		for _, tr := range traits() {
			for _, s := range subjects {
				if fillIn(tr.ask, s, "") == q.Question {
					if count[tr.ask] == nil {
						count[tr.ask] = new([2]int)
					}
					count[tr.ask][q.Label]++
				}
			}
		}
	}
	best := 0
	for _, n := range count {
		best += max(n[0], n[1])
	}
	if best > 2400 {
		t.Errorf("a guess by the trait alone is right %d times of 4000", best)
	}
}

// stated looks for a sentence of the text that states the fact which q asks for.
func stated(text string, q FourWay) bool {
	for _, rel := range relations() {
		for _, s := range rel.subjects {
			for _, ask := range rel.asks {
				if sentence(fillIn(ask, s, ""))+"?" != q.Question {
					continue
				}
				for _, say := range rel.says {
					if strings.Contains(text, fillIn(say, s, q.Choices[q.Gold])) {
						return true
					}
				}
			}
		}
	}
	return false
}

func TestWriteIsRealParquet(t *testing.T) {
	dir := t.TempDir()
	w := Generate(Options{Seed: 1, Documents: 50, Questions: 5})
	if err := w.Write(dir); err != nil {
		t.Fatal(err)
	}
	i := 0
	for text, err := range source.ReadColumn(context.Background(), []string{dir + "/" + TextFile}, "text") {
		if err != nil || text != w.Texts[i] {
			t.Fatalf("row %d is %q, %v, want %q", i, text, err, w.Texts[i])
		}
		i++
	}
	if i != len(w.Texts) {
		t.Errorf("%d rows, want %d", i, len(w.Texts))
	}
}

func ExampleGenerate() {
	w := Generate(Options{Seed: 1, Documents: 10, Questions: 1})
	fmt.Println(len(w.Texts), len(w.YesNo), len(w.FourWay[0].Choices))
	// Output: 64 1 4
}

package world

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"trit/data"
)

var small = Options{Seed: 3, Documents: 6000, Questions: 200}

func TestGenerateIsDeterministic(t *testing.T) {
	if !reflect.DeepEqual(Generate(small), Generate(small)) {
		t.Error("one seed made two worlds")
	}
	other := small
	other.Seed++
	if Generate(small).Texts[0] == Generate(other).Texts[0] {
		t.Error("two seeds made one world")
	}
}

func TestQuestionsAreFairAndFollowFromTheText(t *testing.T) {
	w := Generate(small)
	text := strings.Join(w.Texts, "\n")
	yes, golds := 0, [4]int{}
	for _, q := range w.YesNo {
		yes += q.Label
		if strings.Contains(text, q.Passage+"\nQuestion: "+q.Question) {
			t.Errorf("the training text asks %q", q.Question)
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

// stated looks for a sentence of the text that states the fact which q asks for.
func stated(text string, q FourWay) bool {
	for _, rel := range relations() {
		for _, s := range rel.subjects {
			for _, ask := range rel.asks {
				if sentence(put(ask, s, ""))+"?" != q.Question {
					continue
				}
				for _, say := range rel.says {
					if strings.Contains(text, put(say, s, q.Choices[q.Gold])) {
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
	for text, err := range data.ReadColumn(context.Background(), []string{dir + "/" + TextFile}, "text") {
		if err != nil || text != w.Texts[i] {
			t.Fatalf("row %d is %q, %v, want %q", i, text, err, w.Texts[i])
		}
		i++
	}
	if i != 50 {
		t.Errorf("%d rows, want 50", i)
	}
}

func ExampleGenerate() {
	w := Generate(Options{Seed: 1, Documents: 10, Questions: 1})
	fmt.Println(len(w.Texts), len(w.YesNo), len(w.FourWay[0].Choices))
	// Output: 10 1 4
}

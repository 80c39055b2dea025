package world

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestGenerateTuningIsDeterministic(t *testing.T) {
	if !reflect.DeepEqual(GenerateTuning(3), GenerateTuning(3)) {
		t.Error("one seed made two")
	}
	if reflect.DeepEqual(GenerateTuning(3).Talks, GenerateTuning(4).Talks) {
		t.Error("two seeds made one")
	}
}

// What is asked follows from the talks, but no talk asks it in these words, nor in those of the validation; and the
// values are those of another world no more often than by chance.
func TestTuningIsFair(t *testing.T) {
	tuning, told := GenerateTuning(3), map[string]bool{}
	first := 0
	for _, talk := range tuning.Talks {
		told[talk.Prompt] = true
		told[talk.Completion] = true
		if strings.HasPrefix(talk.Completion, "We know") {
			first++
		}
	}
	for i, q := range tuning.Validation.Recall {
		if test := tuning.Recall[i]; told[q.Question] || q.Question == test.Question || q.Choices[q.Gold] != test.Choices[test.Gold] {
			t.Errorf("validation has %q and the test %q: asked so in a talk %v", q.Question, test.Question, told[q.Question])
		}
	}
	known := map[string]bool{}
	w := Generate(Options{Seed: 3, Documents: 4000, Questions: 1})
	text := strings.ToLower(strings.Join(w.Texts, "\n"))
	old := 0
	for _, q := range tuning.Recall {
		right := q.Choices[q.Gold]
		if told[q.Question] || !told[right] || len(q.Choices) != 8 {
			t.Errorf("%q, %q among %d: asked so in a talk %v, told %v", q.Question, right, len(q.Choices), told[q.Question], told[right])
		}
		known[right] = true
		if _, says, _ := strings.Cut(right, " that "); strings.Contains(text, strings.ToLower(says)) {
			old++
		}
	}
	if n := len(tuning.Recall); n != 148 || len(known) != n || old > n/4 {
		t.Errorf("%d facts, %d of them different, %d of them in the world", n, len(known), old)
	}
	if n := len(tuning.Talks); n < 5*148 || first < n/3 || first > 2*n/3 {
		t.Errorf("%d talks, %d of them in the first style", n, first)
	}
}

// Pairs differ in nothing but their style, and the held-out ones are about other facts.
func TestPairsOfStyles(t *testing.T) {
	tuning, facts, golds := GenerateTuning(3), map[string]bool{}, [2]int{}
	for _, p := range tuning.Pairs {
		chosen, ok := strings.CutPrefix(p.Chosen, "They say that ")
		rejected, fine := strings.CutPrefix(p.Rejected, "We know that ")
		if !ok || !fine || chosen != rejected {
			t.Errorf("%+v", p)
		}
		facts[chosen] = true
	}
	for _, q := range slices.Concat(tuning.Style, tuning.Validation.Style) {
		golds[q.Gold]++
		says, ok := strings.CutPrefix(q.Choices[q.Gold], "They say that ")
		if !ok || facts[says] || q.Choices[1-q.Gold] != "We know that "+says {
			t.Errorf("%+v", q)
		}
	}
	if len(tuning.Style) < 50 || len(tuning.Validation.Style) != len(tuning.Style) || len(facts) < 50 || golds[0] < 20 || golds[1] < 20 {
		t.Errorf("%d facts in pairs, %d held out, %v of them in each place", len(facts), len(tuning.Style), golds)
	}
}

func TestWriteTuning(t *testing.T) {
	dir, tuning := t.TempDir(), GenerateTuning(1)
	if err := tuning.Write(dir, func(q string) (string, error) { return "<" + q + ">", nil }); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "recall.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var c Choice
	line, _, _ := strings.Cut(string(b), "\n")
	if err := json.Unmarshal([]byte(line), &c); err != nil || c.Question != "<"+tuning.Recall[0].Question+">" ||
		!slices.Equal(c.Choices, tuning.Recall[0].Choices) {
		t.Errorf("%v: %s", err, line)
	}
	for _, name := range []string{TalksFile, PairsFile, RecallTask, StyleTask, "style.jsonl", recallValidation, styleValidation} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

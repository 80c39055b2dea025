package eval

import (
	"os"
	"path/filepath"
	"testing"

	"trit/eval/internal/evaltest"
)

// The data of a task are read once for models with one tokenizer, and again for another.
func TestModelsOfOneTokenizerShareTheirPrompts(t *testing.T) {
	dir, task := manyChoices(t, 20)
	m, o := options(t, task)
	o.Prompts = &Prompts{}
	first, err := Run(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "q.jsonl")); err != nil {
		t.Fatal(err)
	}
	other := &evaltest.Model{Tokenizer: evaltest.Tokenizer(t), Context: m.Context}
	o.Tokenizer = other.Tokenizer
	second, err := Run(t.Context(), other, o)
	if err != nil || second.Results["many"]["acc,none"] != first.Results["many"]["acc,none"] || len(other.Inputs) != 40 {
		t.Errorf("the same tokenizer: %d requests, %v", len(other.Inputs), err)
	}
	for name, change := range map[string]func(){
		"another tokenizer": func() { o.Tokenizer = withTemplate(t, "{{ messages }}") },
		"another length":    func() { o.Tokenizer, o.MaxLength = m.Tokenizer, 30 },
	} {
		change()
		if _, err := Run(t.Context(), m, o); err == nil {
			t.Errorf("%s: the prompts are those of before", name)
		}
	}
}

package tasks_test

import (
	"encoding/json"
	"testing"

	"trit/eval"
	"trit/eval/tasks"
)

// Documents that share a passage, a goal or a twin's options have one cluster, and others have none or another.
func TestClusters(t *testing.T) {
	const history = `{"question": "This question refers to the following information.\n\"Society is a blessing.\"\nPaine, 1776\n`
	for _, c := range []struct {
		task, a, b string
		same       bool
	}{
		{"winogrande", `{"sentence": "a _ b", "option1": "Ann", "option2": "Bob"}`, `{"sentence": "c _", "option1": "Bob", "option2": "Ann"}`, true},
		{"winogrande", `{"option1": "Ann", "option2": "Bob"}`, `{"option1": "Ann", "option2": "Cid"}`, false},
		{"piqa", `{"goal": "boil", "sol1": "x"}`, `{"goal": "boil", "sol1": "y"}`, true},
		{"sciq", `{"support": "Cells are small.", "question": "x"}`, `{"support": "Cells are small.", "question": "y"}`, true},
		{"boolq", `{"passage": "A fox.", "question": "x"}`, `{"passage": "A fox.", "question": "y"}`, true},
		{"mmlu_high_school_us_history", history + `Who wrote?"}`, history + `When?"}`, true},
		{"mmlu_high_school_us_history", history + `Who wrote?"}`, `{"question": "Paine, 1776\nWhen?"}`, false},
	} {
		found, err := tasks.Find(c.task)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, text := range []string{c.a, c.b} {
			var d eval.Document
			if err := json.Unmarshal([]byte(text), &d); err != nil {
				t.Fatal(err)
			}
			f := eval.NewFields(d)
			names = append(names, found[0].Cluster(f))
			if f.Err() != nil {
				t.Error(f.Err())
			}
		}
		if same := names[0] == names[1]; same != c.same || names[0] == "" {
			t.Errorf("%s: clusters %q", c.task, names)
		}
	}
}

package harness_test

import (
	"fmt"
	"os"
	"path/filepath"

	"trit/eval"
	"trit/eval/harness"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "capitals.yaml")
	err = os.WriteFile(path, []byte(`
task: capitals
dataset_path: someone/capitals
test_split: test
output_type: multiple_choice
doc_to_text: "The capital of {{country}} is"
doc_to_choice: "{{cities}}"
doc_to_target: answer
`), 0o644)
	if err != nil {
		panic(err)
	}
	tasks, err := harness.Read(path, nil)
	if err != nil {
		panic(err)
	}
	q, err := tasks[0].Question(eval.Document{
		{Name: "country", Value: "Peru"}, {Name: "cities", Value: []any{"Quito", "Lima"}}, {Name: "answer", Value: int64(1)},
	})
	fmt.Println(q.Contexts[0], q.Choices[q.Gold], err)
	// Output: The capital of Peru is Lima <nil>
}

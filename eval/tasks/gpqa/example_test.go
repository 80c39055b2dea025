package gpqa_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"trit/eval"
	"trit/eval/tasks/gpqa"
)

// The file of the published set is read as it is; its choices come in the harness's order.
func ExampleTasks() {
	dir, err := os.MkdirTemp("", "trit-example-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	const text = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\nWhich?,right,a,b,c\n"
	if err := os.WriteFile(filepath.Join(dir, "gpqa_main.csv"), []byte(text), 0o644); err != nil {
		panic(err)
	}
	task := gpqa.Tasks()[0]
	docs, err := task.Test.Load(context.Background(), &eval.Options{DataDir: dir, AllowPartial: true})
	if err != nil {
		panic(err)
	}
	q, err := task.Question(docs[0])
	fmt.Println(q.Contexts[0], q.Choices[q.Gold], err)
	// Output:
	// What is the correct answer to this question:Which?
	// Choices:
	// (A) c
	// (B) a
	// (C) b
	// (D) right
	// Answer: (D) <nil>
}

package tasks_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"trit/eval"
	"trit/eval/tasks"
	"trit/lm"
	"trit/tokenizer"
)

func ExampleNames() {
	fmt.Println(tasks.Names()[:8])
	// Output: [bits_per_byte arc_easy arc_challenge boolq winogrande hellaswag piqa openbookqa]
}

// shortest is a small model that prefers short texts.
type shortest struct{}

func (shortest) Score(_ context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	results := make([]lm.ScoreResult, len(requests))
	for i, r := range requests {
		results[i].LogProb = -float64(len(r.Targets))
	}
	return results, nil
}

func (shortest) Continue(_ context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	return make([][]int32, len(requests)), nil
}

func (shortest) ContextLength() int { return 512 }

// Any lm.Model is evaluated with a built-in task: a model of package infer, a client of
// eval/openai, or this one.
func ExampleFind() {
	dir, tok := exampleData()
	defer os.RemoveAll(dir)
	found, err := tasks.Find("boolq")
	if err != nil {
		panic(err)
	}
	report, err := eval.Run(context.Background(), shortest{}, eval.Options{
		Tokenizer: tok, Tasks: found, DataDir: dir, AllowPartial: true, NumFewshot: -1,
	})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%.2f of %d questions\n", report.Results["boolq"]["acc,none"], report.NSamples["boolq"].Effective)
	// Output: 0.50 of 2 questions
}

// exampleData is a folder with two questions of BoolQ, and a tokenizer of bytes.
func exampleData() (dir string, tok *tokenizer.Tokenizer) {
	text := func(yield func(string, error) bool) { yield("yes or no", nil) }
	tok, err := tokenizer.Train(text, tokenizer.TrainOptions{VocabSize: 258})
	if err != nil {
		panic(err)
	}
	if dir, err = os.MkdirTemp("", "trit-example-"); err != nil {
		panic(err)
	}
	questions := `{"passage": "Ice -- Ice is frozen water.", "question": "is ice water", "label": 1}
{"passage": "Ice -- Ice is frozen water.", "question": "is ice warm", "label": 0}
`
	if err := os.WriteFile(filepath.Join(dir, "boolq_val.jsonl"), []byte(questions), 0o644); err != nil {
		panic(err)
	}
	return dir, tok
}

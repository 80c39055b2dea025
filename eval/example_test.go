package eval_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"trit/eval"
	"trit/lm"
	"trit/tokenizer"
)

// shortest is a small model: it prefers short texts, and answers every prompt with "4".
type shortest struct{ tok *tokenizer.Tokenizer }

func (shortest) Score(_ context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	results := make([]lm.ScoreResult, len(requests))
	for i, r := range requests {
		results[i].LogProb = -float64(len(r.Targets))
	}
	return results, nil
}

func (s shortest) Continue(_ context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	answers := make([][]int32, len(requests))
	for i := range requests {
		answers[i] = s.tok.Encode("4", false)
	}
	return answers, nil
}

func (shortest) ContextLength() int { return 512 }

// exampleModel is a model, its tokenizer, and a folder with a file of questions.
func exampleModel(file, questions string) (lm.Model, *tokenizer.Tokenizer, string) {
	text := func(yield func(string, error) bool) { yield("two and two", nil) }
	tok, err := tokenizer.Train(text, tokenizer.TrainOptions{VocabSize: 258})
	if err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "trit-example-")
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte(questions), 0o644); err != nil {
		panic(err)
	}
	return shortest{tok}, tok, dir
}

// A task in Go: a source of documents, a question of each, and a judge of answers.
func ExampleTask() {
	model, tok, dir := exampleModel("sums.jsonl", `{"a": 2, "b": 2, "sum": 4}
{"a": 2, "b": 3, "sum": 5}
`)
	defer os.RemoveAll(dir)
	sums := eval.Task{
		Name: "sums", Kind: eval.Generation, Version: 1,
		Test: eval.Source{Files: []string{"sums.jsonl"}, Columns: []string{"a", "b", "sum"}},
		Ask: func(f *eval.Fields) eval.Question {
			prompt := fmt.Sprintf("%s plus %s is", f.Shown("a"), f.Shown("b"))
			return eval.Question{Contexts: []string{prompt}, Target: f.Shown("sum")}
		},
		Answers: eval.Answers{
			Until: []string{"\n"}, MaxTokens: 8, Metric: eval.ExactMatch, Filters: []eval.Filter{eval.WholeText()},
			Judge: func(_ context.Context, _ eval.Sandbox, q *eval.Question, answer string) (eval.Verdict, error) {
				return eval.Right(strings.TrimSpace(answer) == q.Target), nil
			},
		},
	}
	report, err := eval.Run(context.Background(), model, eval.Options{
		Tokenizer: tok, Tasks: []eval.Task{sums}, DataDir: dir, NumFewshot: -1,
	})
	if err != nil {
		panic(err)
	}
	fmt.Print(report.Table().Markdown())
	// Output:
	// | task | version | filter | n-shot | documents | metric |  | value |  | stderr |
	// |---|---|---|---|---|---|---|---|---|---|
	// | sums | 1 | none | 0 | 2 | exact_match | ↑ | 0.5000 | ± | 0.5000 |
}

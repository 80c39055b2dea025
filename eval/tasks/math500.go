package tasks

import (
	"context"

	"trit/eval"
)

// math500 is MATH-500 judged by the equality of strings after normalisation, which the
// harness calls hendrycks_math500. Its minerva_math500 judges by computer algebra and is
// another task. A second filter reads \boxed answers.
var math500 = eval.Task{
	Name: "math500", Note: "string equivalence", About: "MATH-500, judged by string equivalence",
	Kind: eval.Generation, Version: 1,
	Test: eval.Source{
		Files: []string{"math500_test.jsonl"}, Columns: []string{"problem", "solution"},
		Hub: "HuggingFaceH4/MATH-500", Split: "test", HubColumns: []string{"problem", "solution"}, Rows: 500,
	},
	Process: func(f *eval.Fields) eval.Document {
		boxed, ok := lastBoxed(f.Text("solution"))
		answer, opened := unboxed(boxed)
		if f.Err() == nil && !(ok && opened) {
			f.Failf("field \"solution\" has no \\boxed answer")
		}
		return f.Document().With("answer", answer)
	},
	Ask: func(f *eval.Fields) eval.Question {
		return eval.Question{Contexts: []string{"Problem: " + f.Text("problem") + "\nAnswer:"}, Target: f.Text("answer")}
	},
	Answers: eval.Answers{
		Until: []string{"Problem:"}, Metric: eval.ExactMatch, Filters: []eval.Filter{eval.WholeText(), boxedByValue},
		Judge: func(_ context.Context, _ eval.Sandbox, q *eval.Question, answer string) (eval.Verdict, error) {
			return eval.Right(mathEqual(betweenDollars(answer), q.Target)), nil
		},
	},
}

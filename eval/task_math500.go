package eval

import "context"

// math500 is MATH-500 judged by the equality of strings after normalisation, which the
// harness calls hendrycks_math500. Its minerva_math500 judges by computer algebra and is
// another task.
var math500 = &Task{
	Name: "math500", Other: "hendrycks_math500", About: "MATH-500, judged by string equivalence", Kind: Generation, Version: 1,
	Test: Source{
		Files: []string{"math500_test.jsonl"}, Columns: []string{"problem", "solution"},
		Hub: "HuggingFaceH4/MATH-500", Split: "test", HubColumns: []string{"problem", "solution"}, Rows: 500,
	},
	Process: func(r *reader) Document {
		boxed, ok := lastBoxed(r.text("solution"))
		answer, opened := unboxed(boxed)
		if r.err == nil && !(ok && opened) {
			r.fail("field \"solution\" has no \\boxed answer")
		}
		return r.doc.with("answer", answer)
	},
	Ask: func(r *reader) Question {
		return Question{Contexts: []string{"Problem: " + r.text("problem") + "\nAnswer:"}, Target: r.text("answer")}
	},
	Answers: Answers{
		Until: []string{"Problem:"}, Metric: "exact_match", Filters: []Filter{{Name: "none", Apply: wholeText}},
		Judge: func(_ context.Context, _ *Options, q *Question, answer string) (float64, error) {
			return truth(mathEqual(betweenDollars(answer), q.Target)), nil
		},
	},
}

package eval

import "context"

// HumanEval asks for the body of a Python function and runs its tests; HumanEval+ has
// more tests for the same functions.
var (
	humanEval = humanEvalTask("humaneval", "HumanEval: Python functions, run with their tests", nil, "openai/openai_humaneval", "openai_humaneval",
		"HumanEval.jsonl.gz", "HumanEval.jsonl")
	humanEvalPlus = humanEvalTask("humaneval_plus", "HumanEval+: the same functions with many more tests", []string{"numpy"}, "evalplus/humanevalplus", "",
		"HumanEvalPlus-OriginFmt.jsonl.gz", "HumanEvalPlus-OriginFmt-v0.1.10.jsonl.gz", "HumanEvalPlus-OriginFmt.jsonl")
)

func humanEvalTask(name, about string, modules []string, hub, config string, files ...string) *Task {
	columns := []string{"task_id", "prompt", "test", "entry_point"}
	return &Task{
		Name: name, About: about, Kind: Generation, Version: 1,
		Test:  Source{Files: files, Columns: columns, Hub: hub, Config: config, Split: "test", HubColumns: columns, Rows: 164},
		Shots: Shots{Fixed: true},
		Ask: func(r *reader) Question {
			return Question{Contexts: []string{r.text("prompt")}, Target: r.text("test") + "\ncheck(" + r.text("entry_point") + ")"}
		},
		Answers: Answers{
			Until: []string{"\nclass", "\ndef", "\n#", "\nif", "\nprint"}, MaxTokens: 1024, Metric: "pass@1", RunCode: true, Modules: modules,
			Filters: []Filter{{Name: "create_test", Apply: func(q *Question, text string) string { return q.Contexts[0] + text }}},
			Judge:   runTests,
		},
	}
}

// runTests runs a function that the model wrote, and after it the tests of the question.
func runTests(ctx context.Context, o *Options, q *Question, program string) (float64, error) {
	passed, end, err := o.Sandbox.Run(ctx, program+"\n"+q.Target)
	q.end = end
	return truth(passed), err
}

package tasks

import (
	"context"

	"trit/eval"
)

// HumanEval asks for the body of a Python function and runs its tests; HumanEval+ has more
// tests for the same functions.
var (
	humanEval = humanEvalTask("humaneval", "HumanEval: Python functions, run with their tests", nil, eval.Source{
		Files: []string{"HumanEval.jsonl.gz", "HumanEval.jsonl"},
		Hub:   "openai/openai_humaneval", Config: "openai_humaneval",
	})
	humanEvalPlus = humanEvalTask("humaneval_plus", "HumanEval+: the same functions with many more tests",
		[]string{"numpy"}, eval.Source{
			Files: []string{
				"HumanEvalPlus-OriginFmt.jsonl.gz", "HumanEvalPlus-OriginFmt-v0.1.10.jsonl.gz", "HumanEvalPlus-OriginFmt.jsonl",
			},
			Hub: "evalplus/humanevalplus",
		})
)

func humanEvalTask(name, about string, modules []string, test eval.Source) eval.Task {
	columns := []string{"task_id", "prompt", "test", "entry_point"}
	test.Split, test.Rows, test.Columns, test.HubColumns = "test", 164, columns, columns
	return eval.Task{
		Name: name, About: about, Kind: eval.Generation, Version: 1, Test: test, Fewshot: eval.Fewshot{Fixed: true},
		Ask: func(f *eval.Fields) eval.Question {
			tests := f.Text("test") + "\ncheck(" + f.Text("entry_point") + ")"
			return eval.Question{Contexts: []string{f.Text("prompt")}, Target: tests}
		},
		Answers: eval.Answers{
			Until: []string{"\nclass", "\ndef", "\n#", "\nif", "\nprint"}, MaxTokens: 1024,
			Metric: eval.PassAt1, RunCode: true, Modules: modules,
			Filters: []eval.Filter{{Name: "create_test", Find: wholeFunction}},
			Judge:   runTests, Remark: inFence,
		},
	}
}

// wholeFunction puts the head of the function, which is the prompt, before its body.
func wholeFunction(q *eval.Question, text string) (string, bool) { return q.Contexts[0] + text, true }

// runTests runs a function that the model wrote, and after it the tests of the question.
func runTests(ctx context.Context, sandbox eval.Sandbox, q *eval.Question, program string) (eval.Verdict, error) {
	passed, end, err := sandbox.Run(ctx, program+"\n"+q.Target)
	v := eval.Right(passed)
	v.End = end
	return v, err
}

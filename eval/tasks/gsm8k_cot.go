package tasks

import (
	"strings"

	"trit/eval"
	"trit/eval/internal/python"
)

// gsm8kCot is GSM8K after the eight worked examples of "Chain-of-Thought Prompting Elicits
// Reasoning in Large Language Models" (arXiv 2201.11903), always the same. A file beside the
// questions holds them.
var gsm8kCot = eval.Task{
	Name: "gsm8k_cot", About: "GSM8K after eight worked examples", Kind: eval.Generation, Version: 3,
	Test: gsm8kSource("gsm8k_test", "test", 1319),
	Fewshot: eval.Fewshot{Count: 8, First: true, From: eval.Source{
		Files: []string{"gsm8k_cot_8shot_exemplars.json"}, Columns: []string{"question", "target"}, Rows: 8,
	}},
	Ask: func(f *eval.Fields) eval.Question {
		q := eval.Question{Contexts: []string{"Q: " + f.Text("question") + "\nA:"}}
		if !f.Has("answer") {
			q.Target = f.Text("target")
			return q
		}
		parts := strings.Split(f.Text("answer"), "####")
		q.Target = python.Strip(parts[len(parts)-1])
		return q
	},
	Answers: gsm8kAnswers("Q:", `The answer is (\-?[0-9\.\,]+).`),
}

package eval

import "strings"

// gsm8kCot is GSM8K with eight worked examples, always the same: those of
// "Chain-of-Thought Prompting Elicits Reasoning in Large Language Models" (arXiv
// 2201.11903), which lie in a file beside the questions.
var gsm8kCot = &Task{
	Name: "gsm8k_cot", About: "GSM8K after eight worked examples", Kind: Generation, Version: 3,
	Test: gsm8kSource("gsm8k_test", "test", 1319),
	Shots: Shots{Count: 8, First: true, From: Source{
		Files: []string{"gsm8k_cot_8shot_exemplars.json"}, Columns: []string{"question", "target"}, Rows: 8,
	}},
	Ask: func(r *reader) Question {
		q := Question{Contexts: []string{"Q: " + r.text("question") + "\nA:"}}
		if !r.has("answer") {
			q.Target = r.text("target")
			return q
		}
		parts := strings.Split(r.text("answer"), "####")
		q.Target = pyStrip(parts[len(parts)-1])
		return q
	},
	Answers: gsm8kAnswers("Q:", `The answer is (\-?[0-9\.\,]+).`),
}

package tasks

import (
	"strings"

	"trit/eval"
)

// lambada is LAMBADA as OpenAI prepared it, test split: the last word of a passage.
var lambada = eval.Task{
	Name: "lambada_openai", About: "LAMBADA: the last word of a passage", Kind: eval.LogLikelihood, Version: 1,
	Test: eval.Source{
		Files: []string{"lambada_openai_test.jsonl"}, Columns: []string{"text"},
		Hub: "EleutherAI/lambada_openai", Config: "default", Split: "test", HubColumns: []string{"text"}, Rows: 5153,
	},
	Ask: func(f *eval.Fields) eval.Question {
		text := f.Text("text")
		word := strings.LastIndexByte(text, ' ')
		if word < 0 {
			return eval.Question{Contexts: []string{""}, Target: " " + text}
		}
		return eval.Question{Contexts: []string{text[:word]}, Target: text[word:]}
	},
	Metrics: []eval.Metric{eval.Perplexity, eval.Acc},
}

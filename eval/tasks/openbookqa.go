package tasks

import "trit/eval"

// openBookQA is OpenBookQA's main set, test split; the context is the bare question.
var openBookQA = eval.Task{
	Name: "openbookqa", About: "OpenBookQA: elementary science", Kind: eval.MultipleChoice, Version: 1,
	Test:    openBookSource("openbookqa_test", "test", 500),
	Fewshot: eval.Fewshot{From: openBookSource("openbookqa_train", "train", 4957)},
	Ask: func(f *eval.Fields) eval.Question {
		name := "question_stem"
		if !f.Has(name) {
			name = "question"
		}
		q := eval.Question{Contexts: []string{f.Text(name)}}
		q.Choices, q.Gold = labelled(f)
		return q
	},
	Metrics: []eval.Metric{eval.Acc, eval.AccNorm},
}

func openBookSource(file, split string, rows int) eval.Source {
	return eval.Source{
		Files: []string{file + ".jsonl"}, Columns: []string{"question", "choices", "gold"},
		Hub: "allenai/openbookqa", Config: "main", Split: split,
		HubColumns: []string{"question_stem", "choices", "answerKey"}, Rows: rows,
	}
}

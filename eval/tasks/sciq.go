package tasks

import (
	"strings"

	"trit/eval"
	"trit/eval/internal/python"
)

// sciQ is SciQ, test split: the right answer stands last.
var sciQ = eval.Task{
	Name: "sciq", About: "SciQ: science questions after a passage", Kind: eval.MultipleChoice, Version: 1,
	Test:    sciQSource("sciq_test", "test", 1000),
	Fewshot: eval.Fewshot{From: sciQSource("sciq_train", "train", 11679)},
	Ask: func(f *eval.Fields) eval.Question {
		support := strings.TrimLeftFunc(f.Text("support"), python.Space)
		q := eval.Question{Contexts: []string{support + "\nQuestion: " + f.Text("question") + "\nAnswer:"}, Gold: 3}
		for _, name := range []string{"distractor1", "distractor2", "distractor3", "correct_answer"} {
			q.Choices = append(q.Choices, f.Text(name))
		}
		return q
	},
	Cluster: func(f *eval.Fields) string { return f.Text("support") },
	Metrics: []eval.Metric{eval.Acc, eval.AccNorm},
}

func sciQSource(file, split string, rows int) eval.Source {
	columns := []string{"question", "support", "distractor1", "distractor2", "distractor3", "correct_answer"}
	return eval.Source{
		Files: []string{file + ".jsonl"}, Columns: columns,
		Hub: "allenai/sciq", Split: split, HubColumns: columns, Rows: rows,
	}
}

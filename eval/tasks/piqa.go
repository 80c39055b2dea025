package tasks

import "trit/eval"

// piqa is PIQA, validation split.
var piqa = eval.Task{
	Name: "piqa", About: "PIQA: which of two ways works", Kind: eval.MultipleChoice, Version: 1,
	Test:    piqaSource("piqa_valid", "validation", 1838),
	Fewshot: eval.Fewshot{From: piqaSource("piqa_train", "train", 16113), Extra: true},
	Ask: func(f *eval.Fields) eval.Question {
		return eval.Question{
			Contexts: []string{"Question: " + f.Text("goal") + "\nAnswer:"},
			Choices:  []string{f.Text("sol1"), f.Text("sol2")}, Gold: f.Index("label", 2),
		}
	},
	Cluster: func(f *eval.Fields) string { return f.Text("goal") },
	Metrics: []eval.Metric{eval.Acc, eval.AccNorm},
}

func piqaSource(file, split string, rows int) eval.Source {
	columns := []string{"goal", "sol1", "sol2", "label"}
	return eval.Source{
		Files: []string{file + ".jsonl"}, Columns: columns,
		Hub: "baber/piqa", Split: split, HubColumns: columns, Rows: rows,
	}
}

package tasks

import "trit/eval"

// boolQ is BoolQ of SuperGLUE, validation split. The passage begins with its title.
var boolQ = eval.Task{
	Name: "boolq", About: "BoolQ of SuperGLUE: yes or no after a passage", Kind: eval.MultipleChoice, Version: 2,
	Test:    boolQSource("boolq_val", "validation", 3270),
	Fewshot: eval.Fewshot{From: boolQSource("boolq_train", "train", 9427), Extra: true},
	Ask: func(f *eval.Fields) eval.Question {
		return eval.Question{
			Contexts: []string{f.Text("passage") + "\nQuestion: " + f.Text("question") + "?\nAnswer:"},
			Choices:  []string{"no", "yes"}, Gold: f.Index("label", 2),
		}
	},
	Cluster: func(f *eval.Fields) string { return f.Text("passage") },
	Metrics: []eval.Metric{eval.Acc},
}

func boolQSource(file, split string, rows int) eval.Source {
	columns := []string{"question", "passage", "label"}
	return eval.Source{
		Files: []string{file + ".jsonl"}, Columns: columns,
		Hub: "aps/super_glue", Config: "boolq", Split: split, HubColumns: columns, Rows: rows,
	}
}

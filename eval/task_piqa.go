package eval

// piqa is PIQA, validation split.
var piqa = &Task{
	Name: "piqa", About: "PIQA: which of two ways works", Kind: MultipleChoice, Version: 1,
	Test:  piqaSource("piqa_valid", "validation", 1838),
	Shots: Shots{From: piqaSource("piqa_train", "train", 16113), Extra: true},
	Ask: func(r *reader) Question {
		return Question{
			Contexts: []string{"Question: " + r.text("goal") + "\nAnswer:"},
			Choices:  []string{r.text("sol1"), r.text("sol2")}, Gold: r.index("label", 2),
		}
	},
	Metrics: []string{"acc", "acc_norm"},
}

func piqaSource(file, split string, rows int) Source {
	columns := []string{"goal", "sol1", "sol2", "label"}
	return Source{Files: []string{file + ".jsonl"}, Columns: columns, Hub: "baber/piqa", Split: split, HubColumns: columns, Rows: rows}
}

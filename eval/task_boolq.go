package eval

// boolQ is BoolQ of SuperGLUE, validation split. The passage begins with its title.
var boolQ = &Task{
	Name: "boolq", About: "BoolQ of SuperGLUE: yes or no after a passage", Kind: MultipleChoice, Version: 2,
	Test:  boolQSource("boolq_val", "validation", 3270),
	Shots: Shots{From: boolQSource("boolq_train", "train", 9427), Extra: true},
	Ask: func(r *reader) Question {
		return Question{
			Contexts: []string{r.text("passage") + "\nQuestion: " + r.text("question") + "?\nAnswer:"},
			Choices:  []string{"no", "yes"}, Gold: r.index("label", 2),
		}
	},
	Metrics: []string{"acc"},
}

func boolQSource(file, split string, rows int) Source {
	columns := []string{"question", "passage", "label"}
	return Source{Files: []string{file + ".jsonl"}, Columns: columns, Hub: "aps/super_glue", Config: "boolq", Split: split, HubColumns: columns, Rows: rows}
}

package eval

// openBookQA is OpenBookQA's main set, test split; the context is the bare question.
var openBookQA = &Task{
	Name: "openbookqa", About: "OpenBookQA: elementary science", Kind: MultipleChoice, Version: 1,
	Test:  openBookSource("openbookqa_test", "test", 500),
	Shots: Shots{From: openBookSource("openbookqa_train", "train", 4957)},
	Ask: func(r *reader) Question {
		name := "question_stem"
		if !r.has(name) {
			name = "question"
		}
		q := Question{Contexts: []string{r.text(name)}}
		q.Choices, q.Gold = labelled(r)
		return q
	},
	Metrics: []string{"acc", "acc_norm"},
}

func openBookSource(file, split string, rows int) Source {
	return Source{
		Files: []string{file + ".jsonl"}, Columns: []string{"question", "choices", "gold"},
		Hub: "allenai/openbookqa", Config: "main", Split: split, HubColumns: []string{"question_stem", "choices", "answerKey"}, Rows: rows,
	}
}

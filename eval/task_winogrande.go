package eval

import "strings"

// winogrande is WinoGrande XL, validation split. Each option is put into the sentence,
// and what follows the gap is scored after both.
var winogrande = &Task{
	Name: "winogrande", About: "WinoGrande XL: which of two a pronoun means", Kind: MultipleChoice, Version: 1,
	Test:  winograndeSource("winogrande_val", "validation", 1267),
	Shots: Shots{From: winograndeSource("winogrande_train", "train", 40398), Extra: true},
	Ask: func(r *reader) Question {
		before, after, ok := strings.Cut(r.text("sentence"), "_")
		if !ok {
			r.fail("field \"sentence\" has no gap _")
		}
		contexts := []string{before + r.text("option1"), before + r.text("option2")}
		gold := 0
		switch answer := r.text("answer"); answer {
		case "1":
		case "2":
			gold = 1
		default:
			r.fail("field \"answer\" is %q: want 1 or 2", answer)
		}
		return Question{Contexts: contexts, Choices: contexts, Gold: gold, Target: pyStrip(after)}
	},
	Metrics: []string{"acc"},
}

func winograndeSource(file, split string, rows int) Source {
	columns := []string{"sentence", "option1", "option2", "answer"}
	return Source{Files: []string{file + ".jsonl"}, Columns: columns, Hub: "allenai/winogrande", Config: "winogrande_xl", Split: split, HubColumns: columns, Rows: rows}
}

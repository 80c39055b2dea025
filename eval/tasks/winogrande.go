package tasks

import (
	"slices"
	"strings"

	"trit/eval"
	"trit/eval/internal/python"
)

// winogrande is WinoGrande XL, validation split. Each option is put into the gap of the sentence;
// the text after the gap is scored after each of the two.
var winogrande = eval.Task{
	Name: "winogrande", About: "WinoGrande XL: which of two a pronoun means", Kind: eval.MultipleChoice, Version: 1,
	Test:    winograndeSource("winogrande_val", "validation", 1267),
	Fewshot: eval.Fewshot{From: winograndeSource("winogrande_train", "train", 40398), Extra: true},
	Ask: func(f *eval.Fields) eval.Question {
		before, after, ok := strings.Cut(f.Text("sentence"), "_")
		if !ok {
			f.Failf("field \"sentence\" has no gap _")
		}
		contexts := []string{before + f.Text("option1"), before + f.Text("option2")}
		gold := 0
		switch answer := f.Text("answer"); answer {
		case "1":
		case "2":
			gold = 1
		default:
			f.Failf("field \"answer\" is %q: want 1 or 2", answer)
		}
		return eval.Question{Contexts: contexts, Choices: contexts, Gold: gold, Target: python.Strip(after)}
	},
	Cluster: func(f *eval.Fields) string { // twins, whose sentences differ in a word
		options := []string{f.Text("option1"), f.Text("option2")}
		slices.Sort(options)
		return strings.Join(options, "\n")
	},
	Metrics: []eval.Metric{eval.Acc},
}

func winograndeSource(file, split string, rows int) eval.Source {
	columns := []string{"sentence", "option1", "option2", "answer"}
	return eval.Source{
		Files: []string{file + ".jsonl"}, Columns: columns,
		Hub: "allenai/winogrande", Config: "winogrande_xl", Split: split, HubColumns: columns, Rows: rows,
	}
}

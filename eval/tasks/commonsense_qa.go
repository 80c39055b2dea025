package tasks

import (
	"trit/eval"
	"trit/eval/internal/python"
)

// commonsenseQA is CommonsenseQA, validation split. The answer is a letter.
var commonsenseQA = eval.Task{
	Name: "commonsense_qa", About: "CommonsenseQA: everyday knowledge", Kind: eval.MultipleChoice,
	Test:    commonsenseQASource("commonsense_qa_val", "validation", 1221),
	Fewshot: eval.Fewshot{From: commonsenseQASource("commonsense_qa_train", "train", 9741), Extra: true},
	Ask:     askCommonsenseQA, Metrics: []eval.Metric{eval.Acc},
}

func commonsenseQASource(file, split string, rows int) eval.Source {
	columns := []string{"question", "choices", "answerKey"}
	return eval.Source{
		Files: []string{file + ".jsonl"}, Columns: columns,
		Hub: "tau/commonsense_qa", Split: split, HubColumns: columns, Rows: rows,
	}
}

func askCommonsenseQA(f *eval.Fields) eval.Question {
	letters := []string{"A", "B", "C", "D", "E"}
	choices := f.Group("choices").Texts("text")
	if len(choices) != len(letters) {
		f.Failf("field \"text\" of \"choices\" has %d texts: want %d", len(choices), len(letters))
	}
	text := "Question: " + python.Strip(f.Text("question")) + "\n"
	for i, c := range choices {
		text += letters[i%len(letters)] + ". " + c + "\n"
	}
	gold := letterOf(f, "answerKey", letters)
	return eval.Question{Contexts: []string{text + "Answer:"}, Choices: letters, Gold: gold, Shown: letters[gold]}
}

// letterOf is the number of a field that is one of the letters.
func letterOf(f *eval.Fields, name string, letters []string) int {
	key := f.Text(name)
	for i, l := range letters {
		if key == l {
			return i
		}
	}
	f.Failf("field %q is %q: want one of %q", name, key, letters)
	return 0
}

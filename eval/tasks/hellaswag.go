package tasks

import (
	"regexp"
	"strings"

	"trit/eval"
	"trit/eval/internal/python"
)

// hellaSwag is HellaSwag, validation split. Plain files hold the query and the endings as they
// are asked. The Hub's columns hold marks of WikiHow, which are removed first.
var hellaSwag = eval.Task{
	Name: "hellaswag", About: "HellaSwag: how a story goes on", Kind: eval.MultipleChoice, Version: 1,
	Test:    hellaSwagSource("hellaswag_val", "validation", 10042),
	Fewshot: eval.Fewshot{From: hellaSwagSource("hellaswag_train", "train", 39905), Extra: true},
	Process: processHellaSwag,
	Ask: func(f *eval.Fields) eval.Question {
		q := eval.Question{Contexts: []string{f.Text("query")}, Choices: f.Texts("choices")}
		q.Gold = f.Index("gold", len(q.Choices))
		return q
	},
	Cluster: func(f *eval.Fields) string { // the video or the article; plain files do not name it
		if !f.Has("source_id") {
			return ""
		}
		return f.Text("source_id")
	},
	Metrics: []eval.Metric{eval.Acc, eval.AccNorm},
}

func hellaSwagSource(file, split string, rows int) eval.Source {
	return eval.Source{
		Files: []string{file + ".jsonl"}, Columns: []string{"query", "choices", "gold"},
		Hub: "Rowan/hellaswag", Split: split,
		HubColumns: []string{"activity_label", "ctx_a", "ctx_b", "endings", "label"}, Rows: rows,
	}
}

// processHellaSwag adds query, choices and gold to a document of the Hub.
func processHellaSwag(f *eval.Fields) eval.Document {
	if f.Has("query") {
		return f.Document()
	}
	query := f.Text("activity_label") + ": " + f.Text("ctx_a") + " " + python.Capitalize(f.Text("ctx_b"))
	endings := f.Texts("endings")
	choices := make([]any, len(endings))
	for i, e := range endings {
		choices[i] = cleanHellaSwag(e)
	}
	gold := f.Index("label", len(endings))
	return f.Document().With("query", cleanHellaSwag(query)).With("choices", choices).With("gold", int64(gold))
}

var brackets = regexp.MustCompile(`\[.*?\]`)

func cleanHellaSwag(s string) string {
	s = strings.ReplaceAll(python.Strip(s), " [title]", ". ")
	return strings.ReplaceAll(brackets.ReplaceAllString(s, ""), "  ", " ")
}

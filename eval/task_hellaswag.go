package eval

import (
	"regexp"
	"strings"
)

// hellaSwag is HellaSwag, validation split. A plain file has the query and the endings
// as they are asked; the official columns are cleaned of WikiHow's marks first.
var hellaSwag = &Task{
	Name: "hellaswag", About: "HellaSwag: how a story goes on", Kind: MultipleChoice, Version: 1,
	Test:    hellaSwagSource("hellaswag_val", "validation", 10042),
	Shots:   Shots{From: hellaSwagSource("hellaswag_train", "train", 39905), Extra: true},
	Process: processHellaSwag,
	Ask: func(r *reader) Question {
		q := Question{Contexts: []string{r.text("query")}, Choices: r.texts("choices")}
		q.Gold = r.index("gold", len(q.Choices))
		return q
	},
	Metrics: []string{"acc", "acc_norm"},
}

func hellaSwagSource(file, split string, rows int) Source {
	return Source{
		Files: []string{file + ".jsonl"}, Columns: []string{"query", "choices", "gold"},
		Hub: "Rowan/hellaswag", Split: split, HubColumns: []string{"activity_label", "ctx_a", "ctx_b", "endings", "label"}, Rows: rows,
	}
}

// processHellaSwag adds query, choices and gold to a document of the Hub.
func processHellaSwag(r *reader) Document {
	if r.has("query") {
		return r.doc
	}
	query := r.text("activity_label") + ": " + r.text("ctx_a") + " " + pyCapitalize(r.text("ctx_b"))
	endings := r.texts("endings")
	choices := make([]any, len(endings))
	for i, e := range endings {
		choices[i] = cleanHellaSwag(e)
	}
	gold := r.index("label", len(endings))
	return r.doc.with("query", cleanHellaSwag(query)).with("choices", choices).with("gold", int64(gold))
}

var brackets = regexp.MustCompile(`\[.*?\]`)

func cleanHellaSwag(s string) string {
	s = strings.ReplaceAll(pyStrip(s), " [title]", ". ")
	return strings.ReplaceAll(brackets.ReplaceAllString(s, ""), "  ", " ")
}

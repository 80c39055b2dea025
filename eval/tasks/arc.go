package tasks

import (
	"slices"

	"trit/eval"
	"trit/eval/internal/python"
)

// ARC, the AI2 reasoning challenge.
var (
	arcEasy = eval.Task{
		Name: "arc_easy", About: "ARC, easy set: science questions for schools", Kind: eval.MultipleChoice, Version: 1,
		Test:    arcSource("arc_easy_test", "ARC-Easy", "test", 2376),
		Fewshot: eval.Fewshot{From: arcSource("arc_easy_train", "ARC-Easy", "train", 2251)},
		Ask:     askARC, Metrics: []eval.Metric{eval.Acc, eval.AccNorm},
	}
	arcChallenge = eval.Task{
		Name: "arc_challenge", About: "ARC, challenge set", Kind: eval.MultipleChoice, Version: 1,
		Test:    arcSource("arc_challenge_test", "ARC-Challenge", "test", 1172),
		Fewshot: eval.Fewshot{From: arcSource("arc_challenge_train", "ARC-Challenge", "train", 1119)},
		Ask:     askARC, Metrics: []eval.Metric{eval.Acc, eval.AccNorm},
	}
)

func arcSource(file, config, split string, rows int) eval.Source {
	return eval.Source{
		Files: []string{file + ".jsonl"}, Columns: []string{"question", "choices", "gold"},
		Hub: "allenai/ai2_arc", Config: config, Split: split,
		HubColumns: []string{"question", "choices", "answerKey"}, Rows: rows,
	}
}

func askARC(f *eval.Fields) eval.Question {
	q := eval.Question{Contexts: []string{"Question: " + f.Text("question") + "\nAnswer:"}}
	q.Choices, q.Gold = labelled(f)
	return q
}

// labelled reads the choices and the number of the right one: in plain files a list and
// "gold", on the Hub a group of texts and labels, and "answerKey".
func labelled(f *eval.Fields) (choices []string, gold int) {
	if f.Has("gold") {
		choices = f.Texts("choices")
		return choices, f.Index("gold", len(choices))
	}
	g := f.Group("choices")
	choices = g.Texts("text")
	labels := g.Texts("label")
	key := f.Text("answerKey")
	for len(key) > 0 && python.Space(rune(key[0])) {
		key = key[1:]
	}
	if gold = slices.Index(labels, key); gold < 0 || gold >= len(choices) {
		f.Failf("field \"answerKey\" is %q: want one of the labels %q", key, labels)
		return choices, 0
	}
	return choices, gold
}

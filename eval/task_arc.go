package eval

import "slices"

// ARC, the AI2 reasoning challenge.
var (
	arcEasy = &Task{
		Name: "arc_easy", About: "ARC, easy set: science questions for schools", Kind: MultipleChoice, Version: 1,
		Test: arcSource("arc_easy_test", "ARC-Easy", "test", 2376), Shots: Shots{From: arcSource("arc_easy_train", "ARC-Easy", "train", 2251)},
		Ask: askARC, Metrics: []string{"acc", "acc_norm"},
	}
	arcChallenge = &Task{
		Name: "arc_challenge", About: "ARC, challenge set", Kind: MultipleChoice, Version: 1,
		Test: arcSource("arc_challenge_test", "ARC-Challenge", "test", 1172), Shots: Shots{From: arcSource("arc_challenge_train", "ARC-Challenge", "train", 1119)},
		Ask: askARC, Metrics: []string{"acc", "acc_norm"},
	}
)

func arcSource(file, config, split string, rows int) Source {
	return Source{
		Files: []string{file + ".jsonl"}, Columns: []string{"question", "choices", "gold"},
		Hub: "allenai/ai2_arc", Config: config, Split: split, HubColumns: []string{"question", "choices", "answerKey"}, Rows: rows,
	}
}

func askARC(r *reader) Question {
	q := Question{Contexts: []string{"Question: " + r.text("question") + "\nAnswer:"}}
	q.Choices, q.Gold = labelled(r)
	return q
}

// labelled reads the choices and the right one's number: a list and "gold" in plain
// files, and on the Hub a group of texts and labels and "answerKey".
func labelled(r *reader) (choices []string, gold int) {
	if r.has("gold") {
		choices = r.texts("choices")
		return choices, r.index("gold", len(choices))
	}
	g := r.group("choices")
	choices = g.texts("text")
	labels := g.texts("label")
	r.err = g.err
	key := r.text("answerKey")
	for len(key) > 0 && pySpace(rune(key[0])) {
		key = key[1:]
	}
	if gold = slices.Index(labels, key); gold < 0 || gold >= len(choices) {
		r.fail("field \"answerKey\" is %q: want one of the labels %q", key, labels)
		return choices, 0
	}
	return choices, gold
}

package world

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
)

// Tuning is what a model that was trained on a world is tuned on: other facts in the words of the
// world, told in conversations, and pairs of answers that differ in their style.
type Tuning struct {
	Talks  []Talk
	Pairs  []Pair
	Recall []Choice // every fact, asked for in the form that no talk has
	Style  []Choice // pairs about facts that no pair of Pairs is about
}

// Talk is a question and its answer.
type Talk struct {
	Prompt     string `json:"prompt"`
	Completion string `json:"completion"`
}

// Pair is a question with two answers, which are both true.
type Pair struct {
	Prompt   string `json:"prompt"`
	Chosen   string `json:"chosen"`
	Rejected string `json:"rejected"`
}

// Choice is a question with several answers, of which Choices[Gold] is right, or preferred.
type Choice struct {
	Question string   `json:"question"`
	Choices  []string `json:"choices"`
	Gold     int      `json:"gold"`
}

// styles are how an answer begins. A fact has one of the two in all talks, so that a model which is tuned on them
// prefers neither; pairs prefer the second.
var styles = [2]string{"we know that ", "they say that "}

// GenerateTuning makes talks and pairs of facts that are dealt anew. Equal seeds give equal ones.
func GenerateTuning(seed uint64) *Tuning {
	r := rand.New(rand.NewPCG(seed, 8))
	t := &Tuning{}
	for i, f := range dealFacts(r) {
		style, asks := r.IntN(2), f.relation.asks
		held, pairs := heldOut(f, asks), r.IntN(2) == 0
		t.Recall = append(t.Recall, f.recall(held, styles[style]))
		for _, form := range asks {
			p := Pair{f.ask(form) + "?", f.answer(styles[1]), f.answer(styles[0])}
			switch {
			case !pairs && form == held:
				t.Style = append(t.Style, p.choice(i%2))
			case pairs && form != held:
				t.Pairs = append(t.Pairs, p)
			}
			if form != held {
				t.Talks = append(t.Talks, Talk{p.Prompt, f.answer(styles[style])})
			}
		}
	}
	return t
}

// dealFacts is makeFacts with values that no rule gives: what a model knows of one subject tells it
// nothing about another.
func dealFacts(r *rand.Rand) []fact {
	var facts []fact
	for _, rel := range relations() {
		for i, place := range r.Perm(len(rel.subjects)) {
			facts = append(facts, fact{rel, rel.subjects[i], rel.values[place%len(rel.values)], len(facts)})
		}
	}
	return facts
}

// answer states a fact in the first form of its relation, behind the beginning of a style.
func (f fact) answer(style string) string {
	return sentence(style + fillIn(f.relation.says[0], f.subject, f.value))
}

// recall asks for the value of a fact among all values of its relation.
func (f fact) recall(form, style string) Choice {
	c := Choice{Question: f.ask(form) + "?"}
	for i, v := range f.relation.values {
		if v == f.value {
			c.Gold = i
		}
		f := f
		f.value = v
		c.Choices = append(c.Choices, f.answer(style))
	}
	return c
}

// choice is the pair with the chosen answer in a place.
func (p Pair) choice(gold int) Choice {
	c := Choice{Question: p.Prompt, Choices: []string{p.Rejected, p.Rejected}, Gold: gold}
	c.Choices[gold] = p.Chosen
	return c
}

// Names of the files that Tuning.Write makes. The two of tasks are declarations that package eval
// reads.
const (
	TalksFile  = "talks.jsonl"
	PairsFile  = "pairs.jsonl"
	RecallTask = "recall.json"
	StyleTask  = "style.json"
)

// Write puts talks, pairs and the tasks into a folder. prompt lays a question out as the chat template
// does, up to where the answer begins.
func (t *Tuning) Write(dir string, prompt func(question string) (string, error)) error {
	if err := writeLines(filepath.Join(dir, TalksFile), t.Talks); err != nil {
		return err
	}
	if err := writeLines(filepath.Join(dir, PairsFile), t.Pairs); err != nil {
		return err
	}
	for task, choices := range map[string][]Choice{RecallTask: t.Recall, StyleTask: t.Style} {
		if err := writeChoices(dir, task, choices, prompt); err != nil {
			return err
		}
	}
	return nil
}

// writeChoices writes a task and its questions.
func writeChoices(dir, task string, choices []Choice, prompt func(string) (string, error)) error {
	laid := make([]Choice, len(choices))
	for i, c := range choices {
		text, err := prompt(c.Question)
		if err != nil {
			return err
		}
		laid[i] = Choice{text, c.Choices, c.Gold}
	}
	name := strings.TrimSuffix(task, ".json")
	if err := writeLines(filepath.Join(dir, name+".jsonl"), laid); err != nil {
		return err
	}
	return writeTask(filepath.Join(dir, task), map[string]any{
		"name": name, "data": name + ".jsonl", "context": "{question}", "choices": "choices", "gold": "gold",
		"metrics": []string{"acc"}, "target_delimiter": "",
	})
}

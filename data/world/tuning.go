package world

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
)

// Tuning is what a model that was trained on a world is tuned on: other facts in the words of the
// world, told in conversations, and pairs of answers that differ in their style.
type Tuning struct {
	Talks []Talk
	Pairs []Pair

	// Recall asks for every fact in a form in which no talk asks for it, and Style has pairs about facts that no
	// pair of Pairs is about. Recipes are chosen by Validation, which asks for the same in another such form.
	Recall, Style []Choice
	Validation    struct{ Recall, Style []Choice }
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
		style, paired := styles[r.IntN(2)], r.IntN(2) == 0
		held, validation := heldOut(f, f.relation.asks), heldOut(f, f.relation.rephrase)
		t.Recall = append(t.Recall, f.recall(held, style))
		t.Validation.Recall = append(t.Validation.Recall, f.recall(validation, style))
		if !paired {
			t.Style = append(t.Style, f.pair(held).choice(i%2))
			t.Validation.Style = append(t.Validation.Style, f.pair(validation).choice(i%2))
		}
		for _, form := range slices.Concat(f.relation.asks, f.relation.rephrase) {
			if form == held || form == validation {
				continue
			}
			p := f.pair(form)
			t.Talks = append(t.Talks, Talk{p.Prompt, f.answer(style)})
			if paired {
				t.Pairs = append(t.Pairs, p)
			}
		}
	}
	return t
}

// pair asks for the fact, and answers in both styles.
func (f fact) pair(form string) Pair {
	return Pair{f.ask(form) + "?", f.answer(styles[1]), f.answer(styles[0])}
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

	recallValidation = "recall_validation.json"
	styleValidation  = "style_validation.json"
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
	for task, choices := range map[string][]Choice{
		RecallTask: t.Recall, StyleTask: t.Style,
		recallValidation: t.Validation.Recall, styleValidation: t.Validation.Style,
	} {
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

// Package gpqa has GPQA (Rein and others, arXiv 2311.12022) in the harness's five ways to ask. Its choices
// are shuffled with the random numbers of Python. The set is gated: a user brings it, or a token of the Hub.
package gpqa

import (
	"fmt"
	"slices"
	"strings"

	"trit/data/source"
	"trit/eval"
	"trit/eval/harness"
	"trit/eval/internal/python"
)

// sets are the parts of GPQA and their numbers of questions.
var sets = []struct {
	name string
	rows int
}{{"main", 448}, {"diamond", 198}, {"extended", 546}}

// variant is a way to ask.
type variant struct {
	name, about string
	before      string // the question
	cue         string // behind the choices
	examples    bool   // may stand before a question
	written     bool   // the model writes its answer, instead of choosing
	until       []string
	seed        uint32 // of the shuffling
}

// The harness shuffles with Python's global generator, which it seeds with 0, but for n_shot.
var variants = []variant{
	{name: "zeroshot", about: "without examples", before: asked, cue: "Answer:"},
	{name: "n_shot", about: "with examples", before: "Question: ", cue: "Answer:", examples: true, seed: 42},
	{
		name: "generative_n_shot", about: "with examples, answers are written", before: "Question: ", cue: "Answer:",
		examples: true, written: true, until: []string{"</s>", "Question:", "<|im_end|>"},
	},
	{
		name: "cot_zeroshot", about: "answered after thinking", before: asked, cue: thinking,
		written: true, until: []string{"</s>"},
	},
	{
		name: "cot_n_shot", about: "with examples, answered after thinking", before: "Question: ", cue: thinking,
		examples: true, written: true, until: []string{"</s>"},
	},
}

const (
	asked    = "What is the correct answer to this question:"
	thinking = "Let's think step by step: "

	description = "Here are some example questions from experts. Answer the final question yourself, following the " +
		"format of the previous questions exactly.\n"
)

// Tasks returns all sets in all variants.
func Tasks() (tasks []eval.Task) {
	for _, v := range variants {
		for _, s := range sets {
			tasks = append(tasks, v.task(s.name, s.rows))
		}
	}
	return tasks
}

var letters = []string{"(A)", "(B)", "(C)", "(D)"}

// columns are the choices, the right one last, and the question.
var columns = []string{"Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3", "Correct Answer", "Question"}

func (v *variant) task(set string, rows int) eval.Task {
	config := "gpqa_" + set
	t := eval.Task{
		Name: config + "_" + v.name, About: "GPQA " + set + ", " + v.about, Kind: eval.MultipleChoice, Version: 2.2,
		Test: eval.Source{
			Files: []string{config + ".csv", config + ".jsonl"}, Columns: columns, CSV: true,
			Hub: "Idavidrein/gpqa", Config: config, Split: "train", HubColumns: columns, Rows: rows, Change: v.shuffle,
		},
		Fewshot: eval.Fewshot{Fixed: true}, Ask: v.ask, Metrics: []eval.Metric{eval.Acc, eval.AccNorm},
	}
	if v.examples {
		t.Description, t.Fewshot = description, eval.Fewshot{Extra: true}
	}
	if v.written {
		t.Kind, t.Metrics, t.Fewshot.Ask = eval.Generation, nil, v.show
		t.Answers = eval.Answers{
			Until: v.until, Metric: eval.ExactMatch, Filters: filters,
			Judge: must(eval.StringMatch{IgnoreCase: true, IgnorePunctuation: true}.Judge()),
		}
	}
	return t
}

var filters = []eval.Filter{
	must(eval.RegexFilter{Name: "strict-match", Regex: `(?<=The answer is )(.*)(?=.)`}.Filter()),
	must(harness.ChoiceFilter{
		RegexFilter: eval.RegexFilter{Name: "flexible-extract", Regex: `(\([A-Z]\))`, Pick: -1},
		IgnoreCase:  true, IgnorePunctuation: true,
	}.Filter()),
}

// shuffle adds the choices in a random order and the letter of the right one, document by document with
// one generator.
func (v *variant) shuffle(docs []eval.Document) (out []eval.Document, err error) {
	random := python.NewRandom(v.seed)
	for i, d := range docs {
		f := eval.NewFields(d)
		var choices []string
		for _, column := range columns[:len(letters)] {
			choices = append(choices, choice(f, column))
		}
		if f.Err() != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, f.Err())
		}
		right := choices[len(choices)-1]
		random.Shuffle(len(choices), func(i, j int) { choices[i], choices[j] = choices[j], choices[i] })
		out = append(out, v.with(d, choices, letters[slices.Index(choices, right)]))
	}
	return out, nil
}

// with adds fields to a document in the harness's order, on which its hash depends.
func (v *variant) with(d eval.Document, choices []string, answer string) eval.Document {
	d = slices.Clone(d)
	var list []any
	for i, c := range choices {
		d, list = append(d, source.Field{Name: fmt.Sprint("choice", i+1), Value: c}), append(list, c)
	}
	if v.written {
		d = append(d, source.Field{Name: "choices", Value: list})
	}
	return append(d, source.Field{Name: "answer", Value: answer})
}

// choice is a choice without spaces around it, without some of its double spaces, and a space if it is missing.
func choice(f *eval.Fields, column string) string {
	if v, _ := f.Document().Get(column); v == nil {
		return " "
	}
	text := strings.ReplaceAll(python.Strip(f.Text(column)), " [title]", ". ")
	return strings.ReplaceAll(text, "  ", " ")
}

func (v *variant) ask(f *eval.Fields) eval.Question {
	text := v.before + f.Text("Question") + "\nChoices:\n"
	var choices []string
	for i, letter := range letters {
		c := f.Text(fmt.Sprint("choice", i+1))
		text, choices = text+letter+" "+c+"\n", append(choices, c)
	}
	q := eval.Question{Contexts: []string{text + v.cue}, Target: f.Text("answer")}
	if v.written {
		q.Choices = choices
		return q
	}
	return eval.Question{Contexts: q.Contexts, Choices: letters, Gold: slices.Index(letters, q.Target), Shown: q.Target}
}

// show is an example of a written answer.
func (v *variant) show(f *eval.Fields) eval.Question {
	q := v.ask(f)
	q.Choices = nil
	return q
}

// must panics on an error. It is for expressions of this package, which are known to compile.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

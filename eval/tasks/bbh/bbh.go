// Package bbh has BIG-Bench Hard (Suzgun and others, arXiv 2210.09261), asked without examples: 27 subsets,
// each answered at once or after thinking, with filters that find the answer in what a model wrote.
package bbh

import (
	"strings"

	"trit/eval"
)

// subset is a part of BIG-Bench Hard.
type subset struct {
	name        string
	rows        int
	find        finder // of the answer in a text
	description string
}

var subsets = []subset{
	{"boolean_expressions", 250, booleans, "Evaluate the result of a random Boolean expression."},
	{"causal_judgement", 187, yesOrNo, "Answer questions about causal attribution."},
	{"date_understanding", 250, letter, "Infer the date from context."},
	{"disambiguation_qa", 250, letter, "Clarify the meaning of sentences with ambiguous pronouns."},
	{"dyck_languages", 250, brackets, "Correctly close a Dyck-n word."},
	{
		"formal_fallacies", 250, validity,
		"Distinguish deductively valid arguments from formal fallacies.",
	},
	{"geometric_shapes", 250, letter, "Name geometric shapes from their SVG paths."},
	{"hyperbaton", 250, letter, "Order adjectives correctly in English sentences."},
	{
		"logical_deduction_five_objects", 250, letter,
		"A logical deduction task which requires deducing the order of a sequence of objects.",
	},
	{
		"logical_deduction_seven_objects", 250, letter,
		"A logical deduction task which requires deducing the order of a sequence of objects.",
	},
	{
		"logical_deduction_three_objects", 250, letter,
		"A logical deduction task which requires deducing the order of a sequence of objects.",
	},
	{"movie_recommendation", 250, letter, "Recommend movies similar to the given list of movies."},
	{"multistep_arithmetic_two", 250, number, "Solve multi-step arithmetic problems."},
	{
		"navigate", 250, yesOrNo,
		"Given a series of navigation instructions, determine whether one would end up back at the starting " +
			"point.",
	},
	{
		"object_counting", 250, number,
		"Questions that involve enumerating objects and asking the model to count them.",
	},
	{
		"penguins_in_a_table", 146, letter,
		"Answer questions about a table of penguins and their attributes.",
	},
	{
		"reasoning_about_colored_objects", 250, letter,
		"Answer extremely simple questions about the colors of objects on a surface.",
	},
	{
		"ruin_names", 250, letter,
		"Select the humorous edit that 'ruins' the input movie or musical artist name.",
	},
	{
		"salient_translation_error_detection", 250, letter,
		"Detect the type of error in an English translation of a German source sentence.",
	},
	{
		"snarks", 178, letter,
		"Determine which of two sentences is sarcastic.\n\nAccording to Cambridge University Dictionary, " +
			"sarcasm is \"the use of remarks that clearly mean the opposite of what they say, made in order to " +
			"hurt someone's feelings or to criticize something in a humorous way.\" Sarcastic sentences often " +
			"contain satirical or ironic utterances, hyperboles, ambivalent or witty remarks.",
	},
	{
		"sports_understanding", 250, plausibility,
		"Determine whether an artificially constructed sentence relating to sports is plausible or not.",
	},
	{
		"temporal_sequences", 250, letter,
		"Task description: Answer questions about which times certain events could have occurred.",
	},
	{
		"tracking_shuffled_objects_five_objects", 250, letter,
		"A task requiring determining the final positions of a set of objects given their initial positions " +
			"and a description of a sequence of swaps.",
	},
	{
		"tracking_shuffled_objects_seven_objects", 250, letter,
		"A task requiring determining the final positions of a set of objects given their initial positions " +
			"and a description of a sequence of swaps.",
	},
	{
		"tracking_shuffled_objects_three_objects", 250, letter,
		"A task requiring determining the final positions of a set of objects given their initial positions " +
			"and a description of a sequence of swaps.",
	},
	{
		"web_of_lies", 250, truthTelling,
		"Evaluate a random boolean function expressed as a word problem.",
	},
	{"word_sorting", 250, sortedWords, "Sort a list of words."},
}

// variant is a way to ask.
type variant struct {
	name, about, cue string
	pick             int // of several answers in a text: 0 the first, -1 the last
	strict           eval.Filter
	flexibleFirst    bool // of the two filters
}

// conclusion is how a model that thought says its answer.
const conclusion = `((?<=The answer is )(.*)(?=.)|(?<=the answer is )(.*)(?=.)|(?<=The answer: )(.*)(?=.)|` +
	`(?<=The final answer: )(.*)(?=.))`

var variants = []variant{
	{name: "zeroshot", about: "answered at once", cue: "A:", strict: named("strict-match", eval.WholeText())},
	{
		name: "cot_zeroshot", about: "answered after thinking", cue: "A: Let's think step by step.", pick: -1,
		strict: must(eval.RegexFilter{Name: "strict-match", Regex: conclusion}.Filter()), flexibleFirst: true,
	},
}

// flexible is the name of the filters whose results the groups have.
const flexible = "flexible-extract"

// Tasks returns the subsets in both variants, in the groups bbh_zeroshot and bbh_cot_zeroshot.
func Tasks() (tasks []eval.Task) {
	for _, v := range variants {
		group := &eval.Group{
			Name: "bbh_" + v.name, About: "BIG-Bench Hard, " + v.about, Version: "3.0",
			Metrics: []eval.GroupMetric{{Metric: eval.ExactMatch, Filters: []string{flexible}}},
		}
		for _, s := range subsets {
			t := v.task(&s)
			t.Groups = []*eval.Group{group}
			tasks = append(tasks, t)
		}
	}
	return tasks
}

var columns = []string{"input", "target"}

func (v *variant) task(s *subset) eval.Task {
	filters := []eval.Filter{v.strict, named(flexible, s.find(v.pick))}
	if v.flexibleFirst {
		filters[0], filters[1] = filters[1], filters[0]
	}
	return eval.Task{
		Name: "bbh_" + v.name + "_" + s.name, Kind: eval.Generation, Version: 3,
		About:       "BIG-Bench Hard, " + strings.ReplaceAll(s.name, "_", " ") + ", " + v.about,
		Description: s.description + "\n\n",
		Test: eval.Source{
			Files: []string{"bbh_" + s.name + "_test.jsonl"}, Columns: columns,
			Hub: "SaylorTwift/bbh", Config: s.name, Split: "test", HubColumns: columns, Rows: s.rows,
		},
		Fewshot: eval.Fewshot{Fixed: true},
		Ask: func(f *eval.Fields) eval.Question {
			input := f.Text("input")
			q := eval.Question{Contexts: []string{"Q: " + input + "\n" + v.cue}, Target: f.Text("target")}
			q.Choices = choicesOf(input)
			if s.name == "word_sorting" {
				q.Facts = wordsOf(f, input)
			}
			return q
		},
		Answers: eval.Answers{
			Until: []string{"</s>", "Q:", "<|im_end|>"}, Metric: eval.ExactMatch, Filters: filters,
			Judge: must(eval.StringMatch{IgnoreCase: true, Remove: []string{`\.$`, `[,\n\\"]`}}.Judge()),
		},
	}
}

func named(name string, f eval.Filter) eval.Filter {
	f.Name = name
	return f
}

// must panics on an error. It is for expressions of this package, which are known to compile.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

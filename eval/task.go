package eval

import (
	"context"
	"fmt"
	"slices"
)

// Kind is how a task asks, by the harness's names.
type Kind string

// The kinds of tasks.
const (
	MultipleChoice Kind = "multiple_choice"
	Generation     Kind = "generate_until"
	Rolling        Kind = "loglikelihood_rolling"
)

// Task is a set of questions and how answers to them are judged.
type Task struct {
	Name  string
	Other string // a second name
	About string // one line
	Kind  Kind
	// Version is the harness's number for the task.
	Version float64
	Test    Source
	Shots   Shots
	// Ask makes a question of a document.
	Ask func(*reader) Question
	// Process adds to a document what the harness adds; may be nil.
	Process func(*reader) Document
	Metrics []string // of multiple choice and rolling: which ones
	Answers Answers  // of generation

	targetDelimiter, fewshotDelimiter string // " " and two line breaks if empty
	plainDelimiters                   bool   // they are as they are, even if empty
	own                               any    // the declaration of a task of one's own
}

// Shots say where the examples before a question come from.
type Shots struct {
	Count int
	Fixed bool   // Count holds whatever is asked for
	From  Source // none: the tested documents
	// Extra draws one example more than needed and drops those that equal the document,
	// as the harness does where both splits have the same setting, though it be none.
	Extra    bool
	First    bool       // the first ones, not a draw
	Examples []Document // written in the task instead of From
}

// Answers say how the text that a model generates becomes a score.
type Answers struct {
	Until     []string
	MaxTokens int // 0: DefaultMaxTokens
	Metric    string
	Filters   []Filter
	// Judge gives the score of a filtered answer.
	Judge   func(ctx context.Context, o *Options, q *Question, answer string) (float64, error)
	RunCode bool     // Judge runs what the model wrote
	Modules []string // of Python, that the programs which it runs import
}

// DefaultMaxTokens is how long an answer may be where the task does not say.
const DefaultMaxTokens = 256

// Filter takes the answer out of a text.
type Filter struct {
	Name  string
	Apply func(q *Question, text string) string
}

// Question is what a document asks.
type Question struct {
	// Contexts is the text before the answer, or one for each choice.
	Contexts []string
	Choices  []string
	Gold     int // number of the right choice
	// Target is the right answer as text; with one context for each choice, it is what
	// follows each of them.
	Target string
	// Text is the document whose perplexity is taken; Words and Bytes divide it.
	Text         string
	Words, Bytes int
	doc          Document
	id           int
	end          string // of the program that the answer is, "" where it is none
}

// example is a question and its answer, as shown before another question.
func (q *Question) example() (text, answer string) {
	switch {
	case len(q.Contexts) > 1:
		return q.Contexts[q.Gold], q.Target
	case len(q.Choices) > 0:
		return q.Contexts[0], q.Choices[q.Gold]
	}
	return q.Contexts[0], q.Target
}

// builtin are the tasks of the harness.
var builtin = []*Task{
	arcEasy, arcChallenge, boolQ, winogrande, hellaSwag, piqa, openBookQA,
	gsm8k, gsm8kCot, math500, humanEval, humanEvalPlus, wikiText,
}

// BitsPerByte is the task that measures perplexity on the held-out documents of a
// prepared data set, which --data-dir names.
const BitsPerByte = "bits_per_byte"

// TaskNames lists the built-in tasks.
func TaskNames() []string {
	names := []string{BitsPerByte}
	for _, t := range builtin {
		names = append(names, t.Name)
	}
	return names
}

// BuiltinTasks are the built-in tasks.
func BuiltinTasks() []Task {
	tasks := []Task{*heldOut}
	for _, t := range builtin {
		tasks = append(tasks, *t)
	}
	return tasks
}

// builtinTask is the built-in task of a name, or nil.
func builtinTask(name string) *Task {
	i := slices.IndexFunc(builtin, func(t *Task) bool { return t.Name == name || t.Other == name && name != "" })
	if i < 0 {
		return nil
	}
	t := *builtin[i]
	t.Name = name
	return &t
}

// RunsCode tells whether some of these tasks run what the model writes, which
// Options.Sandbox is for, and which modules of Python their programs import. Only
// built-in tasks do.
func RunsCode(names []string) (runs bool, modules []string) {
	for _, name := range names {
		if t := builtinTask(name); t != nil && t.Answers.RunCode {
			runs, modules = true, append(modules, t.Answers.Modules...)
		}
	}
	return runs, modules
}

// findTask is a built-in task, or the one declared in a file.
func findTask(name string) (*Task, error) {
	if t := builtinTask(name); t != nil {
		return t, nil
	}
	if isTaskFile(name) {
		return readTask(name)
	}
	return nil, fmt.Errorf("there is no task %q: want one of %v, or a JSON or YAML file that declares one", name, TaskNames())
}

// ask makes the question of a document.
func (t *Task) ask(d Document) (Question, error) {
	r := &reader{doc: d}
	if t.Process != nil {
		if d = t.Process(r); r.err != nil {
			return Question{}, r.err
		}
		r.doc = d
	}
	q := t.Ask(r)
	q.doc = d
	return q, r.err
}

func (t *Task) delimiters() (target, fewshot string) {
	if t.plainDelimiters {
		return t.targetDelimiter, t.fewshotDelimiter
	}
	return " ", "\n\n"
}

// higherIsBetter tells of each metric.
func higherIsBetter(metric string) bool {
	switch metric {
	case "word_perplexity", "byte_perplexity", "bits_per_byte", "perplexity", "loss":
		return false
	}
	return true
}

// Package eval measures language models with the rules of lm-evaluation-harness: multiple
// choice by log-likelihood, generation with stop strings and filters, and perplexity of
// documents.
//
// Run asks an lm.Model (the engine, a training checkpoint, a server) the questions of tasks.
// A Task says where its documents are (Source), what they ask (Question) and how an answer
// is judged (Judge). Package eval/tasks has the tasks of the harness; others are written in Go,
// or declared in a JSON or YAML file (Declaration).
package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"trit/lm"
	"trit/setting"
	"trit/tokenizer"
)

// Sandbox runs Python programs that a model wrote, so that they can do no harm. Several
// goroutines call it at once.
type Sandbox interface {
	// Run runs a program. It reports whether the program ended without an error, and returns a
	// word that says how it ended. An error of the sandbox itself, such as a missing Python,
	// ends the evaluation.
	Run(ctx context.Context, program string) (passed bool, end string, err error)
}

// Options say what to measure and how.
type Options struct {
	Tokenizer *tokenizer.Tokenizer
	MaxLength int    // of the model's input, in tokens; 0: its context length
	Tasks     []Task // see eval/tasks

	DataDir      string // folder of the data sets, or a file of one
	AllowPartial bool   // accept sets with fewer rows than they should have
	// Fetch copies files of a data set of the Hugging Face Hub into a folder, under their
	// paths, and returns the folder. choose gets the paths of all files of the set and returns
	// the paths to copy; it is an error if there are none. Fetch is called for the sets that
	// DataDir lacks; nil fetches nothing.
	Fetch func(ctx context.Context, dataset string, choose func(paths []string) []string) (dir string, err error)

	Limit      float64          // ask the first N documents; below 1: the first share of them; 0: all
	Samples    map[string][]int // numbers of the documents to ask, by task; a task that it lacks asks all
	NumFewshot int              // few-shot examples before each question; -1: the task's own number
	// FewshotSeed is the seed of the few-shot examples that are drawn; nil: the harness's, 1234.
	FewshotSeed *uint32
	MaxTokens   int // of a generated answer; 0: the task's own number
	// StrictLength makes a request that does not fit into the context an error; without it the
	// request is cut on the left, as the harness does, and counted in Remarks.
	StrictLength bool

	ApplyChatTemplate bool
	FewshotMultiturn  bool // with the chat template: each example as turns of its own

	Batch int // requests in one call of the model; 0: a number that suits it
	// Cache is the file of results of requests, from which a run resumes. If it is "", a run with Out and
	// Fingerprint keeps such a file in Out until the results are there.
	Cache       string
	Fingerprint string  // of the model and everything that changes its results, for Cache
	Sandbox     Sandbox // nil: tasks that run code are refused

	ModelName string // for the results
	ModelArgs string // for the results
	// Made says what makes the results, for reports of them, such as the command and the version.
	Made map[string]string
	Out  string // folder for results.json and samples; "" for none
	// Append adds the tasks that Out has no results of to those there, if they were measured in the
	// same way; the tasks that it has are not measured again. Without it and Replace, a folder with
	// results is refused.
	Append bool
	// Replace replaces the results in Out, for who knows that they are older ones of the same work.
	Replace  bool
	Progress func(Progress)
	Prompts  *Prompts // of the evaluations of several models; nil: they share nothing
}

// Progress is how far a task is.
type Progress struct {
	Task          string
	Done, Total   int           // requests that the cache does not answer
	Tokens, Whole int64         // done and in all: tokens of inputs, and the most that answers can have
	Computed      int64         // tokens, if the model is an lm.Meter
	Seconds       float64       // so far
	Left          time.Duration // at the rate so far
}

// check refuses options that contradict each other, and sets MaxLength.
func (o *Options) check(m lm.Model) error {
	if o.MaxLength == 0 {
		o.MaxLength = m.ContextLength()
	}
	switch {
	case o.Tokenizer == nil:
		return errors.New("the model has no tokenizer: tasks are text; " +
			"convert it from a folder with a tokenizer.json")
	case o.Tokenizer.BOS() < 0 && o.Tokenizer.EOS() < 0:
		return errors.New("the tokenizer has neither a beginning-of-text nor an end-of-text token: " +
			"a document must begin with one of them")
	case o.MaxLength < 2:
		return fmt.Errorf("the model takes %d tokens: want at least 2", o.MaxLength)
	case o.Limit != 0 && o.Samples != nil:
		return setting.Needs("eval.Options.Limit",
			"{eval.Options.Limit} and {eval.Options.Samples} both say which documents to ask", "give one of them")
	case o.Limit < 0 || math.IsNaN(o.Limit):
		return &setting.Error{Field: "eval.Options.Limit", Problem: fmt.Sprintf("{eval.Options.Limit} %g", o.Limit),
			Wanted: "a number of documents, or a share below 1"}
	case o.FewshotMultiturn && !o.ApplyChatTemplate:
		return setting.Needs("eval.Options.ApplyChatTemplate",
			"{eval.Options.FewshotMultiturn} makes turns of a chat", "it needs {eval.Options.ApplyChatTemplate}")
	case o.Cache != "" && o.Fingerprint == "":
		return errors.New("a cache of requests needs the fingerprint of the model, so that results of two models never mix")
	}
	if err := o.CheckOut(); err != nil {
		return err
	}
	return o.checkTasks()
}

// checkTasks refuses tasks that cannot run together, or at all.
func (o *Options) checkTasks() error {
	if len(o.Tasks) == 0 {
		return setting.Needs("eval.Options.Tasks", "no task is named", "{eval.Options.Tasks} names them")
	}
	names := map[string]bool{}
	for i := range o.Tasks {
		t := &o.Tasks[i]
		if err := t.check(); err != nil {
			return err
		}
		if t.Answers.RunCode && o.Sandbox == nil {
			return setting.Needs("eval.Options.Sandbox",
				fmt.Sprintf("task %s runs Python programs that the model writes", t.Name), "allow it with {eval.Options.Sandbox}")
		}
		if t.Chat && o.Tokenizer.Vocab().ChatTemplate == "" {
			return setting.Needs("eval.Options.Tasks",
				fmt.Sprintf("task %s is asked in the chat template, and the model has none", t.Name),
				"name the other tasks alone with {eval.Options.Tasks}")
		}
		if names[t.Name] {
			return fmt.Errorf("two tasks have the name %q: their results would have the same key", t.Name)
		}
		names[t.Name] = true
	}
	if err := checkGroups(o.Tasks); err != nil {
		return err
	}
	for name := range o.Samples {
		if !names[name] {
			return setting.Needs("eval.Options.Samples",
				fmt.Sprintf("{eval.Options.Samples} names the task %q, which is not among those to run", name), "")
		}
	}
	return nil
}

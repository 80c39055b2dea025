// Package mtbench measures a model as MT-bench does (Zheng et al. 2023, "Judging LLM-as-a-judge"):
// the model answers questions of two turns in its chat template, and another model, the judge, rates
// each answer from 1 to 10. Questions, temperatures, the four judge prompts and the pattern of ratings
// are those of FastChat's llm_judge, whose files of questions, answers, judgments, references and
// prompts are read and written.
package mtbench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"trit/eval"
	"trit/lm"
	"trit/setting"
)

// Name is the name of the task.
const Name = "mt_bench"

// Judge is a model that judges. Several goroutines call it at once.
type Judge interface {
	// Judge returns the answer to a user's message, after a system message, which may be "".
	Judge(ctx context.Context, system, user string) (judgment string, err error)
}

// Judging says who judges the answers and how they are drawn.
type Judging struct {
	Judge      Judge
	Model      string   // name of the judge's model, for results
	Prompts    *Prompts // nil: DefaultPrompts
	Concurrent int      // judgments at a time; 0: DefaultConcurrent
	// Draw draws the answers of categories that have a temperature in FastChat (see Temperature) with
	// Generator. Without it every answer is the likeliest one, whatever its category.
	Draw      bool
	Generator lm.Generator
}

// DefaultConcurrent is how many judgments are asked for at a time.
const DefaultConcurrent = 4

// Limits of an answer of the model.
const (
	DefaultMaxTokens = 1024 // FastChat's
	batchSize        = 16   // questions between two writes of the answers
)

// Run answers the questions and has them judged. Of the options it takes Tokenizer, MaxLength, the
// options of data, Limit, Samples, MaxTokens, Batch, ModelName, ModelArgs, Fingerprint, Out, Replace
// and Progress. Answers and judgments are kept in Out as they come, and the same call goes on with
// them; results.json there is its end.
func Run(ctx context.Context, m lm.Model, o eval.Options, j Judging) (*Report, error) {
	r := &run{model: m, o: &o, j: &j}
	if err := r.check(); err != nil {
		return nil, err
	}
	questions, err := readQuestions(ctx, &o)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", Name, err)
	}
	r.report = &Report{
		Model: o.ModelName, Judge: j.Model, Prompts: j.Prompts.Name, Drawn: j.Draw,
		MaxTokens: r.maxTokens(), questions: questions,
	}
	if err := r.answerAll(ctx, questions); err != nil {
		return nil, fmt.Errorf("task %s: %w", Name, err)
	}
	if err := r.judgeAll(ctx, questions); err != nil {
		return nil, fmt.Errorf("task %s: %w", Name, err)
	}
	r.report.sum()
	return r.report, r.write()
}

// run is one call of Run.
type run struct {
	model  lm.Model
	o      *eval.Options
	j      *Judging
	report *Report
}

// check refuses what cannot run, and fills in what the options leave out.
func (r *run) check() error {
	if r.o.MaxLength == 0 {
		r.o.MaxLength = r.model.ContextLength()
	}
	if r.j.Prompts == nil {
		r.j.Prompts = DefaultPrompts()
	}
	switch {
	case r.j.Judge == nil:
		return setting.Needs("mtbench.Judging.Judge", "another model judges the answers", "{mtbench.Judging.Judge} names one")
	case r.o.Tokenizer == nil || r.o.Tokenizer.ChatTemplate().Text == "":
		return errors.New("the model has no chat template: it is a base model, and does not answer questions in turns")
	case r.j.Draw && r.j.Generator == nil:
		return setting.Needs("mtbench.Judging.Draw", "{mtbench.Judging.Draw} draws answers at a temperature",
			"it needs a GGUF file, which the engine runs")
	case r.o.Out == "":
		return setting.Needs("eval.Options.Out", "answers and judgments are kept in a folder",
			"name it with {eval.Options.Out}")
	case r.o.MaxLength <= r.maxTokens():
		return setting.Needs("eval.Options.MaxTokens", fmt.Sprintf("an answer of %d tokens leaves no space for the question "+
			"in a context of %d", r.maxTokens(), r.o.MaxLength), "lower it with {eval.Options.MaxTokens}")
	}
	return r.o.CheckOut()
}

func (r *run) maxTokens() int {
	if r.o.MaxTokens > 0 {
		return r.o.MaxTokens
	}
	return DefaultMaxTokens
}

func (r *run) file(name string) string { return filepath.Join(r.o.Out, name) }

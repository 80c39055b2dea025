package repro

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"trit/data/world"
	"trit/eval"
	"trit/eval/tasks"
	"trit/internal/atomicfile"
	"trit/setting"
	"trit/train"
)

// QuickstartOptions are the options of Quickstart, and functions that follow its progress.
type QuickstartOptions struct {
	Dir     string        // folder to make; it must not exist, or be empty
	Seed    uint64        // of the world and of the weights
	MaxTime time.Duration // of training; it must be positive
	Threads int           // 0: one for each processor
	Tune    *Tuning       // how the model is tuned in the end; nil: it is not

	Begin    func(Step)          // called before each step; may be nil
	Done     func(Step)          // called after each step, which holds its results; may be nil
	Progress func(Progress)      // called now and then within a step; may be nil
	Event    func(train.Event)   // called for each line of the training log; may be nil
	Scored   func(eval.Progress) // called now and then while a model is measured; may be nil
}

// Progress is the progress of a step.
type Progress struct {
	What   string // what Done and Total count, such as documents; "" for nothing
	Done   int64
	Total  int64  // 0: unknown
	Tokens int64  // number of tokens so far; 0 in steps that make none
	Stage  string // present stage, in steps that have several
}

// Quickstart makes a small world and does with it all that a user would do by hand: it trains a
// tokenizer and a model on a text about the world, packs the model, lets it continue a prompt,
// and measures it before and after packing. With Tune it teaches the model other facts in conversations, all
// weights and an adapter alone, and then a style by pairs of answers. It writes report.html and all other
// results into Dir.
// Equal seeds and equal numbers of steps give equal weights.
func Quickstart(ctx context.Context, o QuickstartOptions) (*QuickstartReport, error) {
	if err := checkFree("repro.QuickstartOptions.Dir", o.Dir); err != nil {
		return nil, err
	}
	start := time.Now()
	q := &quickstart{o: &o, report: &QuickstartReport{Chance: map[string]float64{"yes_no": 0.5, "four_way": 0.25}}}
	for _, s := range q.steps() {
		if err := q.runStep(ctx, s); err != nil {
			return nil, err
		}
	}
	q.report.Seconds = time.Since(start).Seconds()
	return q.report, atomicfile.Write(q.report.Page, q.report.WriteHTML)
}

// checkFree refuses a folder that holds something: nothing that a user made is overwritten.
// field is the option that names the folder.
func checkFree(field, dir string) error {
	name, err := atomicfile.FirstEntry(dir)
	if err != nil {
		return err
	}
	if name != "" {
		return setting.Needs(field, dir+" is not empty", "name another {"+field+"} or remove it")
	}
	return nil
}

// quickstart is one call of Quickstart.
type quickstart struct {
	o      *QuickstartOptions
	report *QuickstartReport
}

// runStep runs a step, and calls Begin and Done around it.
func (q *quickstart) runStep(ctx context.Context, s Step) error {
	if q.o.Begin != nil {
		q.o.Begin(s)
	}
	if err := s.run(ctx, q); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("stopped; the results so far are in %s", q.o.Dir)
	}
	if q.o.Done != nil {
		q.o.Done(s)
	}
	return nil
}

func (q *quickstart) path(name string) string { return filepath.Join(q.o.Dir, name) }

func (q *quickstart) progress(p Progress) {
	if q.o.Progress != nil {
		q.o.Progress(p)
	}
}

// steps are all steps of the quickstart, in their order.
func (q *quickstart) steps() []Step {
	const prompt, temperature = "One day Anna walked to", 0.7
	text, tokenizer, data := q.path(world.TextFile), q.path("tokenizer"), q.path("data")
	run, packed := q.path("run"), q.path("model.gguf")
	names := []string{tasks.BitsPerByte, q.path(world.YesNoTask), q.path(world.FourWayTask)}
	q.report.Prompt, q.report.Page = prompt, q.path("report.html")
	steps := []Step{
		&MakeWorld{Seed: q.o.Seed, Out: q.o.Dir},
		&TrainTokenizer{Data: text, Column: "text", VocabSize: 768, Out: tokenizer},
		&PrepareData{Data: text, Column: "text", Tokenizer: tokenizer, Holdout: 0.03, Out: data},
		&TrainModel{Preset: "trit-1m", Data: data, Out: run, MaxTime: q.o.MaxTime, Seed: q.o.Seed},
		&ConvertModel{In: run, Out: packed},
		&Generate{Model: packed, Prompt: prompt, MaxTokens: 60, Temperature: temperature, Seed: q.o.Seed},
		&MeasureSpeed{Model: packed, Prompt: 256, Tokens: 64},
		&Evaluate{Model: run, Tasks: names, Data: data, scores: &q.report.Graph},
		&Evaluate{Model: packed, Tasks: names, Data: data, scores: &q.report.Packed},
	}
	if q.o.Tune != nil {
		steps = append(steps, q.tuningSteps(run, packed, tokenizer, q.o.Tune)...)
	}
	return steps
}

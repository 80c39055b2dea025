package repro

import (
	"context"
	"os"
	"time"

	"trit/configs"
	"trit/convert"
	"trit/convert/inspect"
	"trit/convert/source"
	"trit/data"
	"trit/data/world"
	"trit/eval"
	"trit/eval/tasks"
	"trit/format/hffolder"
	"trit/infer"
	"trit/lm"
	"trit/tokenizer"
	"trit/train"
)

// Step is a step of Quickstart: a pointer to one of the structs below. Their first fields are
// the options that a user would choose; the last ones hold the results once the step is done.
type Step interface {
	run(ctx context.Context, q *quickstart) error
}

// MakeWorld writes a training text, and questions about it, to a folder.
type MakeWorld struct {
	Seed uint64
	Out  string

	World *world.World // the result
}

func (s *MakeWorld) run(context.Context, *quickstart) error {
	if err := os.MkdirAll(s.Out, 0o755); err != nil {
		return err
	}
	o := world.Default()
	o.Seed = s.Seed
	s.World = world.Generate(o)
	return s.World.Write(s.Out)
}

// TrainTokenizer trains a tokenizer on a text.
type TrainTokenizer struct {
	Data, Column string
	VocabSize    int
	Out          string

	Tokens int // result: number of tokens
}

func (s *TrainTokenizer) run(ctx context.Context, q *quickstart) error {
	tok, err := data.TrainTokenizer(ctx, data.TokenizerOptions{
		Files: []string{s.Data}, Column: s.Column, VocabSize: s.VocabSize, Out: s.Out,
		Progress: func(done, total int) {
			q.progress(Progress{What: "merges", Done: int64(done), Total: int64(total)})
		},
	})
	if err != nil {
		return err
	}
	s.Tokens = tok.VocabSize()
	return nil
}

// PrepareData turns a text into token shards.
type PrepareData struct {
	Data, Column, Tokenizer string
	Holdout                 float64 // share of the documents
	Out                     string

	Manifest *data.Manifest // the result
}

func (s *PrepareData) run(ctx context.Context, q *quickstart) error {
	tok, err := tokenizer.Load(s.Tokenizer)
	if err != nil {
		return err
	}
	s.Manifest, err = data.Prepare(ctx, data.PrepareOptions{
		Files: []string{s.Data}, Column: s.Column, Tokenizer: tok, Holdout: s.Holdout, Seed: 1, Out: s.Out,
		Threads:  q.o.Threads,
		Progress: func(rows, tokens int64) { q.progress(Progress{What: "documents", Done: rows, Tokens: tokens}) },
	})
	return err
}

// TrainModel trains a preset for a time.
type TrainModel struct {
	Preset, Data, Out string
	MaxTime           time.Duration
	Seed              uint64

	Result *train.Result
}

func (s *TrainModel) run(ctx context.Context, q *quickstart) error {
	c, err := configs.Load(s.Preset)
	if err != nil {
		return err
	}
	c.MaxSteps, c.Seed, c.LogInterval = 0, s.Seed, 100
	start := time.Now()
	s.Result, err = train.Train(ctx, train.Run{
		Model: c.Config, Options: c.Options, DataDir: s.Data, OutDir: s.Out, MaxTime: s.MaxTime, Threads: q.o.Threads,
		OnEvent: func(e train.Event) {
			q.report.events = append(q.report.events, e)
			if q.o.Event != nil {
				q.o.Event(e)
			}
		},
	})
	if err != nil {
		return err
	}
	r := q.report
	r.Steps, r.Tokens, r.TrainSeconds = s.Result.Step, s.Result.Tokens, time.Since(start).Seconds()
	r.TokensPerSecond = float64(r.Tokens) / r.TrainSeconds
	return nil
}

// ConvertModel packs the best model of a run into a GGUF file.
type ConvertModel struct {
	In, Out string

	Report *convert.Report
}

func (s *ConvertModel) run(ctx context.Context, q *quickstart) error {
	chosen, err := hffolder.Choose(s.In)
	if err != nil {
		return err
	}
	s.Report, err = convert.Convert(ctx, chosen.Dir, s.Out, convert.Options{
		Options:  source.Options{Threads: q.o.Threads},
		Progress: func(stage string, done, total int64) { q.progress(Progress{Done: done, Total: total, Stage: stage}) },
	})
	if err != nil {
		return err
	}
	info, err := os.Stat(s.Out)
	if err != nil {
		return err
	}
	view, err := inspect.Read(chosen.Dir, inspect.Options{HeadersOnly: true})
	if err != nil {
		return err
	}
	q.report.PackedBytes, q.report.CheckpointBytes = info.Size(), int64(view.Bytes)
	return nil
}

// Generate continues a prompt.
type Generate struct {
	Model, Prompt string
	MaxTokens     int
	Temperature   float64
	Seed          uint64

	Text string // the continuation
}

func (s *Generate) run(ctx context.Context, q *quickstart) error {
	m, tok, err := LoadGGUF(s.Model, infer.Options{Threads: q.o.Threads})
	if err != nil {
		return err
	}
	defer m.Close()
	g, err := m.NewGenerator(tok, m.ContextLength())
	if err != nil {
		return err
	}
	r, err := g.Generate(ctx, lm.GenerateRequest{
		Prompt: tok.EncodePrompt(s.Prompt), MaxTokens: s.MaxTokens, StopIDs: tok.EOSIDs(),
		Sampling: lm.Sampling{Temperature: s.Temperature, Seed: s.Seed},
	}, nil)
	if err != nil {
		return err
	}
	s.Text = r.Text
	q.report.Sample = s.Prompt + s.Text
	config := m.Config()
	q.report.Parameters = config.Parameters()
	return nil
}

// MeasureSpeed times the engine on a model: a prompt of some tokens, then tokens one by one.
type MeasureSpeed struct {
	Model          string
	Prompt, Tokens int

	Speed *EngineSpeed
}

func (s *MeasureSpeed) run(_ context.Context, q *quickstart) error {
	m, _, err := LoadGGUF(s.Model, infer.Options{Threads: q.o.Threads})
	if err != nil {
		return err
	}
	defer m.Close()
	s.Speed, err = MeasureEngine(m, EngineOptions{Prompt: s.Prompt, Tokens: s.Tokens})
	if err != nil {
		return err
	}
	q.report.PrefillPerSecond, q.report.DecodePerSecond = s.Speed.Prefill.TokensPerSecond, s.Speed.Decode.TokensPerSecond
	return nil
}

// Evaluate measures a model: a run on its graph, a GGUF file on the engine, by the same code.
type Evaluate struct {
	Model, Adapter string   // Adapter "": none
	Tasks          []string // names of tasks, and files that declare one
	Data           string   // folder of prepared data; "": no task needs one

	Report *eval.Report
	scores *Scores // of a model of the world; nil: the tasks are those of tuning
	tuned  *Tuned  // what they are noted in; nil: the model that was tuned last
}

func (s *Evaluate) run(ctx context.Context, q *quickstart) error {
	found, err := tasks.Find(s.Tasks...)
	if err != nil {
		return err
	}
	m, err := s.open(infer.Options{Threads: q.o.Threads, Cache: infer.CacheF32})
	if err != nil {
		return err
	}
	defer m.Close()
	s.Report, err = m.evaluate(ctx, eval.Options{Tasks: found, DataDir: s.Data, NumFewshot: -1, Progress: q.o.Scored})
	if err != nil {
		return err
	}
	s.note(q.report)
	return nil
}

func (s *Evaluate) open(o infer.Options) (*Model, error) {
	if s.Adapter != "" {
		return openAdapted(s.Model, s.Adapter, o)
	}
	return Open(s.Model, o)
}

// note puts the results into the report.
func (s *Evaluate) note(r *QuickstartReport) {
	results := s.Report.Results
	if s.scores == nil {
		if s.tuned != nil {
			r.Tuned = append(r.Tuned, s.tuned)
		}
		last := r.Tuned[len(r.Tuned)-1]
		last.Recall, last.Style = results["recall"]["acc,none"], results["style"]["acc,none"]
		return
	}
	loss := results[tasks.BitsPerByte]
	*s.scores = Scores{
		Loss: loss["loss,none"], BitsPerByte: loss["bits_per_byte,none"],
		YesNo: results["yes_no"]["acc,none"], FourWay: results["four_way"]["acc,none"],
	}
}

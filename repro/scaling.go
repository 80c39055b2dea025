package repro

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"trit/configs"
	"trit/format/hffolder"
	"trit/internal/atomicfile"
	"trit/internal/report"
	"trit/setting"
	"trit/train"
)

// ScalingOptions say which pairs of models Scaling trains. The models of a pair differ in
// Ternary and in their learning rates only.
type ScalingOptions struct {
	Data     string   // folder of a prepared data set
	Out      string   // folder of the runs and of the results; unfinished runs in it go on
	Configs  []string // presets or configuration files, one for each size
	Tokens   int64    // number of tokens to train each model on
	FullRate float64  // learning rates of the full-precision models, as a share of BitNet's
	Set      []string // assignments KEY=VALUE to all configurations
	Threads  int      // 0: one for each processor

	Run   func(dir string)  // called before each run; may be nil
	Event func(train.Event) // called for each line of a run's log; may be nil
}

// ScalingPair is the outcome at one size.
type ScalingPair struct {
	Config     string         `json:"config"`
	Parameters int            `json:"parameters"`
	Tokens     int64          `json:"tokens"`
	BitNet     ScalingOutcome `json:"bitnet"`
	Full       ScalingOutcome `json:"full_precision"`
}

// ScalingOutcome is the result of a model on the held-out data.
type ScalingOutcome struct {
	LearningRate float64 `json:"learning_rate"`
	Loss         float64 `json:"loss"` // nats a token
	Perplexity   float64 `json:"perplexity"`
	BitsPerByte  float64 `json:"bits_per_byte"`
}

// ScalingPairs are the outcomes at all sizes.
type ScalingPairs []ScalingPair

// Scaling trains BitNet b1.58 and the full-precision model of the same size on the same
// tokens, in the same order, at several sizes. It writes scaling.json, scaling.md and
// scaling.html into Out after each size. Runs that are finished already are not repeated.
func Scaling(ctx context.Context, o ScalingOptions) (ScalingPairs, error) {
	if err := checkOwn("repro.ScalingOptions.Out", o.Out, "scaling", &ScalingPairs{}, ".md", ".html"); err != nil {
		return nil, err
	}
	var pairs ScalingPairs
	for _, name := range o.Configs {
		p, err := o.pair(ctx, name)
		if err != nil {
			return pairs, err
		}
		pairs = append(pairs, p)
		if err := pairs.write(o.Out); err != nil {
			return pairs, err
		}
	}
	return pairs, nil
}

// pair trains both models of one size.
func (o *ScalingOptions) pair(ctx context.Context, name string) (ScalingPair, error) {
	p := ScalingPair{Config: strings.TrimSuffix(filepath.Base(name), ".json")}
	for _, ternary := range []bool{true, false} {
		config, err := o.config(name, ternary)
		if err != nil {
			return p, err
		}
		folder, outcome := p.Config+"-bitnet", &p.BitNet
		if !ternary {
			folder, outcome = p.Config+"-full", &p.Full
		}
		outcome.LearningRate = config.LearningRate
		run := train.Run{
			Model: config.Config, Options: config.Options, Threads: o.Threads,
			DataDir: o.Data, OutDir: filepath.Join(o.Out, folder),
		}
		if p.Parameters, err = o.train(ctx, &run, outcome); err != nil {
			return p, err
		}
		p.Tokens = int64(config.MaxSteps) * int64(config.TokensPerStep())
	}
	return p, nil
}

func (o *ScalingOptions) config(name string, ternary bool) (configs.Config, error) {
	config, err := configs.Load(name)
	if err != nil {
		return config, badOption("repro.ScalingOptions.Configs", err)
	}
	for _, a := range o.Set {
		if err := config.Set(a); err != nil {
			return config, badOption("repro.ScalingOptions.Set", err)
		}
	}
	config.MaxSteps = int(o.Tokens / int64(config.TokensPerStep()))
	if config.MaxSteps < 1 {
		return config, &setting.Error{
			Field: "repro.ScalingOptions.Tokens", Found: fmt.Sprint(o.Tokens),
			Wanted: fmt.Sprintf("at least %d, the tokens of one step of %s", config.TokensPerStep(), name),
		}
	}
	if config.Ternary = ternary; !ternary {
		config.Config, config.Options = config.Values(), config.OfFloats()
		config.LearningRate *= o.FullRate
		config.Stage2LearningRate *= o.FullRate
	}
	return config, nil
}

// badOption is the error of an option whose value err explains.
func badOption(field string, err error) error {
	return &setting.Error{Field: field, Problem: "{" + field + "}", Err: err}
}

// train begins a run or goes on with it, and returns the number of parameters.
func (o *ScalingOptions) train(ctx context.Context, run *train.Run, outcome *ScalingOutcome) (int, error) {
	run.OnEvent = o.Event
	result, err := finishRun(ctx, run, o.Run)
	if err != nil {
		return 0, err
	}
	heldOut := result.EvalAll
	outcome.Loss, outcome.Perplexity, outcome.BitsPerByte = heldOut.Loss, heldOut.Perplexity, heldOut.BitsPerByte
	last, err := hffolder.Open(run.OutDir)
	if err != nil {
		return 0, err
	}
	defer last.Close()
	return last.Config.Parameters(), nil
}

// WriteText writes the outcomes as a table for a terminal.
func (p ScalingPairs) WriteText(w io.Writer) error { return p.table().WriteText(w) }

// Markdown returns the outcomes as a table in Markdown.
func (p ScalingPairs) Markdown() string { return p.table().Markdown() }

// WriteHTML writes the outcomes as a page with a plot and a table, which needs no other file.
func (p ScalingPairs) WriteHTML(w io.Writer) error {
	bitnet, full := report.Curve{Name: "BitNet b1.58"}, report.Curve{Name: "full precision", Color: 1}
	for _, pair := range p {
		x := float64(pair.Parameters) / 1e6
		bitnet.Points = append(bitnet.Points, report.Point{X: x, Y: pair.BitNet.Loss})
		full.Points = append(full.Points, report.Point{X: x, Y: pair.Full.Loss})
	}
	return report.Page{
		Title: "BitNet b1.58 against full precision", Lead: "Models of the same size on the same tokens, in the same order.",
		Chart: report.Chart{Title: "Held-out loss, nats a token", Axis: "millions of parameters",
			Curves: []report.Curve{bitnet, full}},
		Table: p.table(),
	}.Write(w)
}

func (p ScalingPairs) table() report.Table {
	t := report.Table{Head: []string{
		"configuration", "parameters", "tokens", "BitNet: loss", "bits per byte", "full precision: loss", "bits per byte", "gap in loss",
	}}
	for _, pair := range p {
		t.Rows = append(t.Rows, []string{
			pair.Config, fmt.Sprintf("%.2fM", float64(pair.Parameters)/1e6), fmt.Sprintf("%.2fM", float64(pair.Tokens)/1e6),
			fmt.Sprintf("%.4f", pair.BitNet.Loss), fmt.Sprintf("%.4f", pair.BitNet.BitsPerByte),
			fmt.Sprintf("%.4f", pair.Full.Loss), fmt.Sprintf("%.4f", pair.Full.BitsPerByte),
			fmt.Sprintf("%+.2f %%", 100*(pair.BitNet.Loss/pair.Full.Loss-1)),
		})
	}
	return t
}

// write writes the outcomes as JSON, Markdown and HTML into a folder.
func (p ScalingPairs) write(dir string) error {
	b, err := indented(p)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return errors.Join(
		atomicfile.WriteBytes(filepath.Join(dir, "scaling.json"), b),
		atomicfile.WriteBytes(filepath.Join(dir, "scaling.md"), []byte(p.Markdown())),
		atomicfile.Write(filepath.Join(dir, "scaling.html"), p.WriteHTML))
}

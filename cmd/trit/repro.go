package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/configs"
	"trit/format/hffolder"
	"trit/internal/atomicfile"
	"trit/internal/parallel"
	"trit/internal/report"
	"trit/train"
)

func reproCommand() *cli.Command {
	return &cli.Command{
		Name: "repro", Usage: "run an experiment of the papers again, at your sizes and on your data",
		Subcommands: append(tableCommands(), scalingCommand()),
	}
}

func scalingCommand() *cli.Command {
	return &cli.Command{
		Name: "scaling", Usage: "BitNet against the full-precision model of the same size and tokens, at several sizes",
		Description: examples("trit repro scaling --data data --out scaling --tokens 1000000",
			"trit repro scaling --data data --out scaling --configs 125m,350m,700m --tokens 10000000000 --set checkpoint_activations=true"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Usage: "`DIR` made by trit data prepare", Required: true},
			&cli.StringFlag{Name: "out", Usage: "`DIR` of the runs and the results; runs that are there go on, those that are done are not repeated", Required: true},
			&cli.StringFlag{Name: "configs", Usage: "`PRESETS` or JSON files, with commas between", Value: "trit-1m,trit-3m,trit-10m"},
			&cli.Int64Flag{Name: "tokens", Usage: "train each model on `N` tokens", Value: 1_000_000},
			&cli.Float64Flag{Name: "full-rate", Usage: "learning rates of the full-precision models are `SHARE` of BitNet's (the papers: a sixth, at 700M and more)", Value: 1},
			&cli.StringSliceFlag{Name: "set", Usage: "change one `KEY=VALUE` of all configurations (may be given several times)"},
			threadsFlag(),
		},
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			parallel.SetThreads(c.Int("threads"))
			s := &scaling{con: newConsole(c), data: c.String("data"), out: c.String("out"), tokens: c.Int64("tokens"), fullRate: c.Float64("full-rate"), set: c.StringSlice("set")}
			return s.run(c.Context, strings.Split(c.String("configs"), ","))
		},
	}
}

// scaling is the experiment: pairs of runs that differ in ternary and learning rate only.
type scaling struct {
	con       *console
	data, out string
	tokens    int64
	fullRate  float64
	set       []string
}

// scalingPair is the outcome at one size.
type scalingPair struct {
	Config     string         `json:"config"`
	Parameters int            `json:"parameters"`
	Tokens     int64          `json:"tokens"`
	BitNet     scalingOutcome `json:"bitnet"`
	Full       scalingOutcome `json:"full_precision"`
}

// scalingOutcome is how a model does on the held-out data.
type scalingOutcome struct {
	LearningRate float64 `json:"learning_rate"`
	Loss         float64 `json:"loss"` // nats a token
	Perplexity   float64 `json:"perplexity"`
	BitsPerByte  float64 `json:"bits_per_byte"`
}

func (s *scaling) run(ctx context.Context, names []string) error {
	var pairs []scalingPair
	for _, name := range names {
		p, err := s.pair(ctx, name)
		if err != nil {
			return err
		}
		pairs = append(pairs, p)
		if err := s.write(pairs); err != nil {
			return err
		}
	}
	if err := scalingTable(pairs).WriteText(s.con.out); err != nil {
		return err
	}
	s.con.printf("\nresults: %s\n", filepath.Join(s.out, "scaling.{json,md,html}"))
	return nil
}

// pair trains both models of one size.
func (s *scaling) pair(ctx context.Context, name string) (scalingPair, error) {
	p := scalingPair{Config: strings.TrimSuffix(filepath.Base(name), ".json")}
	for _, ternary := range []bool{true, false} {
		config, err := s.config(name, ternary)
		if err != nil {
			return p, err
		}
		folder, outcome := p.Config+"-bitnet", &p.BitNet
		if !ternary {
			folder, outcome = p.Config+"-full", &p.Full
		}
		outcome.LearningRate = config.LearningRate
		run := train.Run{Model: config.Config, Options: config.Options, DataDir: s.data, OutDir: filepath.Join(s.out, folder)}
		if p.Parameters, err = s.train(ctx, &run, outcome); err != nil {
			return p, err
		}
		p.Tokens = int64(config.MaxSteps) * int64(config.TokensPerStep())
	}
	return p, nil
}

func (s *scaling) config(name string, ternary bool) (configs.Config, error) {
	config, err := configs.Load(name)
	if err != nil {
		return config, usagef("--configs: %v", err)
	}
	for _, a := range s.set {
		if err := config.Set(a); err != nil {
			return config, usagef("--set: %v", err)
		}
	}
	config.MaxSteps = int(s.tokens / int64(config.TokensPerStep()))
	if config.MaxSteps < 1 {
		return config, usagef("--tokens %d is less than one step of %s, %d tokens", s.tokens, name, config.TokensPerStep())
	}
	if config.Ternary = ternary; !ternary {
		config.LearningRate *= s.fullRate
		config.Stage2LearningRate *= s.fullRate
	}
	return config, nil
}

// train goes on with a run, or begins it, and returns the number of parameters.
func (s *scaling) train(ctx context.Context, run *train.Run, o *scalingOutcome) (int, error) {
	_, err := hffolder.Resolve(run.OutDir)
	run.Resume = err == nil
	run.OnEvent = func(e train.Event) { showEvent(s.con, e) }
	s.con.warnf("%s", run.OutDir)
	result, err := train.Train(ctx, *run)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", run.OutDir, err)
	}
	if result.Interrupted {
		return 0, errors.New("stopped and saved: the same command goes on")
	}
	o.Loss, o.Perplexity, o.BitsPerByte = result.Eval.Loss, result.Eval.Perplexity, result.Eval.BitsPerByte
	last, err := hffolder.Open(run.OutDir)
	if err != nil {
		return 0, err
	}
	defer last.Close()
	return last.Config.Parameters(), nil
}

func scalingTable(pairs []scalingPair) report.Table {
	t := report.Table{Head: []string{"configuration", "parameters", "tokens", "BitNet: loss", "bits per byte", "full precision: loss", "bits per byte", "gap in loss"}}
	for _, p := range pairs {
		t.Rows = append(t.Rows, []string{p.Config, fmt.Sprintf("%.2fM", float64(p.Parameters)/1e6), fmt.Sprintf("%.2fM", float64(p.Tokens)/1e6),
			fmt.Sprintf("%.4f", p.BitNet.Loss), fmt.Sprintf("%.4f", p.BitNet.BitsPerByte),
			fmt.Sprintf("%.4f", p.Full.Loss), fmt.Sprintf("%.4f", p.Full.BitsPerByte), fmt.Sprintf("%+.2f %%", 100*(p.BitNet.Loss/p.Full.Loss-1))})
	}
	return t
}

// write leaves the results as JSON, as a table in Markdown and as a page with a plot.
func (s *scaling) write(pairs []scalingPair) error {
	b, err := json.MarshalIndent(pairs, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.out, 0o755); err != nil {
		return err
	}
	bitnet, full := report.Curve{Name: "BitNet b1.58"}, report.Curve{Name: "full precision", Color: 1}
	for _, p := range pairs {
		x := float64(p.Parameters) / 1e6
		bitnet.Points = append(bitnet.Points, report.Point{X: x, Y: p.BitNet.Loss})
		full.Points = append(full.Points, report.Point{X: x, Y: p.Full.Loss})
	}
	page := report.Page{Title: "BitNet b1.58 against full precision", Lead: "Models of the same size on the same tokens, in the same order.",
		Chart: report.Chart{Title: "Held-out loss, nats a token", Axis: "millions of parameters", Curves: []report.Curve{bitnet, full}}, Table: scalingTable(pairs)}
	return errors.Join(
		atomicfile.WriteBytes(filepath.Join(s.out, "scaling.json"), append(b, '\n')),
		atomicfile.WriteBytes(filepath.Join(s.out, "scaling.md"), []byte(scalingTable(pairs).Markdown())),
		atomicfile.Write(filepath.Join(s.out, "scaling.html"), page.Write))
}

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/configs"
	"trit/data"
	"trit/train"
	"trit/train/checkpoint"
	"trit/train/graph"
	"trit/train/runlog"
)

func trainCommand() *cli.Command {
	return &cli.Command{
		Name: "train", Usage: "train a model from scratch or from given weights, or resume a run",
		Description: cmdline.Examples("trit train --config trit-1m --data data --out run",
			"trit train --config 125m --set batch_size=4 --dry-run",
			"trit train --config trit-10m --data data --out run --max-time 30m",
			"trit train --config trit-10m --data data --out run --resume",
			"trit train --init bitnet-b1.58-2B-4T-bf16 --data data --out tuned --set learning_rate=1e-4 --max-steps 500"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "`PRESET` or JSON file; with --init it may be left out or hold the recipe alone"},
			&cli.StringFlag{Name: "data", Usage: "`DIR` made by trit data prepare"},
			&cli.StringFlag{Name: "out", Usage: "`DIR` of the run: checkpoints and metrics.jsonl"},
			&cli.StringFlag{Name: "init", Usage: "begin with the model and the weights in `DIR`: a Hugging Face folder of master weights, or a run"},
			&cli.StringSliceFlag{Name: "set", Usage: "change one `KEY=VALUE` of the configuration (may be given several times)"},
			&cli.IntFlag{Name: "max-steps", Usage: "take `N` steps"},
			&cli.DurationFlag{Name: "max-time", Usage: "end after `TIME`; without --max-steps the number of steps is chosen to fill it"},
			&cli.IntFlag{Name: "keep", Usage: "keep the `N` newest checkpoints"},
			&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of weights and order of the data"},
			cmdline.OneOfFlag("precision", "of products that are not of integers (gradients, attention, head): auto is bf16 if that is faster; a resumed run keeps its precision", string(train.PrecisionAuto), string(train.PrecisionFloat32), string(train.PrecisionBF16)),
			&cli.BoolFlag{Name: "checkpoint-activations", Usage: "keep only the input of each block and compute the rest again: less memory, more time, the same weights"},
			&cli.BoolFlag{Name: "resume", Usage: "go on from the last checkpoint in --out"},
			&cli.BoolFlag{Name: "print-config", Usage: "print the resolved configuration and end"},
			&cli.BoolFlag{Name: "dry-run", Usage: "print an estimate of the run's memory and time and end"},
			&cli.BoolFlag{Name: "unpackable", Usage: "train a model that no type of GGUF can hold"},
			&cli.IntFlag{Name: "ranks", Usage: "with --dry-run: estimate for `N` ranks of mpirun", Value: 1},
			&cli.Float64Flag{Name: "tflops", Usage: "with --dry-run: `SPEED` of training on a rank in 1e12 operations a second (default: estimated from the speed of products on this machine)"},
			&cli.Float64Flag{Name: "network", Usage: "with --dry-run: `GBPS`, the speed of the network between ranks in Gbit/s", Value: 10},
			cmdline.ThreadsFlag(),
		},
		Action: trainAction,
	}
}

func trainAction(c *cli.Context) error {
	if _, err := cmdline.Arguments(c); err != nil {
		return err
	}
	config, err := trainConfig(c)
	if err != nil {
		return err
	}
	switch {
	case c.Bool("print-config"):
		b, err := config.JSON()
		fmt.Fprintf(c.App.Writer, "%s\n", b)
		return err
	case c.Bool("dry-run"):
		return dryRun(c, config)
	case c.IsSet("ranks") || c.IsSet("network") || c.IsSet("tflops"):
		return cmdline.Usagef("--ranks, --network and --tflops belong to --dry-run: mpirun -np N trit train starts N ranks")
	case c.String("data") == "" || c.String("out") == "":
		return cmdline.Usagef("--data DIR and --out DIR are needed to train")
	}
	if !c.Bool("resume") {
		if err := checkPackable(c, config.Config); err != nil {
			return err
		}
	}
	return trainRanks(c.Context, cmdline.NewConsole(c), train.Run{
		Model: config.Config, Init: c.String("init"), Options: config.Options, DataDir: c.String("data"),
		OutDir:  c.String("out"),
		MaxTime: c.Duration("max-time"), Resume: c.Bool("resume"), Threads: c.Int("threads"),
	})
}

// trainConfig makes the configuration of a run: the model of --init, overridden by --config,
// overridden by the other flags.
func trainConfig(c *cli.Context) (configs.Config, error) {
	config, err := configs.Default(), error(nil)
	switch dir := c.String("init"); {
	case dir != "":
		if config.Config, err = train.InitialModel(dir); err != nil {
			return config, fmt.Errorf("--init: %w", err)
		}
	case c.String("config") == "":
		return config, cmdline.Usagef("--config PRESET, or --init DIR, is needed to train")
	}
	if name := c.String("config"); name != "" {
		if config, err = configs.LoadOver(config, name); err != nil {
			return config, cmdline.Usagef("--config: %v", err)
		}
	}
	if c.IsSet("max-time") {
		config.MaxSteps = 0
	}
	for _, s := range c.StringSlice("set") {
		if err := config.Set(s); err != nil {
			return config, cmdline.Usagef("--set: %v", err)
		}
	}
	if c.IsSet("max-steps") {
		config.MaxSteps = c.Int("max-steps")
	}
	if c.IsSet("keep") {
		config.KeepCheckpoints = c.Int("keep")
	}
	if c.IsSet("precision") {
		config.Precision = train.Precision(c.String("precision"))
	}
	if c.IsSet("checkpoint-activations") {
		config.CheckpointActivations = c.Bool("checkpoint-activations")
	}
	if c.IsSet("seed") {
		config.Seed = c.Uint64("seed")
	}
	return config, nil
}

// dryRun prints an estimate of a run. Without --tflops it is based on the speed of products on
// this machine.
func dryRun(c *cli.Context, config configs.Config) error {
	if config.VocabSize == 0 {
		if c.String("data") == "" {
			return cmdline.Usagef("the preset takes its vocabulary from the data: name it with --data, or --set vocab_size=N")
		}
		m, err := data.OpenManifest(c.String("data"))
		if err != nil {
			return err
		}
		config.VocabSize = m.VocabSize
	}
	config.Config.Resolve()
	if err := graph.Check(&config.Config); err != nil {
		return err
	}
	if err := checkPackable(c, config.Config); err != nil {
		return err
	}
	m := configs.Machines{
		FLOPs: 1e12 * c.Float64("tflops"), Ranks: c.Int("ranks"), Threads: c.Int("threads"),
		Network: 1e9 * c.Float64("network"),
	}
	if m.FLOPs < 0 || m.Network <= 0 {
		return cmdline.Usagef("--tflops %g and --network %g: want positive numbers",
			c.Float64("tflops"), c.Float64("network"))
	}
	if m.FLOPs == 0 {
		m.FLOPs = config.ExpectedFLOPs(m.Threads)
	}
	e, err := config.Estimate(m)
	if err != nil {
		return cmdline.Usagef("%v", err)
	}
	e.WriteText(c.App.Writer)
	writePackable(c.App.Writer, config.Config)
	return nil
}

func trainModel(ctx context.Context, con *cmdline.Console, r train.Run) error {
	r.OnEvent = func(e train.Event) { showEvent(con, e) }
	if !r.Resume {
		r.OnBegin = func() { sayPackable(con, r.Model) }
	}
	result, err := train.Train(ctx, r)
	if err != nil {
		return err
	}
	if result.Interrupted {
		con.Printf("stopped and saved at step %d after %d tokens: --resume goes on\n", result.Step, result.Tokens)
		return nil
	}
	if result.EarlyStop != "" {
		con.Printf("ended early: %s\n", result.EarlyStop)
	}
	con.Printf("done: %d steps, %d tokens\n", result.Step, result.Tokens)
	if b := result.Best; b != nil {
		con.Printf("best: step %d, %.4f bits per byte held out, in %s\n",
			b.Step, b.BitsPerByte, filepath.Join(r.OutDir, checkpoint.BestDir))
	}
	return nil
}

// showEvent prints an event as a line.
func showEvent(con *cmdline.Console, e train.Event) {
	if e.Event == runlog.EvalEvent {
		con.Warnf("step %6d  held out: loss %.4f, perplexity %.2f, %.4f bits per byte",
			e.Step, e.Loss, e.Perplexity, e.BitsPerByte)
		return
	}
	if e.Note != "" {
		con.Warnf("step %6d  %s: %s", e.Step, e.Event, e.Note)
		return
	}
	perStep := float64(e.Tokens) / float64(max(e.Step, 1))
	seconds := float64(e.MaxSteps-e.Step) * perStep / max(e.TokensPerSecond, 1e-9)
	left := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	con.Warnf("step %6d/%d  loss %.4f  lr %.2e  |g| %.3f  zeros %.1f %%  flips %d  %.0f tokens/s  %s left",
		e.Step, e.MaxSteps, e.Loss, e.LR, e.GradNorm, 100*e.Zeros, e.Flips, e.TokensPerSecond, left)
}

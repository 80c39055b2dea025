package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/configs"
	"trit/train"
)

// trainJob is what the flags make of a run, the same on all ranks.
type trainJob struct {
	Config          configs.Config
	Init, Data, Out string
	MaxTime         time.Duration
	Resume, Extend  bool
	Threads         int
}

func (j trainJob) run() train.Run {
	return train.Run{Model: j.Config.Config, Options: j.Config.Options, Init: j.Init, DataDir: j.Data, OutDir: j.Out,
		MaxTime: j.MaxTime, Resume: j.Resume, Extend: j.Extend, Threads: j.Threads}
}

// newTrainJob makes a run of the flags, and of the run in --out if it is resumed.
func newTrainJob(c *cli.Context) (j trainJob, err error) {
	begun, err := begunRun(c)
	if err != nil {
		return j, err
	}
	j = trainJob{Init: c.String("init"), Data: c.String("data"), Out: c.String("out"), MaxTime: c.Duration("max-time"),
		Resume: c.Bool("resume"), Threads: c.Int("threads")}
	if j.Config, err = trainConfig(c, begun); err != nil {
		return j, err
	}
	if begun != nil {
		j.Extend = j.Config.MaxSteps != begun.Options.MaxSteps
		if j.Init == "" {
			j.Init = begun.Init
		}
		if j.Data == "" && begun.DataDir == "" {
			return j, cmdline.Usagef("%s does not say where its data are: name them with --data DIR", j.Out)
		}
		if j.Data == "" {
			j.Data = begun.DataDir
		}
	}
	if j.Data == "" || j.Out == "" {
		return j, cmdline.Usagef("--data DIR and --out DIR are needed to train")
	}
	if !j.Resume {
		err = checkPackable(c, j.Config.Config)
	}
	return j, err
}

// trainConfig is the configuration of a run: of the one that is resumed, or of --config and --init,
// and changed by the other flags. MaxSteps is 0 if --max-time alone says when the run ends.
func trainConfig(c *cli.Context, begun *train.Run) (configs.Config, error) {
	config, err := baseConfig(c, begun)
	if err != nil {
		return config, err
	}
	if c.IsSet("max-time") {
		config.MaxSteps = 0
	}
	return config, applyFlags(c, &config)
}

// begunRun is the run in --out that is resumed. It is nil if none is, or if there is none yet and
// --config or --init say how to begin it.
func begunRun(c *cli.Context) (*train.Run, error) {
	if !c.Bool("resume") {
		return nil, nil
	}
	if c.String("out") == "" {
		return nil, cmdline.Usagef("--out DIR, the folder of the run, is needed to resume it")
	}
	begun, err := train.RunOf(c.String("out"))
	if errors.Is(err, train.ErrNoRun) && c.String("config")+c.String("init") != "" {
		return nil, nil
	}
	return &begun, err
}

// baseConfig is the configuration before the flags change it: of the run that is resumed, or of
// --config over the model of --init. Without --config a run that --init names gives its recipe too.
func baseConfig(c *cli.Context, begun *train.Run) (config configs.Config, err error) {
	config = configs.Default()
	name, dir := c.String("config"), c.String("init")
	switch {
	case begun != nil && name == "":
		config.Config, config.Options = begun.Model, begun.Options
		return config, nil
	case dir != "":
		if config.Config, err = train.InitialModel(dir); err != nil {
			return config, fmt.Errorf("--init: %w", err)
		}
	case name == "":
		return config, cmdline.Usagef("--config PRESET, or --init DIR, is needed to train")
	}
	if name == "" {
		if o, ok, err := train.InitialOptions(dir); ok || err != nil {
			config.Options = o
			return config, err
		}
		return config, nil
	}
	if config, err = configs.LoadOver(config, name); err != nil {
		return config, cmdline.Usagef("--config: %v", err)
	}
	if begun != nil && config.MaxSteps != begun.Options.MaxSteps {
		if !c.IsSet("max-steps") && !c.IsSet("max-time") {
			cmdline.NewConsole(c).Warnf("max_steps is %d in --config, and stays %d, as the run has it: --max-steps changes it",
				config.MaxSteps, begun.Options.MaxSteps)
		}
		config.MaxSteps = begun.Options.MaxSteps
	}
	return config, nil
}

// applyFlags changes the configuration by the flags that stand for one of its keys.
func applyFlags(c *cli.Context, config *configs.Config) error {
	for _, s := range c.StringSlice("set") {
		if err := config.Set(s); err != nil {
			return cmdline.Usagef("--set: %v", err)
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
	return nil
}

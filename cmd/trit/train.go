package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/cmd/trit/texts"
	"trit/configs"
	"trit/format/adapter"
	"trit/model"
	"trit/train"
	"trit/train/checkpoint"
	"trit/train/runlog"
)

func trainCommand() *cli.Command {
	return &cli.Command{
		Name: "train", Usage: "train a model from scratch or from given weights, or resume a run",
		Description: cmdline.Examples("trit train --text stories.txt --config trit-3m --out run",
			"trit train --config trit-1m --data data --out run",
			"trit train --config 125m --set batch_size=4 --dry-run",
			"trit train --config 3b --dry-run --machine cores=64,int8=340,bf16=170,memory=512,nodes=8,network=25,price=3",
			"trit train --config trit-10m --data data --out run --max-time 30m",
			"trit train --resume --out run",
			"trit train --resume --out run --max-steps 5000",
			"trit train --repeat run --out again",
			"trit train --init bitnet-b1.58-2B-4T.gguf --data data --out adapter --config lora",
			"trit train --init model --data pairs --out tuned --config dpo",
			"trit train --init bitnet-b1.58-2B-4T-bf16 --data data --out tuned --set learning_rate=1e-4 --max-steps 500"),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "`PRESET` or JSON file; with --init it may be left out or hold the recipe alone"},
			&cli.StringFlag{Name: "data", Usage: "`DIR` made by trit data prepare"},
			&cli.StringSliceFlag{Name: "text", Usage: "instead of --data: train a tokenizer on these `TEXTS` and make the data of them in the run folder, once: " + texts.Usage},
			texts.HoldoutFlag(),
			&cli.StringFlag{Name: "out", Usage: "`DIR` of the run: checkpoints and metrics.jsonl"},
			&cli.StringFlag{Name: "init", Usage: "begin with the model and the weights in `MODEL`: a Hugging Face folder, a GGUF file, or a run, whose recipe is taken too without --config"},
			&cli.StringFlag{Name: "repeat", Usage: "do `RUN` again from its beginning, step by step: its recipe, its data, and each step at the share of the time that its log has"},
		}, slices.Concat(runFlags(), texts.Flags())...),
		Action: trainAction,
	}
}

// runFlags are the flags of all commands that train.
func runFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "set", Usage: "change one `KEY=VALUE` of the configuration (may be given several times)"},
		&cli.IntFlag{Name: "max-steps", Usage: "take `N` steps; with --resume the run gets this end instead of its own"},
		cmdline.TimeFlag("max-time", "end after `TIME`; without --max-steps the schedule fills it, whatever the speed; a run that has ended gets so much more", 0),
		&cli.StringSliceFlag{Name: "sample", Usage: "continue `PROMPT` at each evaluation, for trit watch (may be given several times)"},
		&cli.IntFlag{Name: "keep", DefaultText: "the configuration's", Usage: "keep the `N` newest checkpoints"},
		&cli.Uint64Flag{Name: "seed", DefaultText: "the configuration's", Usage: "`SEED` of weights and order of the data"},
		cmdline.OneOfFlag("precision", "of products that are not of integers (gradients, attention, head): auto is bf16 if that is faster; a resumed run keeps its precision", string(train.PrecisionAuto), string(train.PrecisionFloat32), string(train.PrecisionBF16)),
		&cli.BoolFlag{Name: "checkpoint-activations", Usage: "keep only the input of each block and compute the rest again: less memory, more time, the same weights"},
		&cli.BoolFlag{Name: "resume", Usage: "go on from the last checkpoint in --out, with the configuration and the data of the run"},
		&cli.BoolFlag{Name: "print-config", Usage: "print the resolved configuration and end"},
		&cli.BoolFlag{Name: "dry-run", Usage: "print an estimate of the run's memory and time and end"},
		&cli.IntFlag{Name: "ranks", Usage: "with --dry-run: estimate for `N` ranks of mpirun", Value: 1},
		&cli.Float64Flag{Name: "tflops", Usage: "with --dry-run: `SPEED` of training on a rank in 1e12 operations a second (default: estimated from the speed of products on this machine)"},
		&cli.Float64Flag{Name: "network", Usage: "with --dry-run: `GBPS`, the speed of the network between ranks in Gbit/s", Value: 10},
		machineFlag("with --dry-run: "),
		&cli.BoolFlag{Name: "unpackable", Usage: "train a model that no type of GGUF can hold"},
		cmdline.ThreadsFlag(),
	}
}

func trainAction(c *cli.Context) error {
	if err := checkText(c); err != nil {
		return err
	}
	print, dry := c.Bool("print-config"), c.Bool("dry-run")
	if !print && !dry {
		return trainRanks(c, func() (trainJob, error) { return newTrainJob(c) })
	}
	begun, err := begunRun(c)
	if err != nil {
		return err
	}
	config, err := trainConfig(c, begun)
	switch {
	case err != nil:
		return err
	case dry:
		return dryRun(c, config, configs.Teacher{})
	}
	return printConfig(c, config)
}

func printConfig(c *cli.Context, config configs.Config) error {
	b, err := config.JSON()
	fmt.Fprintf(c.App.Writer, "%s\n", b)
	return err
}

// trainJob is what the flags make of a run, the same on all ranks.
type trainJob struct {
	Config          configs.Config
	Init, Data, Out string
	Notes           []string
	MaxTime         time.Duration
	Shares          []float64 // train.Run.Shares
	Repeats         string
	Resume, Extend  bool
	Threads         int
	Adapt           bool   // train.Run.Adapt
	Teacher         string // path of the teacher; "": none
	TeacherCache    string // path of the file with what it says; "": none
}

func (j trainJob) run() train.Run {
	r := train.Run{Model: j.Config.Config, Options: j.Config.Options, Init: j.Init, OpenBase: models.OpenBase,
		DataDir: j.Data, OutDir: j.Out, Notes: j.Notes, MaxTime: j.MaxTime, Resume: j.Resume, Extend: j.Extend,
		Threads: j.Threads, Adapt: j.Adapt, Shares: j.Shares, Repeats: j.Repeats}
	j.setTeacher(&r)
	return r
}

// newTrainJob makes a run of the flags, and of the run in --out if it is resumed.
func newTrainJob(c *cli.Context) (j trainJob, err error) {
	begun, err := begunRun(c)
	if err != nil {
		return j, err
	}
	config, err := trainConfig(c, begun)
	if err != nil {
		return j, err
	}
	return newJob(c, begun, config)
}

// newJob makes a run of a configuration and of the flags, and of the run that is resumed.
func newJob(c *cli.Context, begun *train.Run, config configs.Config) (j trainJob, err error) {
	j = trainJob{Config: config, Init: c.String("init"), Data: c.String("data"), Out: c.String("out"),
		MaxTime: c.Duration("max-time"), Resume: c.Bool("resume"), Threads: c.Int("threads")}
	if begun != nil {
		j.Adapt, j.Teacher, j.Shares, j.Repeats = begun.Adapt, begun.Teacher, begun.Shares, begun.Repeats
		j.Extend = j.Config.MaxSteps != begun.Options.MaxSteps
		if j.MaxTime == 0 {
			j.MaxTime = begun.MaxTime // of a run that was killed before its first checkpoint
		}
		if j.Init == "" {
			j.Init = begun.Init
		}
		if j.Data == "" && begun.DataDir == "" {
			return j, cmdline.Usagef("%s does not say where its data are: name them with --data DIR", j.Out)
		}
		if j.Data == "" {
			j.Data = dataOf(j.Out, begun.DataDir)
		}
	}
	if j.Data == "" && !c.IsSet("text") || j.Out == "" {
		return j, cmdline.Usagef("--data DIR or --text TEXTS, and --out DIR, are needed to train")
	}
	if !j.Resume {
		err = checkPackable(c, j.Config.Config)
	}
	if err == nil {
		err = j.findMasters(c)
	}
	if err == nil && c.IsSet("text") {
		j.Data, err = prepareText(c, cmdline.NewConsole(c), j.Config)
	}
	return j, err
}

// mastersDir is the folder in a run that holds the master weights that were made for it.
const mastersDir = "masters"

// findMasters makes master weights in the run folder if --init names a model that has none, and the run
// needs them: adapters beside the layers lie on codes. A run that has begun keeps its own.
func (j *trainJob) findMasters(c *cli.Context) error {
	beside := j.Config.LoRARank > 0 && j.Config.LoRAPlacement != adapter.Inside
	if j.Init == "" || j.Out == "" || beside || !onlyCodes(j.Init) {
		return nil
	}
	folder := filepath.Join(j.Out, mastersDir)
	_, err := os.Stat(filepath.Join(j.Out, runlog.LogFile))
	note, err := models.MakeMasters(c.Context, cmdline.NewConsole(c), j.Init, folder, err == nil)
	if err != nil {
		return fmt.Errorf("--init: %w", err)
	}
	j.Init, j.Notes = folder, []string{note}
	return nil
}

// onlyCodes reports whether a model has no master weights, as a GGUF file and a packed folder.
func onlyCodes(init string) bool {
	if info, err := os.Stat(init); err == nil && !info.IsDir() {
		return true
	}
	_, err := train.InitialModel(init)
	return errors.Is(err, train.ErrPacked)
}

// trainConfig is the configuration of a run: of the one that is resumed, or of --config and --init,
// and changed by the other flags. MaxSteps is 0 if --max-time alone says when the run ends.
func trainConfig(c *cli.Context, begun *train.Run) (configs.Config, error) {
	config, err := baseConfig(c, begun)
	if err != nil {
		return config, err
	}
	return config, applyFlags(c, &config)
}

// begunRun is the run in --out that is resumed, or the one that is repeated. It is nil if none is, or if
// there is none yet and --config or --init say how to begin it.
func begunRun(c *cli.Context) (*train.Run, error) {
	if dir := c.String("repeat"); dir != "" {
		return repeatedRun(c, dir)
	}
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

// repeatedRun is the run that --repeat does again. What would make another run of it is refused.
func repeatedRun(c *cli.Context, dir string) (*train.Run, error) {
	for _, flag := range []string{"config", "init", "text", "set", "max-steps", "max-time", "seed", "precision",
		"resume"} {
		if c.IsSet(flag) {
			return nil, cmdline.Usagef("--repeat %s takes the recipe of that run: leave --%s out", dir, flag)
		}
	}
	r, err := train.RepeatOf(dir)
	if err != nil {
		return nil, fmt.Errorf("--repeat: %w", err)
	}
	return &r, nil
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
		if config.Config, err = initialModel(dir); err != nil {
			return config, fmt.Errorf("--init: %w", err)
		}
	case name == "":
		return config, cmdline.Usagef("--config PRESET, or --init DIR, is needed to train")
	}
	if name == "" {
		if o, ok, err := train.InitialOptions(dir); ok || err != nil {
			config.Options = o.WithoutTeacher()
			return config, err
		}
		return config, nil
	}
	if config, err = configs.LoadOver(config, name); err != nil {
		return config, cmdline.Usagef("--config: %v", err)
	}
	if config.IsRecipe() {
		return config, cmdline.Usagef("--config %s is a recipe without a model: name the model with --init DIR", name)
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

// initialModel is the model that --init names.
func initialModel(init string) (model.Config, error) {
	if onlyCodes(init) {
		return models.ConfigOf(init)
	}
	return train.InitialModel(init)
}

// applyFlags changes the configuration by the flags that stand for one of its keys.
func applyFlags(c *cli.Context, config *configs.Config) error {
	if c.IsSet("max-time") {
		config.MaxSteps = 0
	}
	for _, s := range c.StringSlice("set") {
		if err := config.Set(s); err != nil {
			return cmdline.Usagef("--set: %v", err)
		}
	}
	if c.IsSet("max-steps") {
		config.MaxSteps = c.Int("max-steps")
	}
	if c.IsSet("sample") {
		config.SamplePrompts = strings.Join(c.StringSlice("sample"), "\n")
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
	if err := config.Validate(); err != nil {
		return cmdline.Usagef("%v", err)
	}
	return nil
}

func trainModel(ctx context.Context, con *cmdline.Console, r train.Run) error {
	asking := con.Progress("rows")
	r.OnAsked = func(done, total int) {
		asking.Show(int64(done), int64(total), "asked of the teacher")
		if done == total {
			asking.End()
		}
	}
	r.OnEvent = func(e train.Event) {
		if e.Event == runlog.BeginEvent {
			sayPackable(con, r.Model)
		}
		showEvent(con, e)
	}
	result, err := train.Train(ctx, r)
	if err != nil {
		asking.End()
		return err
	}
	switch {
	case result.Over:
		return overError(r.OutDir, result)
	case result.Interrupted:
		con.Printf("stopped and saved at step %s after %d tokens: trit train --resume --out %s goes on\n",
			stepText(result.Step, result.MaxSteps), result.Tokens, r.OutDir)
		return cmdline.ErrStopped
	case result.EarlyStop != "":
		con.Printf("ended early: %s\n", result.EarlyStop)
	}
	con.Printf("done: %d steps, %d tokens\n", result.Step, result.Tokens)
	if b := result.Best; b != nil {
		figure := fmt.Sprintf("%.4f bits per byte held out", b.BitsPerByte)
		if b.Preference != nil {
			figure = fmt.Sprintf("held-out loss %.4f, %s", b.Loss, preferenceText(b.Preference))
		}
		con.Printf("best: step %d, %s, in %s\n", b.Step, figure, filepath.Join(r.OutDir, checkpoint.BestDir))
	}
	return nil
}

// overError is the error of a run that is resumed and has nothing left to do.
func overError(dir string, r *train.Result) error {
	if r.EarlyStop != "" {
		return fmt.Errorf("%s ended early at step %s, nothing is left to do: %s; "+
			"--resume --set early_stop_patience=0 goes on to its end", dir, stepText(r.Step, r.MaxSteps), r.EarlyStop)
	}
	return fmt.Errorf("%s ended at step %d of %d, nothing is left to do: --resume --max-steps N, more than %d, "+
		"or --max-time T trains it longer", dir, r.Step, r.MaxSteps, r.Step)
}

// stepText is a step, of how many if that is known.
func stepText(step, of int) string {
	if of == 0 {
		return fmt.Sprint(step)
	}
	return fmt.Sprintf("%d of %d", step, of)
}

// preferenceText is what a line says of pairs.
func preferenceText(p *runlog.Preference) string {
	return fmt.Sprintf("%.1f %% preferred, rewards %.3f and %.3f, margin %.3f", 100*p.Accuracy, p.Chosen, p.Rejected,
		p.Margin)
}

// perplexityText is short also for a run that diverges, whose perplexity may have 300 digits.
func perplexityText(v float64) string {
	if v < 1e6 {
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

// showEvent prints an event as a line.
func showEvent(con *cmdline.Console, e train.Event) {
	if data, ok := map[string]string{runlog.EvalEvent: "held out", runlog.EvalAllEvent: "all held-out data"}[e.Event]; ok {
		figures := fmt.Sprintf("perplexity %s, %.4f bits per byte", perplexityText(e.Perplexity), e.BitsPerByte)
		if e.Preference != nil {
			figures = preferenceText(e.Preference)
		}
		con.Warnf("step %6d  %s: loss %.4f, %s", e.Step, data, e.Loss, figures)
		return
	}
	if e.Event == runlog.SampleEvent {
		con.Warnf("step %6d  sample: %s", e.Step, strconv.Quote(e.Prompt+e.Text))
		return
	}
	if e.Note != "" {
		con.Warnf("step %6d  %s: %s", e.Step, e.Event, e.Note)
		return
	}
	perStep := float64(e.Tokens) / float64(max(e.Step, 1))
	seconds, plan := e.SecondsLeft, fmt.Sprintf("/%d", e.MaxSteps)
	if e.MaxSteps == 0 {
		plan = ""
	} else {
		seconds = float64(e.MaxSteps-e.Step) * perStep / max(e.TokensPerSecond, 1e-9)
	}
	left := time.Duration(max(seconds, 0) * float64(time.Second)).Round(time.Second)
	pairs, codes := "", ""
	if e.Preference != nil {
		pairs = "  " + preferenceText(e.Preference)
	}
	if e.Zeros > 0 { // of a model without codes, and of adapters over codes that stay, there is nothing to tell
		codes = fmt.Sprintf("  zeros %.1f %%  flips %d", 100*e.Zeros, e.Flips)
	}
	con.Warnf("step %6d%s  loss %.4f%s  lr %.2e  |g| %.3f%s  %.0f tokens/s  %s left",
		e.Step, plan, e.Loss, pairs, e.LR, e.GradNorm, codes, e.TokensPerSecond, left)
}

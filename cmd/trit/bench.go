package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/configs"
	"trit/infer"
	"trit/internal/parallel"
	"trit/model"
	"trit/train"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name: "bench", Usage: "measure speed: of a model, of a shape with random weights, or of training", ArgsUsage: "[MODEL]",
		Description: examples("trit bench model.gguf", "trit bench --shape 125m --prompt 256 --generate 64", "trit bench --shape 2b4t --sessions 8 --markdown", "trit bench --shape 3b --profile edge", "trit bench --train --set hidden_size=256 --batch 8 --length 256 --steps 5 --json"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "shape", Usage: "random weights in this `SHAPE`, a preset's name: 125m, 700m, 2b-4t (or 2b4t), 3b, 8b, 70b", Value: "trit-10m"},
			&cli.IntFlag{Name: "prompt", Usage: "read `N` tokens", Value: 128},
			&cli.IntFlag{Name: "generate", Usage: "generate `N` tokens", Value: 32},
			&cli.IntFlag{Name: "sessions", Usage: "generate in `N` sessions together", Value: 1},
			&cli.StringFlag{Name: "profile", Usage: "threads, sessions and memory limit of a kind of machine (`KIND`: " + strings.Join(profileNames(), ", ") + ") where no flag sets them; tells whether the model fits"},
			&cli.IntFlag{Name: "repeat", Usage: "measure `N` times and take the median", Value: 3},
			&cli.BoolFlag{Name: "train", Usage: "measure training steps"},
			&cli.StringSliceFlag{Name: "set", Usage: "with --train: change one `KEY=VALUE` of the configuration"},
			&cli.StringFlag{Name: "config", Usage: "with --train: begin with this `PRESET`", Value: "trit-1m"},
			&cli.IntFlag{Name: "batch", Usage: "with --train: `B` rows", Value: 8},
			&cli.IntFlag{Name: "length", Usage: "with --train: `T` tokens a row", Value: 256},
			&cli.IntFlag{Name: "steps", Usage: "with --train: time `N` steps", Value: 5},
			headFlag(), exactLogitsFlag(), weightsFlag(), cacheFlag(infer.CacheF16, infer.CacheInt8, infer.CacheF32),
			threadsFlag(), jsonFlag("print one JSON object"),
			&cli.BoolFlag{Name: "markdown", Usage: "print a Markdown table"},
		},
		Action: benchAction,
	}
}

// benchReport is what bench prints.
type benchReport struct {
	Model      string       `json:"model,omitempty"`
	Threads    int          `json:"threads"`
	Parameters int          `json:"parameters"`
	Engine     *engineBench `json:"engine,omitempty"`
	Train      *train.Speed `json:"train,omitempty"`
	Limits     limits       `json:"limits"`
	PeakRSS    int64        `json:"peak_rss_bytes"`
}

type speed struct {
	Tokens          int     `json:"tokens"`
	TokensPerSecond float64 `json:"tokens_per_second"` // median
	Slowest         float64 `json:"slowest"`
	Fastest         float64 `json:"fastest"`
}

type limits struct {
	MemoryGBPerS float64 `json:"memory_gb_per_s"`
	Int8GOPPerS  float64 `json:"int8_gop_per_s"`
	GFLOPPerS    float64 `json:"float32_gflop_per_s"`
}

func benchAction(c *cli.Context) error {
	if c.NArg() > 1 || c.NArg() == 1 && c.Bool("train") {
		return usagef("bench takes at most one model, and none with --train")
	}
	if err := applyProfile(c); err != nil {
		return err
	}
	parallel.SetThreads(c.Int("threads"))
	r := &benchReport{Threads: parallel.Threads()}
	measure := benchModel
	if c.Bool("train") {
		measure = benchTraining
	}
	if err := measure(c, r); err != nil {
		return err
	}
	r.PeakRSS = peakRSS()
	r.Limits = limits{memoryBandwidth() / 1e9, int8Ops() / 1e9, productFLOPs() / 1e9}
	if r.Engine != nil {
		r.Engine.compare(r.Limits)
	}
	switch {
	case c.Bool("json"):
		return printJSON(c.App.Writer, r)
	case c.Bool("markdown"):
		r.markdown(newConsole(c))
	default:
		r.print(newConsole(c))
	}
	return nil
}

func benchTraining(c *cli.Context, r *benchReport) error {
	config, err := configs.Load(c.String("config"))
	if err != nil {
		return usagef("--config: %v", err)
	}
	config.VocabSize = 1024
	for _, s := range c.StringSlice("set") {
		if err := config.Set(s); err != nil {
			return usagef("--set: %v", err)
		}
	}
	config.BatchSize, config.SequenceLength = c.Int("batch"), c.Int("length")
	resolveShape(&config.Config, config.SequenceLength)
	if err := config.Config.Validate(); err != nil {
		return err
	}
	s, err := train.Bench(config.Config, config.Options, max(1, c.Int("steps")), c.Int("threads"))
	r.Model, r.Parameters, r.Train = config.Description, s.Parameters, &s
	return err
}

// resolveShape lets derived sizes follow what was set.
func resolveShape(c *model.Config, length int) {
	c.HeadDim = 0
	if c.NumAttentionHeads > 0 && c.NumAttentionHeads%max(c.NumKeyValueHeads, 1) != 0 {
		c.NumKeyValueHeads = c.NumAttentionHeads
	}
	c.MaxPositionEmbeddings = max(c.MaxPositionEmbeddings, length)
	c.Resolve()
}

func newSpeed(tokens int, values []float64) *speed {
	slices.Sort(values)
	return &speed{tokens, values[len(values)/2], values[0], values[len(values)-1]}
}

// lines are the name, value and remark of each result.
func (r *benchReport) lines() [][3]string {
	var list [][3]string
	add := func(name, value, remark string, args ...any) {
		list = append(list, [3]string{name, value, fmt.Sprintf(remark, args...)})
	}
	if e := r.Engine; e != nil {
		list = append(list, e.lines()...)
	}
	if r.Train != nil {
		add("train", fmt.Sprintf("%.1f tokens/s", r.Train.TokensPerSecond), "%.3f s a step, Gorgonia's own share %.2f %%", r.Train.StepSeconds, 100*r.Train.GorgoniaShare)
	}
	add("peak memory", fmt.Sprintf("%.0f MB", float64(r.PeakRSS)/1e6), "")
	add("limits", fmt.Sprintf("%.1f GB/s", r.Limits.MemoryGBPerS), "read from memory; int8 x ternary %.1f GOP/s, float32 %.1f GFLOP/s, all measured now", r.Limits.Int8GOPPerS, r.Limits.GFLOPPerS)
	return list
}

func (r *benchReport) title() string {
	return fmt.Sprintf("%s, %.1fM parameters, %d threads", r.Model, float64(r.Parameters)/1e6, r.Threads)
}

func (r *benchReport) print(con *console) {
	con.printf("%s\n", r.title())
	for _, l := range r.lines() {
		con.printf("%-14s %18s  %s\n", l[0], l[1], l[2])
	}
}

func (r *benchReport) markdown(con *console) {
	con.printf("%s\n\n| | | |\n|---|--:|---|\n", r.title())
	for _, l := range r.lines() {
		con.printf("| %s | %s | %s |\n", l[0], l[1], l[2])
	}
}

// peakRSS is the most memory this process has had, in bytes; 0 where the system does
// not tell.
func peakRSS() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kb, err := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
			if err == nil {
				return kb * 1024
			}
		}
	}
	return 0
}

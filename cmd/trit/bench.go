package main

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"time"

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
		Description: examples("trit bench model.gguf", "trit bench --shape 125m --prompt 256 --generate 64", "trit bench --train --set hidden_size=256 --batch 8 --length 256 --steps 5 --json"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "shape", Usage: "random weights in this `SHAPE`, a preset's name: 125m, 700m, 2b-4t (or 2b4t), 3b ...", Value: "trit-10m"},
			&cli.IntFlag{Name: "prompt", Usage: "read `N` tokens", Value: 128},
			&cli.IntFlag{Name: "generate", Usage: "generate `N` tokens", Value: 32},
			&cli.IntFlag{Name: "repeat", Usage: "measure `N` times and take the median", Value: 3},
			&cli.BoolFlag{Name: "train", Usage: "measure training steps"},
			&cli.StringSliceFlag{Name: "set", Usage: "with --train: change one `KEY=VALUE` of the configuration"},
			&cli.StringFlag{Name: "config", Usage: "with --train: begin with this `PRESET`", Value: "trit-1m"},
			&cli.IntFlag{Name: "batch", Usage: "with --train: `B` rows", Value: 8},
			&cli.IntFlag{Name: "length", Usage: "with --train: `T` tokens a row", Value: 256},
			&cli.IntFlag{Name: "steps", Usage: "with --train: time `N` steps", Value: 5},
			headFlag(), weightsFlag(),
			threadsFlag(), jsonFlag("print one JSON object"),
		},
		Action: benchAction,
	}
}

// benchReport is what bench prints.
type benchReport struct {
	Model       string       `json:"model,omitempty"`
	Threads     int          `json:"threads"`
	Parameters  int          `json:"parameters"`
	Prefill     *speed       `json:"prefill,omitempty"`
	Decode      *speed       `json:"decode,omitempty"`
	Train       *train.Speed `json:"train,omitempty"`
	Limits      limits       `json:"limits"`
	PeakRSS     int64        `json:"peak_rss_bytes"`
	LoadSeconds float64      `json:"load_seconds,omitempty"`
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
	if c.Bool("json") {
		return printJSON(c, r)
	}
	r.print(newConsole(c))
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
	s, err := train.Bench(config.Config, config.Options, max(1, c.Int("steps")))
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

func benchModel(c *cli.Context, r *benchReport) error {
	start := time.Now()
	m, err := benchedModel(c, r)
	if err != nil {
		return err
	}
	defer m.Close()
	r.LoadSeconds = time.Since(start).Seconds()
	config := m.Config()
	r.Parameters = config.Parameters()
	prompt, generate := max(1, c.Int("prompt")), max(1, c.Int("generate"))
	s, err := m.NewSession(prompt + generate)
	if err != nil {
		return err
	}
	var prefill, decode []float64
	for range max(1, c.Int("repeat")) {
		p, d, err := benchOnce(s, m.Config().VocabSize, prompt, generate)
		if err != nil {
			return err
		}
		prefill, decode = append(prefill, p), append(decode, d)
	}
	r.Prefill, r.Decode = newSpeed(prompt, prefill), newSpeed(generate, decode)
	return nil
}

func benchedModel(c *cli.Context, r *benchReport) (*infer.Model, error) {
	if c.NArg() == 1 {
		r.Model = c.Args().First()
		return infer.Load(r.Model, engineOptions(c))
	}
	name := c.String("shape")
	if name == "2b4t" {
		name = "2b-4t"
	}
	if !slices.Contains(configs.Names(), name) {
		return nil, usagef("there is no shape %q: want one of %v", name, configs.Names())
	}
	config, err := configs.Load(name)
	if err != nil {
		return nil, err
	}
	if config.VocabSize == 0 {
		config.VocabSize = 4096
	}
	config.Config.Resolve()
	r.Model = name + ", random weights"
	return infer.Random(config.Config, 1, engineOptions(c))
}

// benchOnce reads a prompt and generates, and returns the speeds of both.
func benchOnce(s *infer.Session, vocab, prompt, generate int) (prefill, decode float64, err error) {
	s.Truncate(0)
	ids, greedy := make([]int32, prompt), infer.NewSampler(infer.SamplerOptions{})
	for i := range ids {
		ids[i] = int32(i * 7 % vocab)
	}
	start := time.Now()
	if _, err := s.Step(ids, greedy); err != nil {
		return 0, 0, err
	}
	prefill = float64(prompt) / time.Since(start).Seconds()
	start = time.Now()
	for i := range generate {
		if _, err := s.Step([]int32{int32(i * 13 % vocab)}, greedy); err != nil {
			return 0, 0, err
		}
	}
	return prefill, float64(generate) / time.Since(start).Seconds(), nil
}

func newSpeed(tokens int, values []float64) *speed {
	slices.Sort(values)
	return &speed{tokens, values[len(values)/2], values[0], values[len(values)-1]}
}

func (r *benchReport) print(con *console) {
	con.printf("%s, %.1fM parameters, %d threads\n", r.Model, float64(r.Parameters)/1e6, r.Threads)
	for _, p := range []struct {
		name string
		*speed
	}{{"prefill", r.Prefill}, {"decode", r.Decode}} {
		if p.speed != nil {
			con.printf("%-8s %5d tokens  %8.1f tokens/s  (%.1f to %.1f)\n", p.name, p.Tokens, p.TokensPerSecond, p.Slowest, p.Fastest)
		}
	}
	if r.Train != nil {
		con.printf("train    %8.1f tokens/s, %.3f s a step, Gorgonia's own share %.2f %%\n", r.Train.TokensPerSecond, r.Train.StepSeconds, 100*r.Train.GorgoniaShare)
	}
	con.printf("limits   memory %.1f GB/s, int8 x ternary %.1f GOP/s, float32 %.1f GFLOP/s (measured now)\n", r.Limits.MemoryGBPerS, r.Limits.Int8GOPPerS, r.Limits.GFLOPPerS)
	con.printf("memory   %.0f MB at most", float64(r.PeakRSS)/1e6)
	if r.LoadSeconds > 0 {
		con.printf(", loaded in %.2f s", r.LoadSeconds)
	}
	con.printf("\n")
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

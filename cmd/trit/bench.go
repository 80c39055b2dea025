package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/configs"
	"trit/format/gguf"
	"trit/infer"
	"trit/internal/machine"
	"trit/internal/nearest"
	"trit/internal/parallel"
	"trit/model"
	"trit/repro"
	"trit/train"
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name: "bench", Usage: "measure the speed of a model, of a shape with random weights, or of training",
		ArgsUsage: "[" + models.ArgsUsage + "]",
		Description: cmdline.Examples("trit bench model.gguf", "trit bench --shape 125m --prompt 256 --generate 64",
			"trit bench --shape 2b4t --sessions 8 --markdown", "trit bench --shape 3b --profile edge",
			"trit bench --shape bonsai-8b --type q1_0",
			"trit bench --train --set hidden_size=256 --batch 8 --length 256 --steps 5 --json"),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "shape", Usage: "random weights in this `SHAPE`, a preset's name: 125m, 700m, 2b-4t (or 2b4t), 3b, 8b, 70b, or bonsai-1.7b, bonsai-4b, bonsai-8b, or the hybrids bonsai-2-2b, bonsai-2-4b, bonsai-2-9b", Value: "trit-10m"},
			&cli.StringFlag{Name: "type", Usage: "with --shape: weights of a `TYPE` with a scale a group, embedding and head too: q2_0, q1_0, pq2_0, ptq1_0 (default: ternary under one scale, and q2_0 for a shape of Bonsai)"},
			&cli.IntFlag{Name: "prompt", Usage: "read `N` tokens", Value: 128},
			&cli.IntFlag{Name: "generate", Usage: "generate `N` tokens", Value: 32},
			&cli.IntFlag{Name: "sessions", Usage: "generate in `N` sessions together", Value: 1},
			models.ProfileFlag("take threads, sessions and memory limit of a `KIND` of machine (%s) unless other flags set them, and say whether the model fits"),
			&cli.IntFlag{Name: "repeat", Usage: "measure `N` times and take the median", Value: 3},
			&cli.BoolFlag{Name: "train", Usage: "measure training steps"},
			&cli.StringSliceFlag{Name: "set", Usage: "with --train: change one `KEY=VALUE` of the configuration"},
			&cli.StringFlag{Name: "config", Usage: "with --train: begin with this `PRESET`", Value: "trit-1m-adamw"},
			&cli.IntFlag{Name: "batch", Usage: "with --train: `B` rows", Value: 8},
			&cli.IntFlag{Name: "length", Usage: "with --train: `T` tokens a row", Value: 256},
			&cli.IntFlag{Name: "steps", Usage: "with --train: time `N` steps", Value: 5},
			models.HeadFlag(), models.ExactLogitsFlag(), models.WeightsFlag(), models.ActivationsFlag(), models.CacheFlag(infer.CacheF16, infer.CacheInt8, infer.CacheF32),
			cmdline.ThreadsFlag(), cmdline.JSONFlag("print one JSON object"),
			&cli.BoolFlag{Name: "markdown", Usage: "print a Markdown table"},
		}, models.HubFlags()...),
		Action: benchAction,
	}
}

// checkFits refuses a model that needs more bytes of memory than the profile has.
func checkFits(c *cli.Context, need int) error {
	if p, ok := models.ChosenProfile(c); ok && need > p.Memory {
		return fmt.Errorf("profile %s: the model needs %.1f GB or more with its cache, the limit is %.1f GB: "+
			"take a smaller shape, fewer tokens or fewer sessions",
			c.String("profile"), float64(need)/1e9, float64(p.Memory)/1e9)
	}
	return nil
}

// benchReport is the result of bench.
type benchReport struct {
	Model      string       `json:"model,omitempty"`
	Threads    int          `json:"threads"`
	Parameters int          `json:"parameters"`
	Engine     *engineBench `json:"engine,omitempty"`
	Train      *train.Speed `json:"train,omitempty"`
	Limits     limits       `json:"limits"`
	PeakRSS    int64        `json:"peak_rss_bytes"`
}

// engineBench is how fast a model runs, and whether it fits.
type engineBench struct {
	LoadSeconds float64 `json:"load_seconds"`
	*repro.EngineSpeed
	LimitBytes int `json:"memory_limit_bytes,omitempty"`
}

// limits are the rates that the machine can reach: the best that was seen, by a test of its own or
// by the engine.
type limits struct {
	MemoryGBPerS float64 `json:"memory_gb_per_s"`
	Int8GOPPerS  float64 `json:"int8_gop_per_s"`
	GFLOPPerS    float64 `json:"float32_gflop_per_s"`
}

func benchAction(c *cli.Context) error {
	if c.NArg() > 1 || c.NArg() == 1 && c.Bool("train") {
		return cmdline.Usagef("bench takes at most one model, and none with --train")
	}
	if c.NArg() == 1 && c.IsSet("shape") {
		return cmdline.Usagef("--shape has no effect beside a model: give one of them")
	}
	if c.IsSet("type") && (c.NArg() == 1 || c.Bool("train")) {
		return cmdline.Usagef("--type is for --shape: a model has the types of its file")
	}
	if p, ok := models.ChosenProfile(c); ok {
		if err := models.SetUnset(c, map[string]int{"threads": p.Threads, "sessions": p.Sessions}); err != nil {
			return err
		}
	}
	pool := parallel.New(c.Int("threads"))
	r := &benchReport{Threads: pool.Threads()}
	measure := benchModel
	if c.Bool("train") {
		measure = benchTraining
	}
	if err := measure(c, r); err != nil {
		return err
	}
	r.PeakRSS = machine.PeakMemory()
	r.compare(machine.With(pool))
	switch {
	case c.Bool("json"):
		return cmdline.PrintJSON(c.App.Writer, r)
	case c.Bool("markdown"):
		r.markdown(cmdline.NewConsole(c))
	default:
		r.print(cmdline.NewConsole(c))
	}
	return nil
}

// compare measures the limits of the machine and sets the speeds of the engine in relation to
// them.
func (r *benchReport) compare(m *machine.Machine) {
	memory, int8 := m.MemoryBandwidth(), m.Int8OPS()
	if r.Engine != nil {
		int8, memory = r.Engine.SetLimits(int8, memory)
	}
	r.Limits = limits{memory / 1e9, int8 / 1e9, m.Float32FLOPS() / 1e9}
}

func benchTraining(c *cli.Context, r *benchReport) error {
	config, err := configs.Load(c.String("config"))
	if err != nil {
		return cmdline.Usagef("--config: %v", err)
	}
	config.VocabSize = 1024
	for _, s := range c.StringSlice("set") {
		if err := config.Set(s); err != nil {
			return cmdline.Usagef("--set: %v", err)
		}
	}
	config.BatchSize, config.SequenceLength = c.Int("batch"), c.Int("length")
	resolveShape(&config.Config, config.SequenceLength)
	if err := config.Config.Validate(); err != nil {
		return err
	}
	s, err := train.Bench(config.Config, config.Options, max(1, c.Int("steps")), c.Int("threads"))
	r.Model, r.Parameters, r.Train = trainedShape(c), s.Parameters, &s
	return err
}

// trainedShape names what is trained: the preset and what was set in it.
func trainedShape(c *cli.Context) string {
	name := c.String("config")
	if set := c.StringSlice("set"); len(set) > 0 {
		name += " with " + strings.Join(set, ", ")
	}
	return name
}

// resolveShape computes the sizes that follow from other sizes again, after these were set.
func resolveShape(c *model.Config, length int) {
	c.HeadDim = 0
	if c.NumAttentionHeads > 0 && c.NumAttentionHeads%max(c.NumKeyValueHeads, 1) != 0 {
		c.NumKeyValueHeads = c.NumAttentionHeads
	}
	c.MaxPositionEmbeddings = max(c.MaxPositionEmbeddings, length)
	c.Resolve()
}

func benchModel(c *cli.Context, r *benchReport) error {
	m, took, err := benchedModel(c, r)
	if err != nil {
		return err
	}
	defer m.Close()
	config := m.Config()
	r.Engine, r.Parameters = &engineBench{LoadSeconds: took.Seconds()}, config.Parameters()
	o := repro.EngineOptions{
		Prompt: max(1, c.Int("prompt")), Tokens: max(1, c.Int("generate")),
		Sessions: max(1, c.Int("sessions")), Repeat: max(1, c.Int("repeat")),
	}
	profile, _ := models.ChosenProfile(c)
	r.Engine.LimitBytes = profile.Memory
	memory := m.Memory()
	if err := checkFits(c, memory.Weights+memory.Head+o.CacheBytes(memory)); err != nil {
		return err
	}
	r.Engine.EngineSpeed, err = repro.MeasureEngine(m, o)
	return err
}

// benchedModel loads the model of the command line, or makes one with random weights. It returns
// the time that this took, without the conversion of a folder.
func benchedModel(c *cli.Context, r *benchReport) (m *infer.Model, took time.Duration, err error) {
	load := func() (*infer.Model, error) { return randomModel(c, r) }
	if c.NArg() == 1 {
		r.Model = c.Args().First()
		file, remove, err := models.File(c, r.Model)
		if err != nil {
			return nil, 0, err
		}
		defer remove() // a mapped file lives on without its name
		load = func() (*infer.Model, error) { return infer.Load(file, models.EngineOptions(c)) }
	}
	start := time.Now()
	if m, err = load(); err == nil {
		machine.BoundGarbage()
		cmdline.NewConsole(c).Warnings(m.Warnings())
	}
	return m, time.Since(start), err
}

// randomModel makes a model of the shape that the flags name.
func randomModel(c *cli.Context, r *benchReport) (*infer.Model, error) {
	name := c.String("shape")
	config, published, err := shapeOf(name)
	if err != nil {
		return nil, err
	}
	config.VocabSize = cmp.Or(config.VocabSize, 4096)
	config.Resolve()
	typ := c.String("type")
	if typ == "" && published {
		typ = "q2_0"
	}
	r.Model = name + ", random weights"
	if typ == "" {
		if err := checkFits(c, leastMemory(&config)); err != nil {
			return nil, err
		}
		return infer.Random(config, 1, models.EngineOptions(c))
	}
	t, err := gguf.ParseType(typ)
	if err != nil || !t.IsGrouped() {
		return nil, cmdline.Usagef("--type is %q: want q2_0, q1_0, pq2_0 or ptq1_0", typ)
	}
	if err := checkFits(c, config.Parameters()*t.RowBytes(t.Block())/t.Block()); err != nil {
		return nil, err
	}
	r.Model = fmt.Sprintf("%s, random weights in %s", name, strings.ToLower(t.String()))
	return infer.RandomGrouped(config, t, 1, models.EngineOptions(c))
}

// shapeOf finds a shape, and says whether it is of a published model.
func shapeOf(name string) (c model.Config, published bool, err error) {
	if name == "2b4t" {
		name = "2b-4t"
	}
	if c, ok := configs.Shape(name); ok {
		return c, true, nil
	}
	if all := configs.Models(); !slices.Contains(all, name) {
		all = append(all, configs.Shapes()...)
		return c, false, cmdline.Usagef("there is no shape %q%s", name, nearest.OneOf(name, all, nil))
	}
	preset, err := configs.Load(name)
	return preset.Config, false, err
}

// leastMemory returns the least number of bytes that a shape needs: 1.6 bits for a ternary weight
// and F16 for all others. With it, a model that cannot fit is refused before it is made.
func leastMemory(c *model.Config) int {
	ternary := c.TernaryParameters()
	return ternary/5 + 2*(c.Parameters()-ternary)
}

// lines are the name, value and remark of each result.
func (r *benchReport) lines() [][3]string {
	f := fmt.Sprintf
	var list [][3]string
	if r.Engine != nil {
		list = r.Engine.lines()
	}
	if t := r.Train; t != nil {
		list = append(list, [3]string{"train", f("%.1f tokens/s", t.TokensPerSecond),
			f("%.3f s a step, Gorgonia's own share %.2f %%", t.StepSeconds, 100*t.GorgoniaShare)})
	}
	return append(list,
		[3]string{"peak memory", f("%.0f MB", float64(r.PeakRSS)/1e6), ""},
		[3]string{"limits", f("%.1f GB/s", r.Limits.MemoryGBPerS),
			f("read from memory; int8 x ternary %.1f GOP/s, float32 %.1f GFLOP/s, all measured now, the best of a test and of this run", r.Limits.Int8GOPPerS,
				r.Limits.GFLOPPerS)})
}

func (e *engineBench) lines() [][3]string {
	f := fmt.Sprintf
	rate := func(s repro.Rate) string { return f("%.1f tokens/s", s.TokensPerSecond) }
	mb := func(bytes int) string { return f("%.0f MB", float64(bytes)/1e6) }
	list := [][3]string{
		{"prefill", rate(e.Prefill), f("%d tokens, %.1f to %.1f; %.0f %% of the int8 product", e.Prefill.Tokens, e.Prefill.Slowest, e.Prefill.Fastest, 100*e.PrefillFraction)},
		{"decode", rate(e.Decode), f("%d tokens in %d sessions, %.1f to %.1f; %.0f %% of the memory bandwidth", e.Decode.Tokens, e.Sessions, e.Decode.Slowest, e.Decode.Fastest, 100*e.DecodeFraction)},
		{"first token", f("%.0f ms", e.FirstTokenMillis), ""},
		{"load", f("%.2f s", e.LoadSeconds), ""},
		{"weights", mb(e.Memory.Weights), f("%s; head and embedding %s, cache %s", e.Memory.Format, mb(e.Memory.Head), mb(e.CacheBytes))},
		{"energy", f("%.3g J/token", e.Energy.Joules), e.Energy.How},
	}
	if e.LimitBytes > 0 {
		need := e.Memory.Weights + e.Memory.Head + e.CacheBytes
		list = append(list, [3]string{"fits", f("%.1f GB", float64(need)/1e9), f("of %.1f GB", float64(e.LimitBytes)/1e9)})
	}
	return list
}

func (r *benchReport) title() string {
	return fmt.Sprintf("%s, %.1fM parameters, %d threads", r.Model, float64(r.Parameters)/1e6, r.Threads)
}

func (r *benchReport) print(con *cmdline.Console) {
	con.Printf("%s\n", r.title())
	for _, l := range r.lines() {
		con.Printf("%-14s %18s  %s\n", l[0], l[1], l[2])
	}
}

func (r *benchReport) markdown(con *cmdline.Console) {
	con.Printf("%s\n\n| | | |\n|---|--:|---|\n", r.title())
	for _, l := range r.lines() {
		con.Printf("| %s | %s | %s |\n", l[0], l[1], l[2])
	}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"trit/configs"
	"trit/convert"
	"trit/data"
	"trit/data/world"
	"trit/eval"
	"trit/infer"
	"trit/internal/atomicfile"
	"trit/internal/parallel"
	"trit/lm"
	"trit/train"
)

func quickstartCommand() *cli.Command {
	return &cli.Command{
		Name: "quickstart", Usage: "train, pack, run and measure a small model on a world that is made up on the spot",
		Description: examples("trit quickstart", "trit quickstart --out trial --max-time 1m --json report.json"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "work in the new folder `DIR`", Value: "quickstart"},
			&cli.StringFlag{Name: "json", Usage: "write the report to `FILE` too"},
			&cli.DurationFlag{Name: "max-time", Usage: "train for `TIME`", Value: 170 * time.Second},
			&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of the world and of the weights", Value: 1},
			threadsFlag(),
		},
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			parallel.SetThreads(c.Int("threads"))
			q := &quickstart{con: newConsole(c), dir: c.String("out"), seed: c.Uint64("seed"), maxTime: c.Duration("max-time"), threads: c.Int("threads")}
			if err := mustBeFree(q.dir); err != nil {
				return err
			}
			return q.run(c.Context, c.String("json"))
		},
	}
}

// quickstart walks the whole way, step by step, as a user would by hand.
type quickstart struct {
	con     *console
	dir     string
	seed    uint64
	maxTime time.Duration
	threads int
	report  quickstartReport
}

// quickstartReport is what came out.
type quickstartReport struct {
	Parameters       int                `json:"parameters"`
	Steps            int                `json:"steps"`
	Tokens           int64              `json:"tokens"`
	TrainSeconds     float64            `json:"train_seconds"`
	TokensPerSecond  float64            `json:"train_tokens_per_second"`
	Graph            modelScores        `json:"graph"`
	Packed           modelScores        `json:"packed"`
	CheckpointBytes  int64              `json:"checkpoint_bytes"`
	PackedBytes      int64              `json:"packed_bytes"`
	PrefillPerSecond float64            `json:"prefill_tokens_per_second"`
	DecodePerSecond  float64            `json:"decode_tokens_per_second"`
	Prompt           string             `json:"prompt"`
	Sample           string             `json:"sample"`
	Chance           map[string]float64 `json:"chance"`
	Seconds          float64            `json:"seconds"`
	events           []train.Event
}

// modelScores are the measurements of one form of the model.
type modelScores struct {
	Loss        float64 `json:"loss"`
	BitsPerByte float64 `json:"bits_per_byte"`
	YesNo       float64 `json:"yes_no"`
	FourWay     float64 `json:"four_way"`
}

func (q *quickstart) path(name string) string { return filepath.Join(q.dir, name) }

// say shows the command that a user would type for what comes next.
func (q *quickstart) say(command string, args ...any) {
	q.con.printf("\n$ trit "+command+"\n", args...)
}

func (q *quickstart) run(ctx context.Context, jsonPath string) error {
	start := time.Now()
	for _, step := range []func(context.Context) error{q.makeWorld, q.tokenizer, q.prepare, q.train, q.convert, q.sample, q.measure} {
		if err := step(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("stopped; what was made so far is in %s", q.dir)
		}
	}
	q.report.Seconds = time.Since(start).Seconds()
	q.con.printf("\n")
	if err := q.report.table().WriteText(q.con.out); err != nil {
		return err
	}
	return q.write(jsonPath)
}

func (q *quickstart) makeWorld(context.Context) error {
	if err := os.MkdirAll(q.dir, 0o755); err != nil {
		return err
	}
	o := world.Default()
	o.Seed = q.seed
	w := world.Generate(o)
	q.con.printf("A small world in simple English: %d documents in %s,\nand %d yes/no and %d four-way questions about it, none of which they ask in these words.\n",
		len(w.Texts), q.path(world.TextFile), len(w.YesNo), len(w.FourWay))
	return w.Write(q.dir)
}

func (q *quickstart) tokenizer(ctx context.Context) error {
	q.say("tokenizer train --data %s --column text --vocab-size 768 --out %s", q.path(world.TextFile), q.path("tokenizer"))
	return trainTokenizer(ctx, q.con, []string{q.path(world.TextFile)}, "text", 768, q.path("tokenizer"))
}

func (q *quickstart) prepare(ctx context.Context) error {
	q.say("data prepare --data %s --column text --tokenizer %s --holdout 0.03 --out %s", q.path(world.TextFile), q.path("tokenizer"), q.path("data"))
	return prepareData(ctx, q.con, q.path("tokenizer"), data.PrepareOptions{
		Files: []string{q.path(world.TextFile)}, Column: "text", Holdout: 0.03, Seed: 1, Out: q.path("data"),
	})
}

func (q *quickstart) train(ctx context.Context) error {
	q.say("train --config trit-1m --data %s --out %s --max-time %s --seed %d", q.path("data"), q.path("run"), q.maxTime, q.seed)
	c, err := configs.Load("trit-1m")
	if err != nil {
		return err
	}
	c.MaxSteps, c.Seed, c.LogInterval = 0, q.seed, 100
	start := time.Now()
	result, err := train.Train(ctx, train.Run{Model: c.Config, Options: c.Options, DataDir: q.path("data"), OutDir: q.path("run"), MaxTime: q.maxTime,
		OnEvent: func(e train.Event) {
			showEvent(q.con, e)
			q.report.events = append(q.report.events, e)
		}})
	if err != nil {
		return err
	}
	q.report.Steps, q.report.Tokens, q.report.TrainSeconds = result.Step, result.Tokens, time.Since(start).Seconds()
	q.report.TokensPerSecond = float64(result.Tokens) / q.report.TrainSeconds
	return nil
}

func (q *quickstart) convert(ctx context.Context) error {
	q.say("convert %s %s", q.path("run"), q.path("model.gguf"))
	if err := convertModel(ctx, q.con, q.path("run"), q.path("model.gguf"), convert.Options{}); err != nil {
		return err
	}
	info, err := os.Stat(q.path("model.gguf"))
	if err != nil {
		return err
	}
	q.report.PackedBytes = info.Size()
	view, err := convert.Inspect(q.path("run"), convert.InspectOptions{HeadersOnly: true})
	if err != nil {
		return err
	}
	q.report.CheckpointBytes = int64(view.Bytes)
	return nil
}

func (q *quickstart) sample(ctx context.Context) error {
	q.report.Prompt = "One day Anna walked to"
	q.say("run %s -p %q -n 60 --temperature 0.7", q.path("model.gguf"), q.report.Prompt)
	m, tok, err := openGGUF(q.path("model.gguf"), infer.Options{Threads: q.threads})
	if err != nil {
		return err
	}
	defer m.Close()
	config := m.Config()
	q.report.Parameters = config.Parameters()
	g, err := m.NewGenerator(tok, m.ContextLength())
	if err != nil {
		return err
	}
	r, err := g.Generate(ctx, lm.GenerateRequest{
		Prompt: tok.Encode(q.report.Prompt, true), MaxTokens: 60, StopIDs: tok.EOSIDs(),
		Sampling: lm.Sampling{Temperature: 0.7, Seed: q.seed},
	}, nil)
	if err != nil {
		return err
	}
	q.report.Sample = q.report.Prompt + r.Text
	q.con.printf("%s\n", q.report.Sample)
	s, err := m.NewSession(m.ContextLength())
	if err != nil {
		return err
	}
	const prompt = 256
	first, decode, err := benchOnce([]*infer.Session{s}, config.VocabSize, prompt, 64, newEnergyMeter())
	q.report.PrefillPerSecond, q.report.DecodePerSecond = prompt/first, decode
	return err
}

// measure scores the graph and the packed model by the same code.
func (q *quickstart) measure(ctx context.Context) error {
	q.report.Chance = map[string]float64{"yes_no": 0.5, "four_way": 0.25}
	for _, m := range []struct {
		path   string
		scores *modelScores
	}{{q.path("run"), &q.report.Graph}, {q.path("model.gguf"), &q.report.Packed}} {
		tasks := []string{eval.BitsPerByte, q.path(world.YesNoTask), q.path(world.FourWayTask)}
		q.say("eval %s --tasks %s --data-dir %s", m.path, strings.Join(tasks, ","), q.path("data"))
		s, err := openScorer(m.path, infer.Options{Threads: q.threads, Cache: infer.CacheF32})
		if err != nil {
			return err
		}
		report, err := s.evaluate(ctx, q.con, eval.Options{Tasks: tasks, DataDir: q.path("data"), NumFewshot: -1})
		s.close()
		if err != nil {
			return err
		}
		if err := report.WriteText(q.con.out); err != nil {
			return err
		}
		*m.scores = modelScores{
			report.Results[eval.BitsPerByte]["loss,none"], report.Results[eval.BitsPerByte]["bits_per_byte,none"],
			report.Results["yes_no"]["acc,none"], report.Results["four_way"]["acc,none"],
		}
	}
	return nil
}

// write leaves the report as HTML, and as JSON where asked.
func (q *quickstart) write(jsonPath string) error {
	html := q.path("report.html")
	if err := atomicfile.Write(html, q.report.page().Write); err != nil {
		return err
	}
	q.con.printf("\nreport: %s\n", html)
	if jsonPath == "" {
		return nil
	}
	b, err := json.MarshalIndent(&q.report, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(jsonPath, append(b, '\n'))
}

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/texts"
	"trit/data"
	"trit/data/world"
	"trit/eval"
	"trit/internal/atomicfile"
	"trit/repro"
	"trit/train"
)

func quickstartCommand() *cli.Command {
	return &cli.Command{
		Name: "quickstart", Usage: "train, pack, run and measure a small model on a made-up world, in three minutes",
		Description: cmdline.Examples("trit quickstart", "trit quickstart --out trial --max-time 1m --json report.json"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "work in the new folder `DIR`", Value: "quickstart"},
			&cli.StringFlag{Name: "json", Usage: "write the report to `FILE` too"},
			cmdline.ForceFlag("the FILE of --json"),
			cmdline.TimeFlag("max-time", "train for `TIME`", 170*time.Second),
			&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of the world and of the weights", Value: 1},
			&cli.BoolFlag{Name: "tune", Usage: "then tune the model: other facts in conversations (sft, lora), and a style by pairs of answers (dpo), in two minutes more"},
			cmdline.ThreadsFlag(),
		},
		Action: quickstartAction,
	}
}

func quickstartAction(c *cli.Context) error {
	if _, err := cmdline.Arguments(c); err != nil {
		return err
	}
	if err := cmdline.MayWrite(c, c.String("json")); err != nil {
		return err
	}
	con := cmdline.NewConsole(c)
	steps := &stepPrinter{con: con, meter: con.Meter()}
	o := repro.QuickstartOptions{
		Dir: c.String("out"), Seed: c.Uint64("seed"), MaxTime: c.Duration("max-time"), Threads: c.Int("threads"),
		Begin: steps.begin, Done: steps.done, Progress: steps.progress, Scored: steps.scored,
		Event: func(e train.Event) { showEvent(con, e) },
	}
	if c.Bool("tune") {
		o.Tune = repro.DefaultTuning()
	}
	report, err := repro.Quickstart(c.Context, o)
	steps.meter.End()
	if err != nil {
		return err
	}
	con.Printf("\n")
	if err := report.WriteText(con.Out); err != nil {
		return err
	}
	con.Printf("\nreport: %s\n", report.Page)
	con.Printf("next:   trit serve %s, then http://127.0.0.1:8080 in a browser: begin a text there, such as %q\n",
		c.String("out"), report.Prompt)
	if path := c.String("json"); path != "" {
		b, err := report.JSON()
		if err != nil {
			return err
		}
		return atomicfile.WriteBytes(path, b)
	}
	return nil
}

// stepPrinter prints each step of the quickstart like a command that a user types, and its output.
type stepPrinter struct {
	con   *cmdline.Console
	meter *cmdline.Meter
}

func (p *stepPrinter) begin(s repro.Step) {
	if words := commandLine(s); words != "" {
		p.con.Printf("\n$ %s\n", words)
	}
}

// commandLine is the command that does a step by hand; "" if there is no such command.
func commandLine(s repro.Step) string {
	switch s := s.(type) {
	case *repro.TrainTokenizer:
		return fmt.Sprintf("trit tokenizer train --data %s --column %s --vocab-size %d --out %s", s.Data, s.Column,
			s.VocabSize, s.Out)
	case *repro.PrepareData:
		return fmt.Sprintf("trit data prepare --data %s --column %s --tokenizer %s --holdout %g --out %s", s.Data, s.Column,
			s.Tokenizer, s.Holdout, s.Out)
	case *repro.TrainModel:
		return fmt.Sprintf("trit train --config %s --data %s --out %s --max-time %s --seed %d", s.Preset, s.Data, s.Out,
			s.MaxTime, s.Seed)
	case *repro.ConvertModel:
		return fmt.Sprintf("trit convert %s %s", s.In, s.Out)
	case *repro.Generate:
		return fmt.Sprintf("trit run %s -p %q -n %d --temperature %g --top-p 1 --seed %d", s.Model, s.Prompt,
			s.MaxTokens, s.Temperature, s.Seed)
	case *repro.PrepareTalks:
		kind := "--chat"
		if s.Kind == data.Preferences {
			kind = "--preferences"
		}
		return fmt.Sprintf("trit data prepare %s --data %s --tokenizer %s --chat-template %s --holdout 0 --out %s", kind,
			s.Data, s.Tokenizer, s.Template, s.Out)
	case *repro.Tune:
		return fmt.Sprintf("trit train --init %s --config %s --data %s --out %s --max-steps %d --seed %d --set %s", s.Init,
			s.Recipe.Preset, s.Data, s.Out, s.Recipe.Steps, s.Seed, strings.Join(s.Recipe.Set, " --set "))
	case *repro.Evaluate:
		return evalLine(s)
	}
	return ""
}

// evalLine is the command that measures a model.
func evalLine(s *repro.Evaluate) string {
	line := "trit eval " + s.Model
	if s.Adapter != "" {
		line += " --adapter " + s.Adapter
	}
	line += " --tasks " + strings.Join(s.Tasks, ",")
	if s.Data != "" {
		line += " --data-dir " + s.Data
	}
	return line
}

// done prints what the command of a step prints.
func (p *stepPrinter) done(s repro.Step) {
	p.meter.End()
	switch s := s.(type) {
	case *repro.MakeWorld:
		p.con.Printf("A small world in simple English: %d documents in %s,\n",
			len(s.World.Texts), filepath.Join(s.Out, world.TextFile))
		p.con.Printf("and %d yes/no and %d four-way questions about it, none of which they ask in these words.\n",
			len(s.World.YesNo), len(s.World.FourWay))
	case *repro.TrainTokenizer:
		showTokenizer(p.con, s.Tokens, s.Out)
	case *repro.PrepareData:
		texts.ShowManifest(p.con, s.Manifest)
	case *repro.MakeTalks:
		p.con.Printf("\nOther facts in the words of the world: %d questions with answers in %s,\n", len(s.Tuning.Talks),
			filepath.Join(s.Out, world.TalksFile))
		p.con.Printf("each fact is asked for once more in other words; and %d pairs of answers in two styles in %s.\n",
			len(s.Tuning.Pairs), filepath.Join(s.Out, world.PairsFile))
	case *repro.PrepareTalks:
		texts.ShowManifest(p.con, s.Manifest)
	case *repro.ConvertModel:
		showReport(p.con, s.Report)
	case *repro.Generate:
		p.con.Printf("%s%s\n", s.Prompt, s.Text)
	case *repro.Evaluate:
		s.Report.WriteText(p.con.Out)
	}
}

func (p *stepPrinter) progress(v repro.Progress) {
	note := v.Stage
	if v.Tokens > 0 {
		note = cmdline.Quantity(float64(v.Tokens)) + " tokens"
	}
	p.meter.Show(v.What, v.What, v.Done, v.Total, note)
}

func (p *stepPrinter) scored(v eval.Progress) {
	p.meter.Show(v.Task, "tokens", v.Tokens, v.Whole, progressNote(v))
}

package judging

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/eval"
	"trit/eval/mtbench"
	"trit/repro"
)

// Opener opens a model by its name on the command line, with name, arguments and fingerprint.
type Opener func(c *cli.Context, name string) (*repro.Model, error)

// Command is trit eval mt_bench. options reads the options of the flags, which it shares with trit eval.
func Command(open Opener, options func(c *cli.Context) eval.Options, flags ...cli.Flag) *cli.Command {
	return &cli.Command{
		Name: mtbench.Name, ArgsUsage: "MODEL|OWNER/NAME|URL...",
		Usage: "have another model rate answers to questions of two turns, as MT-bench does",
		Description: cmdline.Examples(
			"trit eval mt_bench model.gguf --judge URL --judge-model NAME --out results",
			"trit eval mt_bench model.gguf --judge URL --judge-model NAME --out results --data-dir llm_judge/data "+
				"--judge-prompts llm_judge/data/judge_prompts.jsonl", "",
			"The data folder may have mt_bench/question.jsonl and mt_bench/reference_answer/gpt-4.jsonl of FastChat; "+
				"without it the questions come from the Hub."),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "out", Required: true,
				Usage: "`DIR` of answers, judgments and results, with several models of folders inside it; " +
					"the same command goes on where it was stopped"},
			&cli.BoolFlag{Name: "markdown", Usage: "print the ratings as a Markdown table"},
			cmdline.JSONFlag("print the ratings as JSON"),
		}, Flags(), flags),
		Action: func(c *cli.Context) error { return measure(c, open, options(c)) },
	}
}

func measure(c *cli.Context, open Opener, o eval.Options) error {
	if c.NArg() == 0 {
		return cmdline.Usagef("MODEL is missing: trit eval mt_bench MODEL --judge URL --judge-model NAME --out DIR")
	}
	if c.Bool("json") && c.Bool("markdown") {
		return cmdline.Usagef("--json and --markdown are two forms of the results: give one of them")
	}
	j, err := Judge(c)
	if err != nil {
		return err
	}
	if j == nil {
		return cmdline.Usagef("another model rates the answers: name it with --judge URL --judge-model NAME")
	}
	con := cmdline.NewConsole(c)
	meter := con.Meter()
	defer meter.End()
	o.Progress = func(p eval.Progress) { meter.Show(p.Task, "answers", p.Tokens, p.Whole, "") }
	var reports []*mtbench.Report
	for i, name := range c.Args().Slice() {
		if o.Out = c.String("out"); c.NArg() > 1 {
			o.Out = filepath.Join(o.Out, fmt.Sprintf("%d-%s", i+1, filepath.Base(name)))
		}
		report, err := measureOne(c, open, name, o, *j)
		if err != nil {
			return cmdline.UsageIf(err, "mtbench.Judging")
		}
		reports = append(reports, report)
	}
	meter.End()
	return show(c, con, reports)
}

// measureOne opens a model and measures it.
func measureOne(c *cli.Context, open Opener, name string, o eval.Options, j mtbench.Judging) (*mtbench.Report, error) {
	m, err := open(c, name)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	return m.MTBench(c.Context, o, j)
}

// show prints the ratings of each model.
func show(c *cli.Context, con *cmdline.Console, reports []*mtbench.Report) error {
	if c.Bool("json") {
		if len(reports) == 1 {
			return cmdline.PrintJSON(con.Out, reports[0])
		}
		return cmdline.PrintJSON(con.Out, reports)
	}
	for _, r := range reports {
		if len(reports) > 1 {
			con.Printf("%s\n", r.Model)
		}
		if c.Bool("markdown") {
			con.Printf("%s\n", r.Table().Markdown())
		} else if err := r.Table().WriteText(con.Out); err != nil {
			return err
		}
		for _, line := range r.Remarks {
			con.Printf("%s\n", line)
		}
	}
	return nil
}

// Package comparing is trit divergence, and what trit eval says about results that are there: how they differ, how they
// spread, and reports of them.
package comparing

import (
	"path/filepath"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/eval"
	"trit/eval/paper"
	"trit/eval/seeds"
)

// Command is trit eval compare.
func Command() *cli.Command {
	return &cli.Command{
		Name: "compare", Usage: "show the differences of two evaluations, and whether they may be chance", ArgsUsage: "A B",
		Description: cmdline.Examples("trit eval compare results-a results-b"),
		Flags:       []cli.Flag{cmdline.JSONFlag("print JSON"), &cli.BoolFlag{Name: "markdown", Usage: "print a Markdown table"}},
		Action: func(c *cli.Context) error {
			args, err := cmdline.Arguments(c, "A", "B")
			if err != nil {
				return err
			}
			comparison, err := eval.Compare(args[0], args[1])
			if err != nil {
				return err
			}
			bySeed, err := compareSeeds(args[0], args[1])
			if err != nil {
				return err
			}
			if c.Bool("json") {
				return cmdline.PrintJSON(c.App.Writer, withSeeds{comparison, bySeed})
			}
			if err := Print(c, comparison); err != nil || len(bySeed) == 0 {
				return err
			}
			cmdline.NewConsole(c).Printf("\nthe means of several draws of few-shot examples, paired by seed\n")
			return PrintTable(c, seeds.CompareTable(bySeed))
		},
	}
}

// withSeeds is a comparison with that of the means of several seeds.
type withSeeds struct {
	*eval.Comparison
	Seeds []seeds.Difference `json:"by_seed,omitempty"`
}

func compareSeeds(a, b string) ([]seeds.Difference, error) {
	x, err := seeds.Read(a)
	if err != nil {
		return nil, err
	}
	y, err := seeds.Read(b)
	return seeds.Compare(x, y), err
}

// Print prints a comparison.
func Print(c *cli.Context, comparison *eval.Comparison) error {
	con := cmdline.NewConsole(c)
	con.Printf("A = %s\nB = %s\n", comparison.A, comparison.B)
	if err := PrintTable(c, comparison.Table()); err != nil {
		return err
	}
	for _, line := range comparison.Only {
		con.Printf("%s\n", line)
	}
	for _, line := range comparison.Warnings {
		con.Printf("not asked alike: %s\n", line)
	}
	return nil
}

// ReportCommand is trit eval report.
func ReportCommand() *cli.Command {
	return &cli.Command{
		Name: "report", Usage: "write results for a paper: an HTML page, Markdown and a LaTeX table", ArgsUsage: "RESULTS...",
		Description: cmdline.Examples("trit eval report results --out report",
			"trit eval report results-a results-b --out report"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "write report.html, report.md and report.tex to the folder `DIR`"},
			cmdline.ForceFlag("each of the three"),
			&cli.StringFlag{Name: "title", Value: "Evaluation", Usage: "the `TITLE` of the report"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return cmdline.Usagef("RESULTS is missing: trit eval report RESULTS... --out DIR")
			}
			if c.String("out") == "" {
				return cmdline.Usagef("--out is missing: the folder of the report")
			}
			for _, name := range paper.Files {
				if err := cmdline.MayWrite(c, filepath.Join(c.String("out"), name)); err != nil {
					return err
				}
			}
			return paper.Write(c.String("out"), c.String("title"), c.Args().Slice()...)
		},
	}
}

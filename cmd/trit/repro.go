package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/judging"
	"trit/cmd/trit/models"
	"trit/cmd/trit/texts"
	"trit/eval"
	"trit/eval/mtbench"
	"trit/eval/published"
	"trit/eval/tasks"
	"trit/infer"
	"trit/repro"
	"trit/train"
)

func reproCommand() *cli.Command {
	return &cli.Command{
		Name: "repro", Usage: "run an experiment of the papers again, at your sizes and on your data",
		Subcommands: append(tableCommands(), scalingCommand(), recipesCommand(), planCommand()),
	}
}

func scalingCommand() *cli.Command {
	return &cli.Command{
		Name: "scaling", Usage: "compare BitNet with the full-precision model of the same size and tokens, at several sizes",
		Description: cmdline.Examples("trit repro scaling --data data --out scaling --tokens 1000000",
			"trit repro scaling --data data --out scaling --configs 125m,350m,700m --tokens 10000000000 "+
				"--set checkpoint_activations=true"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Usage: "`DIR` made by trit data prepare", Required: true},
			&cli.StringFlag{Name: "out", Usage: "`DIR` of runs and results; unfinished runs in it go on, finished ones are not repeated", Required: true},
			&cli.StringFlag{Name: "configs", Usage: "`PRESETS` or JSON files, separated by commas", Value: "trit-1m,trit-3m,trit-10m"},
			&cli.Int64Flag{Name: "tokens", Usage: "train each model on `N` tokens", Value: 1_000_000},
			&cli.Float64Flag{Name: "full-rate", Usage: "learning rates of full-precision models, as a `SHARE` of BitNet's (the papers: a sixth, at 700M and more)", Value: 1},
			&cli.StringSliceFlag{Name: "set", Usage: "change one `KEY=VALUE` of all configurations (may be given several times)"},
			cmdline.ThreadsFlag(),
		},
		Action: scalingAction,
	}
}

func scalingAction(c *cli.Context) error {
	if _, err := cmdline.Arguments(c); err != nil {
		return err
	}
	con := cmdline.NewConsole(c)
	pairs, err := repro.Scaling(c.Context, repro.ScalingOptions{
		Data: c.String("data"), Out: c.String("out"), Configs: strings.Split(c.String("configs"), ","),
		Tokens: c.Int64("tokens"), FullRate: c.Float64("full-rate"), Set: c.StringSlice("set"), Threads: c.Int("threads"),
		Run:   func(dir string) { con.Warnf("%s", dir) },
		Event: func(e train.Event) { showEvent(con, e) },
	})
	if err != nil {
		return cmdline.UsageIf(err, "repro.ScalingOptions")
	}
	if err := pairs.WriteText(con.Out); err != nil {
		return err
	}
	con.Printf("\nresults: %s\n", filepath.Join(c.String("out"), "scaling.{json,md,html}"))
	return nil
}

func recipesCommand() *cli.Command {
	return &cli.Command{
		Name: "recipes", Usage: "compare recipes of training on the same tokens, with several seeds",
		Description: cmdline.Examples("trit repro recipes --data data --out recipes",
			"trit repro recipes --data data --out mine --file mine.json"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "data", Usage: "`DIR` made by trit data prepare", Required: true},
			&cli.StringFlag{Name: "out", Usage: "`DIR` of runs and results; unfinished runs in it go on, finished ones are not repeated", Required: true},
			&cli.StringFlag{Name: "file", Usage: "JSON `FILE` with the variants (default: those of docs/recipes.md)"},
			cmdline.ThreadsFlag(),
		},
		Action: recipesAction,
	}
}

func recipesAction(c *cli.Context) error {
	if _, err := cmdline.Arguments(c); err != nil {
		return err
	}
	con := cmdline.NewConsole(c)
	set, err := repro.LoadRecipes(c.String("file"))
	if err != nil {
		return cmdline.UsageIf(err, "repro.RecipesOptions")
	}
	outcomes, err := repro.Recipes(c.Context, repro.RecipesOptions{
		Set: set, Data: c.String("data"), Out: c.String("out"), Threads: c.Int("threads"),
		Run:   func(dir string) { con.Warnf("%s", dir) },
		Event: func(e train.Event) { showEvent(con, e) },
	})
	if err != nil {
		return cmdline.UsageIf(err, "repro.RecipesOptions")
	}
	if err := outcomes.WriteText(con.Out); err != nil {
		return err
	}
	con.Printf("\nresults: %s\n", filepath.Join(c.String("out"), "recipes.{json,md,svg}"))
	return nil
}

// tableCommands makes one command for each table of a paper.
func tableCommands() []*cli.Command {
	var all []*cli.Command
	for _, name := range published.Names() {
		t, err := published.Load(name)
		if err != nil {
			panic(err) // embedded, and tested
		}
		all = append(all, tableCommand(t))
	}
	return all
}

func tableCommand(t *published.Table) *cli.Command {
	return &cli.Command{
		Name: t.Name, Usage: t.Title + ", " + t.Sources[0].Title,
		Description: tableDescription(t),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "`DIR` of the results; the same command goes on where it was stopped", Required: true},
			&cli.StringSliceFlag{Name: "model", Usage: "`MODEL`: a row of the table, OWNER/NAME of the Hub, a GGUF file, or a folder, which is converted for the engine (may be given several times)"},
			&cli.StringFlag{Name: "beside", Usage: "show the published values of `ROW` beside models that are not in the table (default: the first)"},
			&cli.StringSliceFlag{Name: "tasks", Usage: "only these `TASKS`, separated by commas"},
			&cli.Float64Flag{Name: "limit", Usage: "only the first `N` documents of each task (below 1: that share)"},
			dataDirFlag(), partialFlag(), maxTokensFlag(), batchFlag(), cmdline.JSONFlag("print the results as JSON"),
			models.CacheFlag(infer.CacheF32, infer.CacheF16, infer.CacheInt8), cmdline.ThreadsFlag(),
		}, codeFlags(), tableJudgeFlags(t), models.HubFlags()),
		Action: func(c *cli.Context) error { return tableAction(c, t) },
	}
}

// tableDescription has examples, the columns and the rows.
func tableDescription(t *published.Table) string {
	command := "trit repro " + t.Name + " --out " + t.Name
	lines := []string{command + " --model run --limit 100 --data-dir eval"}
	if slices.ContainsFunc(t.Models, func(m published.Model) bool { return len(m.Hub) > 0 }) {
		lines = slices.Insert(lines, 0, command+"    (all models of the table that are on the Hub)")
	}
	return cmdline.Examples(append(lines, "",
		"Columns: "+strings.Join(t.Titles(), ", ")+".", "Rows: "+strings.Join(t.Rows(), ", ")+".")...)
}

// tableJudgeFlags are the flags about a judge if the table has a column for it.
func tableJudgeFlags(t *published.Table) []cli.Flag {
	if !slices.Contains(t.Tasks(), mtbench.Name) {
		return nil
	}
	return append(judging.Flags(), judging.TimeoutFlag())
}

func tableAction(c *cli.Context, t *published.Table) error {
	if _, err := cmdline.Arguments(c); err != nil {
		return err
	}
	con, names := cmdline.NewConsole(c), cmdline.CommaList(c.StringSlice("tasks"))
	needed := names
	if len(needed) == 0 {
		needed = t.Tasks()
	}
	var found []eval.Task
	for _, name := range needed {
		list, _ := tasks.Find(name) // none for mt_bench; MeasureTable refuses unknown ones
		found = append(found, list...)
	}
	sandbox, err := codeSandbox(c, con, found)
	if err != nil {
		return err
	}
	judge, err := judging.Judge(c)
	if err != nil {
		return err
	}
	meter := con.Meter()
	defer meter.End()
	result, err := repro.MeasureTable(c.Context, repro.TableOptions{
		Table: t, Out: c.String("out"), Models: c.StringSlice("model"), Beside: c.String("beside"), Tasks: names,
		Judging: judge,
		Open:    func(_ context.Context, name string) (*repro.Model, error) { return openForTable(c, name) },
		Eval: eval.Options{
			DataDir: c.String("data-dir"), AllowPartial: c.Bool("allow-partial"), Limit: c.Float64("limit"),
			Batch: c.Int("batch"), MaxTokens: c.Int("max-gen-toks"), Fetch: texts.Fetcher(c), Sandbox: sandbox,
			Progress: func(p eval.Progress) { meter.Show(p.Task, "tokens", p.Tokens, p.Whole, progressNote(p)) },
		},
		Measured: func(o *published.Outcome) {
			meter.End()
			if !c.Bool("json") {
				showOutcome(con, t, o)
			}
		},
		Text: cmdline.OneLine,
	})
	if err != nil {
		return cmdline.UsageIf(err, "repro.TableOptions")
	}
	return showTable(c, con, t, result)
}

// openForTable opens a model for the engine: a folder is converted.
func openForTable(c *cli.Context, name string) (*repro.Model, error) {
	path, err := models.Find(c, name)
	if err != nil {
		return nil, err
	}
	path, remove, err := models.GGUF(c, path, toMeasure(c))
	if err != nil {
		return nil, err
	}
	o := eval.Options{Cache: "needed"} // openNamed makes a fingerprint only for a cache
	m, err := openNamed(c, namedModel{name: name, path: path}, &o)
	if err != nil {
		remove()
		return nil, err
	}
	m.Name, m.Args, m.Fingerprint = o.ModelName, o.ModelArgs, o.Fingerprint
	closeModel := m.Close
	m.Close = func() error {
		defer remove()
		return closeModel()
	}
	return m, nil
}

// showOutcome prints the table of one model.
func showOutcome(con *cmdline.Console, t *published.Table, o *published.Outcome) {
	con.Printf("%s, beside the published values of %s\n", o.Model, o.Beside)
	t.View(o).WriteText(con.Out)
	for _, line := range o.Notes() {
		con.Printf("%s\n", line)
	}
}

// showTable prints the folder of the results, or the results themselves, and returns an error
// if a column could not be measured.
func showTable(c *cli.Context, con *cmdline.Console, t *published.Table, r *repro.TableResult) error {
	if c.Bool("json") {
		if err := cmdline.PrintJSON(con.Out, r.Outcomes); err != nil {
			return err
		}
	} else {
		con.Printf("results: %s\n", filepath.Join(c.String("out"), t.Name+".{md,json}"))
	}
	if len(r.Failed) > 0 {
		return fmt.Errorf("not measured: %s", strings.Join(r.Failed, "; "))
	}
	return nil
}

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/comparing"
	"trit/cmd/trit/models"
	"trit/cmd/trit/texts"
	"trit/eval"
	"trit/eval/suites"
	"trit/eval/tasks"
	"trit/format/hffolder"
	"trit/infer"
	"trit/internal/jsonfile"
)

func evalCommand() *cli.Command {
	return &cli.Command{
		Name: "eval", ArgsUsage: "MODEL|OWNER/NAME|URL...",
		Usage: "score models with the rules of lm-evaluation-harness: " +
			"GGUF files, training checkpoints, models of the Hub and of servers",
		Description: cmdline.Examples("trit eval model.gguf --tasks arc_easy,boolq",
			"trit eval microsoft/bitnet-b1.58-2B-4T-gguf --tasks hellaswag --data-dir eval",
			"trit eval run --tasks arc_easy --data-dir eval --limit 100 --out results",
			"trit eval run --converted --tasks arc_easy --data-dir eval    (before and after conversion)",
			"trit eval model.gguf --tasks 'mmlu,arc_*' --out results    (the same command goes on after a stop)",
			"trit eval model.gguf --tasks bits_per_byte --data-dir data",
			"trit eval http://localhost:8000/v1 --model NAME --tokenizer DIR --tasks gsm8k",
			"trit eval list", "trit eval compare results-a results-b", "trit eval report results-a results-b --out report"),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringSliceFlag{Name: "tasks", Usage: "`TASKS`, separated by commas: " +
				"names, groups and suites that trit eval list shows, patterns such as 'mmlu_*', " +
				"or JSON or YAML files of tasks of your own"},
			dataDirFlag(), partialFlag(),
			&cli.Float64Flag{Name: "limit", Usage: "only the first `N` documents (below 1: that share)"},
			&cli.StringFlag{Name: "samples",
				Usage: "only some documents: `JSON` such as {\"arc_easy\": [0, 5]}, or a file of it"},
			&cli.IntFlag{Name: "num-fewshot", Value: -1, DefaultText: "the task's own number",
				Usage: "`K` examples before each question"},
			comparing.SeedsFlag(), maxTokensFlag(),
			&cli.BoolFlag{Name: "strict-length",
				Usage: "fail where a request does not fit into the context, instead of cutting it on the left"},
			&cli.BoolFlag{Name: "apply-chat-template", Usage: "ask in the model's chat template"},
			&cli.BoolFlag{Name: "fewshot-as-multiturn", Value: true, DefaultText: "true with the chat template",
				Usage: "with the chat template: each example as turns of its own; =false puts them into one turn"},
			batchFlag(),
			&cli.StringFlag{Name: "use-cache",
				Usage: "remember results of requests in `FILE` for other commands (--out goes on after a stop without it)"},
			&cli.StringFlag{Name: "out",
				Usage: "write results.json and samples to the folder `DIR`, or with several models to folders inside it"},
			&cli.BoolFlag{Name: "append", Usage: "add the tasks that --out has no results of to those there"},
			&cli.BoolFlag{Name: "markdown", Usage: "print the results as a Markdown table"},
			cmdline.JSONFlag("print the results as JSON"), models.CacheFlag(infer.CacheF32, infer.CacheF16, infer.CacheInt8),
			models.ActivationsFlag(), cmdline.ThreadsFlag(),
			models.AdapterFlag(),
		}, convertedFlags(), codeFlags(), models.HubFlags(), serverFlags()),
		Action:      evalAction,
		Subcommands: []*cli.Command{evalListCommand(), comparing.Command(), comparing.ReportCommand(), mtBenchCommand()},
	}
}

func dataDirFlag() cli.Flag {
	return &cli.StringFlag{Name: "data-dir",
		Usage: "`DIR` of the tasks' data, or one file; missing data are fetched from the Hugging Face Hub"}
}

func partialFlag() cli.Flag {
	return &cli.BoolFlag{Name: "allow-partial", Usage: "take data sets with fewer rows than they should have"}
}

func maxTokensFlag() cli.Flag {
	return &cli.IntFlag{Name: "max-gen-toks", Usage: "answers of at most `N` tokens (default: the task's own number)"}
}

func batchFlag() cli.Flag {
	return &cli.IntFlag{Name: "batch", Usage: "give the model `N` requests at a time (default: as many as suit it)"}
}

func evalAction(c *cli.Context) error {
	o, err := evalOptions(c)
	if err != nil {
		return err
	}
	if c.NArg() == 0 {
		return cmdline.Usagef("MODEL is missing: trit eval MODEL --tasks TASKS")
	}
	if err := checkServerFlags(c); err != nil {
		return err
	}
	con := cmdline.NewConsole(c)
	o.Made = comparing.Made()
	o.Fetch = texts.Fetcher(c)
	found, notes, unknown := suites.Find(taskNames(c)...)
	o.Tasks = found
	for _, line := range notes {
		con.Warnf("%s", line)
	}
	if o.Sandbox, err = codeSandbox(c, con, o.Tasks); err != nil {
		return err
	}
	list, done, err := namedModels(c, con)
	if err != nil {
		return err
	}
	defer done()
	if unknown != nil { // after wrong flags, which codeSandbox and namedModels report
		return cmdline.UsageIf(unknown, "eval.Options")
	}
	folders := resultFolders(list, o.Out)
	o.Append = o.Append || someMeasured(folders)
	for _, o.Out = range folders { // before the first model is measured
		if err := o.CheckOut(); err != nil {
			return err
		}
	}
	draws, err := comparing.SeedsOf(c, o)
	if err != nil {
		return err
	}
	var reports []*eval.Report
	o.Prompts = &eval.Prompts{}
	var spreads []comparing.Spreads
	for i, m := range list {
		o.Out = folders[i]
		bySeed, err := evalModel(c, con, m, o, draws)
		if err != nil {
			return err
		}
		spread, err := comparing.NewSpreads(draws, bySeed, o.Out)
		if err != nil {
			return err
		}
		reports, spreads = append(reports, bySeed[0]), append(spreads, spread)
	}
	if err := printReports(c, reports, spreads); err != nil || len(draws) < 2 || c.Bool("json") {
		return err
	}
	return comparing.PrintSpreads(c, spreads)
}

// resultFolders are the folders of the models' results: out itself for one model.
func resultFolders(list []namedModel, out string) []string {
	folders := make([]string, len(list))
	for i, m := range list {
		if folders[i] = out; len(list) > 1 && out != "" {
			folders[i] = filepath.Join(out, fmt.Sprintf("%d-%s", i+1, m.folder))
		}
	}
	return folders
}

// someMeasured reports whether some of the folders have results and others have not: an evaluation of
// several models was stopped, and goes on with those that are left.
func someMeasured(folders []string) bool {
	done := 0
	for _, dir := range folders {
		if _, err := os.Stat(filepath.Join(dir, "results.json")); err == nil {
			done++
		}
	}
	return 0 < done && done < len(folders)
}

func taskNames(c *cli.Context) []string { return cmdline.CommaList(c.StringSlice("tasks")) }

// evalOptions reads the options that are the same for all models.
func evalOptions(c *cli.Context) (eval.Options, error) {
	chat := c.Bool("apply-chat-template")
	o := eval.Options{
		DataDir: c.String("data-dir"), AllowPartial: c.Bool("allow-partial"), Limit: c.Float64("limit"),
		NumFewshot: c.Int("num-fewshot"), MaxTokens: c.Int("max-gen-toks"), StrictLength: c.Bool("strict-length"),
		ApplyChatTemplate: chat,
		FewshotMultiturn:  c.Bool("fewshot-as-multiturn") && (chat || c.IsSet("fewshot-as-multiturn")),
		Batch:             c.Int("batch"), Cache: c.String("use-cache"), Out: c.String("out"), Append: c.Bool("append"),
	}
	if len(taskNames(c)) == 0 {
		return o, cmdline.Usagef("--tasks is missing: names that trit eval list shows, or files of tasks of your own")
	}
	if c.Bool("json") && c.Bool("markdown") {
		return o, cmdline.Usagef("--json and --markdown are two forms of the results: give one of them")
	}
	if s := c.String("samples"); s != "" {
		b := []byte(s)
		if !strings.HasPrefix(strings.TrimSpace(s), "{") {
			var err error
			if b, err = os.ReadFile(s); err != nil {
				return o, err
			}
		}
		if err := jsonfile.Decode(b, &o.Samples); err != nil {
			return o, cmdline.Usagef("--samples: %v: write {\"arc_easy\": [0, 5]}", err)
		}
	}
	return o, nil
}

// evalModel scores one model, once for each seed of few-shot examples.
func evalModel(
	c *cli.Context, con *cmdline.Console, model namedModel, o eval.Options, draws []uint32,
) (reports []*eval.Report, err error) {
	m, err := openNamed(c, model, &o)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	for i := range draws {
		r, err := evaluate(c.Context, m, con, comparing.WithSeed(o, draws, i))
		if err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	return reports, nil
}

// fingerprint is a hash of everything that a model's results depend on: its weights, its shape, its
// adapters, the format of the KV cache, and what activations are rounded to.
func fingerprint(path string, how infer.Options, adapters []string) (string, error) {
	files, err := modelFiles(path)
	if err != nil {
		return "", err
	}
	for _, given := range adapters {
		path, _ := models.SplitScale(given)
		inside, _ := filepath.Glob(filepath.Join(path, "adapter_*"))
		if files = append(files, inside...); len(inside) == 0 {
			files = append(files, path)
		}
	}
	h := sha256.New()
	fmt.Fprintf(h, "%d files, cache %s\n", len(files), how.Cache)
	if how.Activations == infer.ActivationsFloat {
		fmt.Fprintln(h, "activations float")
	}
	if len(adapters) > 0 {
		fmt.Fprintf(h, "adapters %q\n", adapters)
	}
	for _, name := range files {
		if err := hashFile(h, name); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// modelFiles are the files of a model: itself, or the weights and the shape in its folder.
func modelFiles(path string) ([]string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return []string{path}, err
	}
	path, err := hffolder.Resolve(path)
	if err != nil {
		return nil, err
	}
	weights, err := filepath.Glob(filepath.Join(path, "*.safetensors"))
	return append(weights, filepath.Join(path, "config.json")), err
}

func hashFile(h io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(h, f)
	fmt.Fprintf(h, "\n%d\n", n)
	return err
}

// printReports prints the results of each model, and for several models their differences.
func printReports(c *cli.Context, reports []*eval.Report, spreads []comparing.Spreads) error {
	con := cmdline.NewConsole(c)
	for _, r := range reports {
		for _, line := range r.Kept {
			con.Warnf("%s", line)
		}
	}
	if c.Bool("json") {
		return printJSON(c, reports, spreads)
	}
	for _, r := range reports {
		if len(reports) > 1 {
			con.Printf("%s\n", r.Model())
		}
		if c.Bool("markdown") {
			con.Printf("%s%s", r.Table().Markdown(), markdownList(r.RemarkLines()))
		} else if err := r.WriteText(con.Out); err != nil {
			return err
		}
	}
	for _, r := range reports[1:] {
		if len(reports[0].Kept)+len(r.Kept) > 0 {
			con.Printf("\ntrit eval compare compares the folders, with the results that were kept\n")
			return nil
		}
		comparison, err := eval.CompareReports(reports[0], r)
		if err != nil {
			return err
		}
		con.Printf("\n")
		if err := comparing.Print(c, comparison); err != nil {
			return err
		}
	}
	return nil
}

// printJSON prints the results of one model as an object, and those of several as a list.
func printJSON(c *cli.Context, reports []*eval.Report, spreads []comparing.Spreads) error {
	all := make([]any, len(reports))
	for i, r := range reports {
		var err error
		if all[i], err = spreads[i].JSON(r); err != nil {
			return err
		}
	}
	if len(all) == 1 {
		return cmdline.PrintJSON(c.App.Writer, all[0])
	}
	return cmdline.PrintJSON(c.App.Writer, all)
}

// markdownList is a list below a table, nothing without lines.
func markdownList(lines []string) string {
	text := ""
	for _, line := range lines {
		text += "\n* " + line
	}
	if text != "" {
		text += "\n"
	}
	return text
}

func evalListCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Usage: "list the tasks, groups and suites",
		Description: cmdline.Examples("trit eval list", "trit eval list --all --markdown"),
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "list the tasks of groups too"},
			&cli.BoolFlag{Name: "markdown", Usage: "print a Markdown table"},
		},
		Action: func(c *cli.Context) error {
			if _, err := cmdline.Arguments(c); err != nil {
				return err
			}
			t, err := taskList(c.Bool("all"))
			if err != nil {
				return err
			}
			return comparing.PrintTable(c, t)
		},
	}
}

// taskList is a table of the suites, the groups, and the tasks that are in no group, or of all tasks.
func taskList(all bool) (eval.Table, error) {
	t := eval.Table{Columns: []string{"task", "n-shot", "documents", "data", "what"}}
	groups := map[string]bool{}
	for _, task := range tasks.All() {
		for _, g := range task.Groups {
			if groups[g.Name] {
				continue
			}
			groups[g.Name] = true
			row, err := groupRow(g)
			if err != nil {
				return t, err
			}
			t.Rows = append(t.Rows, row)
		}
		if all || len(task.Groups) == 0 {
			rows := ""
			if task.Test.Rows > 0 {
				rows = fmt.Sprint(task.Test.Rows)
			}
			count := fmt.Sprint(task.Fewshot.Count)
			t.Rows = append(t.Rows, []string{task.Name, count, rows, task.Test.String(), task.About})
		}
	}
	for _, name := range suites.Names() {
		found, _, err := suites.Find(name)
		if err != nil {
			return t, err
		}
		t.Rows = append(t.Rows, []string{name, "", "", "", "suite: " + strings.Join(suites.Columns(found), ", ")})
	}
	return t, nil
}

// groupRow is the row of a group in the list of tasks.
func groupRow(g *eval.Group) ([]string, error) {
	members, err := tasks.Find(g.Name)
	if err != nil {
		return nil, err
	}
	rows := 0
	for _, m := range members {
		rows += m.Test.Rows
	}
	return []string{
		g.Name, fmt.Sprint(members[0].Fewshot.Count), fmt.Sprint(rows), members[0].Test.Hub,
		fmt.Sprintf("%s (%d tasks)", g.About, len(members)),
	}, nil
}

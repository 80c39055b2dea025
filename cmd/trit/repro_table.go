package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/eval"
	"trit/eval/published"
	"trit/eval/tasks"
	"trit/infer"
	"trit/internal/atomicfile"
)

// tableCommands are one command for each table of a paper.
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
		Description: examples("trit repro "+t.Name+" --out "+t.Name+"    (all models of the table that are on the Hub)",
			"trit repro "+t.Name+" --out "+t.Name+" --model run --limit 100 --data-dir eval", "",
			"Columns: "+strings.Join(columnTitles(t), ", ")+".", "Rows: "+strings.Join(t.Rows(), ", ")+"."),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "`DIR` of the results; the same command goes on where it was stopped", Required: true},
			&cli.StringSliceFlag{Name: "model", Usage: "`MODEL`: a row of the table, OWNER/NAME of the Hub, a GGUF file, or a folder, which is converted for the engine (may be given several times)"},
			&cli.StringFlag{Name: "beside", Usage: "set the published values of `ROW` beside models that are not in the table (default: the first)"},
			&cli.StringSliceFlag{Name: "tasks", Usage: "only these `TASKS`, separated by commas"},
			&cli.Float64Flag{Name: "limit", Usage: "only the first `N` documents of each task (below 1: that share)"},
			dataDirFlag(), partialFlag(), maxTokensFlag(), batchFlag(), jsonFlag("print the results as JSON"),
			cacheFlag(infer.CacheF32, infer.CacheF16, infer.CacheInt8), threadsFlag(),
		}, codeFlags(), hubFlags()),
		Action: func(c *cli.Context) error {
			if _, err := arguments(c); err != nil {
				return err
			}
			r, err := newTableRun(c, t)
			if err != nil {
				return err
			}
			return r.run()
		},
	}
}

func columnTitles(t *published.Table) []string {
	var titles []string
	for _, c := range t.Columns {
		titles = append(titles, c.Title)
	}
	return titles
}

// tableRun measures a table.
type tableRun struct {
	c        *cli.Context
	con      *console
	table    *published.Table
	out      string
	tasks    []string
	sandbox  eval.Sandbox
	outcomes []published.Outcome
	failed   []string // columns that could have been measured
}

func newTableRun(c *cli.Context, t *published.Table) (*tableRun, error) {
	r := &tableRun{c: c, con: newConsole(c), table: t, out: c.String("out"), tasks: commaList(c.StringSlice("tasks"))}
	for _, task := range r.tasks {
		if !slices.Contains(t.Tasks(), task) {
			return nil, usagef("--tasks: %q is none of the table's: %v", task, t.Tasks())
		}
	}
	if len(r.tasks) == 0 {
		r.tasks = t.Tasks()
	}
	if row := c.String("beside"); row != "" && t.Find(row) == nil {
		return nil, usagef("--beside: there is no row %q: want one of %v", row, t.Rows())
	}
	found, err := tasks.Find(r.tasks...)
	if err != nil {
		return nil, err
	}
	r.sandbox, err = codeSandbox(c, r.con, found)
	return r, err
}

func (r *tableRun) run() error {
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	for _, name := range r.models() {
		if err := r.measure(name); err != nil {
			return err
		}
	}
	if r.c.Bool("json") {
		if err := printJSON(r.con.out, r.outcomes); err != nil {
			return err
		}
	} else {
		r.con.printf("results: %s\n", filepath.Join(r.out, r.table.Name+".{md,json}"))
	}
	if len(r.failed) > 0 {
		return fmt.Errorf("not measured: %s", strings.Join(r.failed, "; "))
	}
	return nil
}

// models are those of the flags, or the rows that are on the Hub.
func (r *tableRun) models() []string {
	if names := r.c.StringSlice("model"); len(names) > 0 {
		return names
	}
	var names []string
	for _, m := range r.table.Models {
		if len(m.Hub) > 0 {
			names = append(names, m.Name)
		}
	}
	return names
}

// measure fills in the columns of one model, and writes the results after each.
func (r *tableRun) measure(name string) error {
	o := published.Outcome{Model: name, Limit: r.c.Float64("limit")}
	row := r.table.Find(name)
	if row != nil && row.Name == name && len(row.Hub) > 0 {
		o.Model = row.Hub[0]
	}
	if row == nil || r.c.IsSet("beside") {
		row = &r.table.Models[0]
		if beside := r.c.String("beside"); beside != "" {
			row = r.table.Find(beside)
		}
	}
	o.Beside = row.Name
	base := eval.Options{Cache: filepath.Join(r.out, "requests.jsonl")}
	m, done, err := r.open(o.Model, &base)
	if err != nil {
		return err
	}
	defer done()
	r.outcomes = append(r.outcomes, o)
	at := &r.outcomes[len(r.outcomes)-1]
	for _, c := range r.table.Columns {
		cell := r.table.Cell(row, c)
		err := r.fill(m, base, &cell)
		at.Cells = append(at.Cells, cell)
		if err := errors.Join(err, r.write()); err != nil {
			return err
		}
	}
	if r.c.Bool("json") {
		return nil
	}
	r.con.printf("%s, beside the published values of %s\n", at.Model, at.Beside)
	if err := r.table.View(at).WriteText(r.con.out); err != nil {
		return err
	}
	for _, line := range at.NotMeasured() {
		r.con.printf("%s\n", line)
	}
	return nil
}

// open opens a model for the engine: a folder is converted.
func (r *tableRun) open(name string, o *eval.Options) (m *scorer, done func(), err error) {
	path, err := fetchAnyModel(r.c, name)
	if err != nil {
		return nil, nil, err
	}
	remove := func() {}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		if path, remove, err = convertForNow(r.c, r.con, path); err != nil {
			return nil, nil, err
		}
	}
	if m, err = openNamed(r.c, namedModel{name: name, path: path}, o); err != nil {
		remove()
		return nil, nil, err
	}
	return m, func() { m.close(); remove() }, nil
}

// fill measures a column, or notes why not. Only what ends all is an error: no failure of
// one column takes the others away.
func (r *tableRun) fill(m *scorer, o eval.Options, cell *published.Cell) error {
	if cell.NotMeasured = r.obstacle(m, cell); cell.NotMeasured != "" {
		return nil
	}
	found, err := tasks.Find(cell.Task)
	if err != nil {
		return err
	}
	o.Tasks, o.NumFewshot, o.ApplyChatTemplate, o.FewshotMultiturn = found, cell.NumFewshot, cell.Chat, cell.Chat
	o.DataDir, o.AllowPartial, o.Limit, o.Batch = r.c.String("data-dir"), r.c.Bool("allow-partial"), r.c.Float64("limit"), r.c.Int("batch")
	o.Fetch, o.Sandbox, o.MaxTokens = dataFetcher(r.c), r.sandbox, r.c.Int("max-gen-toks")
	o.Out = filepath.Join(r.out, folderName(o.ModelName), cell.Task)
	report, err := m.evaluate(r.c.Context, r.con, o)
	if r.c.Context.Err() != nil {
		return fmt.Errorf("stopped at %s: the same command goes on", cell.Title)
	}
	if err != nil {
		cell.NotMeasured = strings.TrimPrefix(oneLine(err), "task "+cell.Task+": ")
		r.failed = append(r.failed, fmt.Sprintf("%s of %s: %s", cell.Title, o.ModelName, cell.NotMeasured))
		return nil
	}
	results := report.Results[cell.Task]
	metric, filter, _ := strings.Cut(cell.Metric, ",")
	cell.Set(results[cell.Metric], results[metric+"_stderr,"+filter], report.NSamples[cell.Task].Effective)
	return nil
}

// obstacle is why a column is not measured with this model and these flags; "" for none.
func (r *tableRun) obstacle(m *scorer, cell *published.Cell) string {
	found, _ := tasks.Find(cell.Task)
	runsCode, _ := eval.RunsCode(found)
	switch {
	case cell.Absent != "":
		return cell.Absent
	case !slices.Contains(r.tasks, cell.Task):
		return "not among --tasks"
	case runsCode && r.sandbox == nil:
		return "it runs what the model writes, which --allow-code-execution allows"
	case cell.Chat && m.tok != nil && m.tok.Vocab().ChatTemplate == "":
		return "the model has no chat template"
	}
	return ""
}

var notFileName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// folderName is the name of a model as one of a folder.
func folderName(model string) string {
	return strings.Trim(notFileName.ReplaceAllString(model, "_"), "._")
}

// write leaves what there is as JSON and as Markdown.
func (r *tableRun) write() error {
	b, err := json.MarshalIndent(map[string]any{"table": r.table.Name, "title": r.table.Title, "sources": r.table.Sources, "notes": r.table.Notes, "models": r.outcomes}, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(
		atomicfile.WriteBytes(filepath.Join(r.out, r.table.Name+".json"), append(b, '\n')),
		atomicfile.WriteBytes(filepath.Join(r.out, r.table.Name+".md"), []byte(r.table.Markdown(r.outcomes))))
}

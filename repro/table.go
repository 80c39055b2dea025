package repro

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"trit/eval"
	"trit/eval/published"
	"trit/eval/tasks"
	"trit/internal/atomicfile"
	"trit/setting"
)

// TableOptions say how MeasureTable measures the table of a paper.
type TableOptions struct {
	Table  *published.Table
	Out    string   // folder of the results; the same call goes on with results in it
	Models []string // rows of the table, or names that Open knows; none: the rows that are on the Hub
	Beside string   // row whose values stand beside models that are not in the table; "": the first
	Tasks  []string // tasks of the table to measure; none: all

	// Open opens a model by its name. A row of the table is opened by its first name on the Hub.
	// The Model must have a Fingerprint: results are cached in Out.
	Open func(ctx context.Context, name string) (*Model, error)
	// Eval holds the options that are the same for all columns: DataDir, AllowPartial, Limit,
	// Batch, MaxTokens, Fetch, Sandbox and Progress. The others are set for each column.
	Eval eval.Options

	Measured func(*published.Outcome) // called after each model; may be nil
	Text     func(error) string       // makes the text of an error for the results; nil: its Error
}

// TableResult is the result of MeasureTable.
type TableResult struct {
	Outcomes []published.Outcome // of each model
	Failed   []string            // columns whose measurement failed, with the errors
}

// MeasureTable scores models on the columns of a table and sets the values beside the
// published ones. It writes the results as JSON and Markdown into Out after each column. If a
// column cannot be measured, or fails, its cell holds the reason, and the other columns go on.
func MeasureTable(ctx context.Context, o TableOptions) (*TableResult, error) {
	if err := o.resolve(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return nil, err
	}
	t := &tableRun{o: &o, result: &TableResult{}}
	for _, name := range o.models() {
		if err := t.measure(ctx, name); err != nil {
			return t.result, err
		}
	}
	return t.result, nil
}

// check refuses tasks and a row that the table does not have.
func (o *TableOptions) check() error {
	for _, task := range o.Tasks {
		if !slices.Contains(o.Table.Tasks(), task) {
			return setting.Invalid("repro.TableOptions.Tasks", task, o.Table.Tasks()...)
		}
	}
	if o.Beside != "" && o.Table.Find(o.Beside) == nil {
		return setting.Invalid("repro.TableOptions.Beside", o.Beside, o.Table.Rows()...)
	}
	return nil
}

// resolve checks the options and fills in what they leave out.
func (o *TableOptions) resolve() error {
	if len(o.Tasks) == 0 {
		o.Tasks = o.Table.Tasks()
	}
	if o.Text == nil {
		o.Text = error.Error
	}
	return o.check()
}

// models are the models to measure: those that were named, or the rows that are on the Hub.
func (o *TableOptions) models() []string {
	if len(o.Models) > 0 {
		return o.Models
	}
	var names []string
	for _, m := range o.Table.Models {
		if len(m.Hub) > 0 {
			names = append(names, m.Name)
		}
	}
	return names
}

// tableRun is one call of MeasureTable.
type tableRun struct {
	o      *TableOptions
	result *TableResult
}

// measure fills in the columns of one model.
func (t *tableRun) measure(ctx context.Context, name string) error {
	model, row := t.find(name)
	m, err := t.o.Open(ctx, model)
	if err != nil {
		return err
	}
	defer m.Close()
	t.result.Outcomes = append(t.result.Outcomes, published.Outcome{Model: model, Beside: row.Name, Limit: t.o.Eval.Limit})
	outcome := &t.result.Outcomes[len(t.result.Outcomes)-1]
	for _, column := range t.o.Table.Columns {
		cell := t.o.Table.Cell(row, column)
		err := t.fill(ctx, m, &cell)
		outcome.Cells = append(outcome.Cells, cell)
		if err := errors.Join(err, t.write()); err != nil {
			return err
		}
	}
	if t.o.Measured != nil {
		t.o.Measured(outcome)
	}
	return nil
}

// find returns the name to open a model by, and the row of the table that its values stand
// beside.
func (t *tableRun) find(name string) (model string, row *published.Model) {
	table := t.o.Table
	model, row = name, table.Find(name)
	if row != nil && row.Name == name && len(row.Hub) > 0 {
		model = row.Hub[0]
	}
	switch {
	case t.o.Beside != "":
		row = table.Find(t.o.Beside)
	case row == nil:
		row = &table.Models[0]
	}
	return model, row
}

// fill measures a column, or notes the reason why it cannot. It returns an error only if ctx has
// ended, so that a column that fails does not end the others.
func (t *tableRun) fill(ctx context.Context, m *Model, cell *published.Cell) error {
	if cell.NotMeasured = t.obstacle(m, cell); cell.NotMeasured != "" {
		return nil
	}
	found, err := tasks.Find(cell.Task)
	if err != nil {
		return err
	}
	o := t.o.Eval
	o.Tasks, o.NumFewshot, o.ApplyChatTemplate, o.FewshotMultiturn = found, cell.NumFewshot, cell.Chat, cell.Chat
	o.Cache = filepath.Join(t.o.Out, cacheFile)
	o.Out, o.Replace = filepath.Join(t.o.Out, folderName(m.Name), cell.Task), true
	report, err := m.evaluate(ctx, o)
	if ctx.Err() != nil {
		return fmt.Errorf("stopped at %s: the same command goes on", cell.Title)
	}
	if err != nil {
		cell.NotMeasured = strings.TrimPrefix(t.o.Text(err), "task "+cell.Task+": ")
		t.result.Failed = append(t.result.Failed, fmt.Sprintf("%s of %s: %s", cell.Title, m.Name, cell.NotMeasured))
		return nil
	}
	cell.Remarks = report.RemarkLines()
	results := report.Results[cell.Task]
	metric, filter, _ := strings.Cut(cell.Metric, ",")
	cell.Set(results[cell.Metric], results[metric+"_stderr,"+filter], report.NSamples[cell.Task].Effective)
	return nil
}

// obstacle returns the reason why a column cannot be measured with this model and these options,
// or "".
func (t *tableRun) obstacle(m *Model, cell *published.Cell) string {
	found, _ := tasks.Find(cell.Task)
	runsCode, _ := eval.RunsCode(found)
	switch {
	case cell.Absent != "":
		return cell.Absent
	case !slices.Contains(t.o.Tasks, cell.Task):
		return t.o.Text(&setting.Error{Problem: "not among {repro.TableOptions.Tasks}"})
	case runsCode && t.o.Eval.Sandbox == nil:
		return t.o.Text(&setting.Error{Problem: "it runs what the model writes, which {eval.Options.Sandbox} allows"})
	case cell.Chat && m.Tokenizer != nil && m.Tokenizer.Vocab().ChatTemplate == "":
		return "the model has no chat template"
	}
	return ""
}

// cacheFile is the file in Out with the results of requests.
const cacheFile = "requests.jsonl"

var notFileName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// folderName turns the name of a model into the name of a folder.
func folderName(model string) string {
	return strings.Trim(notFileName.ReplaceAllString(model, "_"), "._")
}

// write writes the results so far as JSON and as Markdown.
func (t *tableRun) write() error {
	table := t.o.Table
	b, err := indented(map[string]any{
		"table": table.Name, "title": table.Title, "sources": table.Sources, "notes": table.Notes, "models": t.result.Outcomes,
	})
	if err != nil {
		return err
	}
	return errors.Join(
		atomicfile.WriteBytes(filepath.Join(t.o.Out, table.Name+".json"), b),
		atomicfile.WriteBytes(filepath.Join(t.o.Out, table.Name+".md"), []byte(table.Markdown(t.result.Outcomes))))
}

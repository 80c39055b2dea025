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
	"trit/eval/mtbench"
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
	// Judging says who judges the answers to mt_bench; nil: nobody, and it is not measured.
	Judging *mtbench.Judging

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
	if err := checkOwn("repro.TableOptions.Out", o.Out, o.Table.Name, &tableFile{}, ".md"); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return nil, err
	}
	t := &tableRun{o: &o, result: &TableResult{}, scored: map[string]scored{}}
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
	if len(o.models()) == 0 {
		return setting.Needs("repro.TableOptions.Models", "no model of this table is on the Hub in a form that is read",
			"name yours with {repro.TableOptions.Models}")
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
	scored map[string]scored // by folder of results
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
	err := t.measureParts(ctx, m, cell)
	if ctx.Err() != nil {
		return fmt.Errorf("stopped at %s: the same command goes on", cell.Label())
	}
	if err != nil {
		cell.NotMeasured = strings.TrimPrefix(t.o.Text(err), "task "+cell.Task+": ")
		t.result.Failed = append(t.result.Failed, fmt.Sprintf("%s of %s: %s", cell.Label(), m.Name, cell.NotMeasured))
	}
	return nil
}

// measureParts sets a cell to the mean of its parts. The standard error of a mean of scores of the
// same documents is at most the mean of their standard errors, which it gets.
func (t *tableRun) measureParts(ctx context.Context, m *Model, cell *published.Cell) error {
	value, stderr, documents := 0.0, 0.0, 0
	parts := cell.Parts()
	for _, p := range parts {
		s, err := t.score(ctx, m, cell, p.Task)
		if err != nil {
			return err
		}
		v, ok := s.metrics[p.Metric]
		if !ok {
			return fmt.Errorf("there is no %s of %s", p.Metric, p.Task)
		}
		metric, filter, _ := strings.Cut(p.Metric, ",")
		value += v / float64(len(parts))
		stderr += s.metrics[metric+"_stderr,"+filter] / float64(len(parts))
		documents = max(documents, s.documents)
		for _, line := range s.remarks {
			if !slices.Contains(cell.Remarks, line) {
				cell.Remarks = append(cell.Remarks, line)
			}
		}
	}
	cell.Set(value, stderr, documents)
	return nil
}

// scored is what a task was measured to, as one of the columns asks it.
type scored struct {
	metrics   eval.Metrics
	documents int
	remarks   []string
}

// score measures a task as a column asks it. What two columns ask in the same way is measured once.
func (t *tableRun) score(ctx context.Context, m *Model, cell *published.Cell, task string) (scored, error) {
	o := t.o.Eval
	o.Out, o.Replace = filepath.Join(t.o.Out, folderName(m.Name), askedFolder(task, &cell.Column)), true
	if s, ok := t.scored[o.Out]; ok {
		return s, nil
	}
	measure := t.evaluate
	if task == mtbench.Name {
		measure = t.judge
	}
	s, err := measure(ctx, m, cell, task, o)
	if err == nil {
		t.scored[o.Out] = s
	}
	return s, err
}

// askedFolder is the folder of a task's results as a column asks it.
func askedFolder(task string, c *published.Column) string {
	name := task
	if c.NumFewshot > 0 {
		name += fmt.Sprintf("-%d-shot", c.NumFewshot)
	}
	if c.Chat {
		name += "-chat"
	}
	return name
}

// evaluate measures a task of package eval/tasks.
func (t *tableRun) evaluate(
	ctx context.Context, m *Model, cell *published.Cell, task string, o eval.Options,
) (scored, error) {
	found, err := tasks.Find(task)
	if err != nil {
		return scored{}, err
	}
	o.Tasks, o.NumFewshot, o.ApplyChatTemplate, o.FewshotMultiturn = found, cell.NumFewshot, cell.Chat, cell.Chat
	o.Cache = filepath.Join(t.o.Out, cacheFile)
	report, err := m.evaluate(ctx, o)
	if err != nil {
		return scored{}, err
	}
	return scored{report.Results[task], report.NSamples[task].Effective, report.RemarkLines()}, nil
}

// judge measures mt_bench.
func (t *tableRun) judge(ctx context.Context, m *Model, _ *published.Cell, _ string, o eval.Options) (scored, error) {
	report, err := m.MTBench(ctx, o, *t.o.Judging)
	if err != nil {
		return scored{}, err
	}
	if report.Overall.Ratings == 0 {
		return scored{}, fmt.Errorf("no judgment has a rating: %s", strings.Join(report.Remarks, "; "))
	}
	metrics := eval.Metrics{"score,none": report.Overall.Mean, "score_stderr,none": report.Overall.Stderr}
	return scored{metrics, report.Overall.Questions, report.Remarks}, nil
}

// obstacle returns the reason why a column cannot be measured with this model and these options,
// or "".
func (t *tableRun) obstacle(m *Model, cell *published.Cell) string {
	if cell.Absent != "" {
		return cell.Absent
	}
	for _, p := range cell.Parts() {
		found, _ := tasks.Find(p.Task) // none for mt_bench
		runsCode, _ := eval.RunsCode(found)
		switch {
		case !slices.Contains(t.o.Tasks, p.Task):
			return t.o.Text(&setting.Error{Problem: "not among {repro.TableOptions.Tasks}"})
		case runsCode && t.o.Eval.Sandbox == nil:
			return t.o.Text(&setting.Error{Problem: "it runs what the model writes, which {eval.Options.Sandbox} allows"})
		case p.Task == mtbench.Name && t.o.Judging == nil:
			return t.o.Text(&setting.Error{Problem: "another model judges the answers, which {mtbench.Judging.Judge} names"})
		}
	}
	if cell.Chat && m.Tokenizer != nil && m.Tokenizer.Vocab().ChatTemplate == "" {
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

// tableFile is what the file of the results holds.
type tableFile struct {
	Models  []published.Outcome `json:"models"`
	Notes   []string            `json:"notes"`
	Sources []published.Source  `json:"sources"`
	Table   string              `json:"table"`
	Title   string              `json:"title"`
}

// write writes the results so far as JSON and as Markdown.
func (t *tableRun) write() error {
	table := t.o.Table
	b, err := indented(tableFile{t.result.Outcomes, table.Notes, table.Sources, table.Name, table.Title})
	if err != nil {
		return err
	}
	return errors.Join(
		atomicfile.WriteBytes(filepath.Join(t.o.Out, table.Name+".json"), b),
		atomicfile.WriteBytes(filepath.Join(t.o.Out, table.Name+".md"), []byte(table.Markdown(t.result.Outcomes))))
}

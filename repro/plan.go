package repro

import (
	"errors"
	"fmt"
	"math"

	"trit/configs"
	"trit/internal/report"
	"trit/setting"
)

// PlanOptions are what Plan computes.
type PlanOptions struct {
	Configs         []string // presets or files
	Machine         configs.Machines
	Nodes           []int   // numbers of machines
	TokensPerWeight float64 // of each model
	Set             []string
}

// PlanTable is a row for each model.
type PlanTable struct {
	Head []string
	Rows [][]string
}

// Markdown is the table in Markdown.
func (t PlanTable) Markdown() string { return report.Table{Head: t.Head, Rows: t.Rows}.Markdown() }

// Plan says what it takes to train models on numbers of machines of a kind: a row for each model, computed
// from the figures of model and machine alone.
func Plan(o PlanOptions) (PlanTable, error) {
	t := PlanTable{Head: []string{"configuration", "weights", "tokens", "GB of a machine"}}
	for _, n := range o.Nodes {
		t.Head = append(t.Head, fmt.Sprintf("on %d: time", n))
		if n > 1 {
			t.Head = append(t.Head, "efficiency")
		}
		if o.Machine.Price > 0 {
			t.Head = append(t.Head, "cost")
		}
	}
	if !(o.TokensPerWeight > 0) {
		return t, setting.Needs("repro.PlanOptions.TokensPerWeight", fmt.Sprintf("{repro.PlanOptions.TokensPerWeight} is %g",
			o.TokensPerWeight), "set it to a positive number, such as 20")
	}
	for _, name := range o.Configs {
		row, err := o.row(name)
		if err != nil {
			return t, &setting.Error{Field: "repro.PlanOptions.Configs", Problem: name, Err: err}
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

// row is the row of a configuration.
func (o PlanOptions) row(name string) ([]string, error) {
	c, err := configs.Load(name)
	for _, assignment := range o.Set {
		err = errors.Join(err, c.Set(assignment))
	}
	if err != nil {
		return nil, err
	}
	if c.VocabSize == 0 {
		return nil, errors.New("it takes its vocabulary from the data: set vocab_size")
	}
	c.Config.Resolve()
	c.MaxSteps = int(math.Ceil(o.TokensPerWeight * float64(c.Parameters()) / float64(c.TokensPerStep())))
	row := []string{name, report.Number(float64(c.Parameters())), "", ""}
	for i, n := range o.Nodes {
		m := o.Machine
		m.Ranks = n
		e, err := c.Estimate(m, configs.Teacher{})
		if err != nil {
			return nil, err
		}
		if row[2] = report.Number(float64(e.Tokens)); i > 0 {
			row[3] += ", "
		}
		row[3] += fmt.Sprintf("%.1f", float64(e.MemoryBytes)/1e9)
		row = append(row, o.cells(e)...)
	}
	return row, nil
}

// cells are what a number of machines gives.
func (o PlanOptions) cells(e configs.Estimate) []string {
	cells := []string{configs.Duration(e.Seconds)}
	if e.Ranks > 1 {
		cells = append(cells, fmt.Sprintf("%.1f %%", 100*e.Efficiency))
	}
	if o.Machine.Price > 0 {
		cells = append(cells, fmt.Sprintf("%.0f", e.Cost))
	}
	if e.Lacking > 0 {
		for i := range cells {
			cells[i] = "does not fit"
		}
	}
	return cells
}

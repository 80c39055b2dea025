package published

import (
	"fmt"
	"slices"
	"strings"

	"trit/eval"
)

// Outcome is the measurements of one model, beside a row of the table. Values are in the unit of their
// columns.
type Outcome struct {
	Model  string  `json:"model"`
	Beside string  `json:"beside"` // name of the row
	Limit  float64 `json:"limit"`  // documents of each task (see eval.Options.Limit); 0: all
	Cells  []Cell  `json:"columns"`
}

// Cell is a column of one model.
type Cell struct {
	Column
	Published   map[string]float64 `json:"published"` // by source
	Measured    *float64           `json:"measured"`  // nil: not measured
	Stderr      float64            `json:"stderr"`    // 0 if there is none
	Documents   int                `json:"documents"`
	Off         map[string]float64 `json:"off"`               // measured minus published, in standard errors, by source
	NotMeasured string             `json:"not_measured"`      // why
	Remarks     []string           `json:"remarks,omitempty"` // eval.Report.RemarkLines
}

// Cell is column c of row m, not measured yet.
func (t *Table) Cell(m *Model, c Column) Cell {
	cell := Cell{Column: c, Published: map[string]float64{}, NotMeasured: c.Absent}
	for _, s := range t.Sources {
		if v, ok := m.Published[s.Key][c.Title]; ok {
			cell.Published[s.Key] = v
		}
	}
	return cell
}

// Set stores a measurement. value and stderr are those of the task: shares of 1 where the column's unit
// is Percent.
func (c *Cell) Set(value, stderr float64, documents int) {
	if c.Unit == Percent {
		value, stderr = 100*value, 100*stderr
	}
	c.Measured, c.Stderr, c.Documents = &value, stderr, documents
	c.NotMeasured, c.Off = "", map[string]float64{}
	for source, published := range c.Published {
		if stderr > 0 {
			c.Off[source] = (value - published) / stderr
		}
	}
}

// metricName is the metric as tables show it: without the filter "none", and with what it is the mean
// with.
func (c *Column) metricName() string {
	name := strings.TrimSuffix(c.Metric, ",none")
	for _, p := range c.MeanWith {
		part := strings.TrimSuffix(p.Metric, ",none")
		if p.Task != "" {
			part += " of " + p.Task
		}
		name += " and " + part
	}
	if len(c.MeanWith) > 0 {
		name = "mean of " + name
	}
	if c.Unit == Points {
		name += ", of 10"
	}
	return name
}

// View shows an outcome as a table. Its last row is the averages of the columns that were
// measured.
func (t *Table) View(o *Outcome) eval.Table {
	v := eval.Table{Columns: []string{"column", "task", "n-shot", "metric", "documents", "measured", "stderr"}}
	for _, s := range t.Sources {
		v.Columns = append(v.Columns, s.Key, "off by, in stderrs")
	}
	for _, c := range o.Cells {
		v.Rows = append(v.Rows, c.row(t.Sources))
	}
	if mean := t.averages(o); mean != nil {
		v.Rows = append(v.Rows, mean)
	}
	return v
}

func (c *Cell) row(sources []Source) []string {
	nShot, documents, measured, stderr := fmt.Sprint(c.NumFewshot), "", "", ""
	if c.Chat {
		nShot += ", chat"
	}
	if c.Measured != nil {
		documents, measured = fmt.Sprint(c.Documents), fmt.Sprintf("%.2f", *c.Measured)
		if c.Stderr > 0 {
			stderr = fmt.Sprintf("%.2f", c.Stderr)
		}
	}
	row := []string{c.Label(), c.Task, nShot, c.metricName(), documents, measured, stderr}
	for _, s := range sources {
		published, off := "", ""
		if v, ok := c.Published[s.Key]; ok {
			published = fmt.Sprintf("%.2f", v)
		}
		if v, ok := c.Off[s.Key]; ok {
			off = fmt.Sprintf("%+.1f", v)
		}
		row = append(row, published, off)
	}
	return row
}

// NotMeasured lists the columns that were not measured, a line for each reason.
func (o *Outcome) NotMeasured() []string {
	var reasons []string
	titles := map[string][]string{}
	for _, c := range o.Cells {
		if c.Measured != nil {
			continue
		}
		if titles[c.NotMeasured] == nil {
			reasons = append(reasons, c.NotMeasured)
		}
		titles[c.NotMeasured] = append(titles[c.NotMeasured], c.Label())
	}
	for i, r := range reasons {
		reasons[i] = fmt.Sprintf("not measured: %s: %s", strings.Join(titles[r], ", "), r)
	}
	return reasons
}

// Notes are the lines below the table: the remarks of the columns that were measured, and what
// NotMeasured lists.
func (o *Outcome) Notes() (lines []string) {
	for _, c := range o.Cells {
		for _, line := range c.Remarks {
			if !slices.Contains(lines, line) { // a task may stand in several columns
				lines = append(lines, line)
			}
		}
	}
	return append(lines, o.NotMeasured()...)
}

// averages is the row of averages, nil if fewer than two columns were measured. Measured and
// published averages are both of the columns that were measured, of each the first reading.
func (t *Table) averages(o *Outcome) []string {
	measured, n := 0.0, 0
	sums, counts, seen := map[string]float64{}, map[string]int{}, map[string]bool{}
	for _, c := range o.Cells {
		if c.Measured == nil || c.Unit == Perplexity || seen[c.Title] {
			continue
		}
		seen[c.Title] = true
		measured, n = measured+*c.Measured, n+1
		for source, v := range c.Published {
			sums[source], counts[source] = sums[source]+v, counts[source]+1
		}
	}
	if n < 2 {
		return nil
	}
	row := []string{fmt.Sprintf("mean of these %d", n), "", "", "", "", fmt.Sprintf("%.2f", measured/float64(n)), ""}
	for _, s := range t.Sources {
		mean := ""
		if counts[s.Key] == n {
			mean = fmt.Sprintf("%.2f", sums[s.Key]/float64(n))
		}
		row = append(row, mean, "")
	}
	return row
}

// Markdown is a document of the outcomes.
func (t *Table) Markdown(outcomes []Outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nIn percent where no other unit is named, "+
		"by the rules of lm-evaluation-harness v0.4.\n\n", t.Title)
	for _, s := range t.Sources {
		fmt.Fprintf(&b, "* %s: %s\n", s.Key, s.Title)
	}
	for _, n := range t.Notes {
		fmt.Fprintf(&b, "* %s\n", n)
	}
	for i := range outcomes {
		o := &outcomes[i]
		fmt.Fprintf(&b, "\n## %s\n\nBeside the published values of %s%s.\n\n", o.Model, o.Beside, o.limited())
		b.WriteString(t.View(o).Markdown())
		for _, line := range o.Notes() {
			fmt.Fprintf(&b, "\n* %s", line)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// limited is a remark that not all documents were asked, "" if all were.
func (o *Outcome) limited() string {
	if o.Limit == 0 {
		return ""
	}
	return fmt.Sprintf(", which are of all documents; "+
		"here only the first %g of each task were asked (below 1: that share)", o.Limit)
}

package eval

import (
	"io"

	"trit/internal/report"
)

// Table is results in rows, each with a cell for every column.
type Table struct {
	Columns []string
	Rows    [][]string
}

// WriteText writes the table in aligned columns.
func (t Table) WriteText(w io.Writer) error {
	return report.Table{Head: t.Columns, Rows: t.Rows}.WriteText(w)
}

// Markdown is the table in Markdown.
func (t Table) Markdown() string { return report.Table{Head: t.Columns, Rows: t.Rows}.Markdown() }

package data

import (
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// checkFooter checks what the parquet library takes on trust: it refuses a type that does not
// exist, and nulls in a column that says it has none.
func checkFooter(path string, m *format.FileMetaData) error {
	required := map[string]bool{}
	for _, e := range m.Schema {
		if t, ok := e.Type.Get(); ok && (t < format.Boolean || t > format.FixedLenByteArray) {
			return columnError(path, e.Name, "it has type %d, which does not exist", int32(t))
		}
		rep, _ := e.RepetitionType.Get()
		required[e.Name] = rep == format.Required
	}
	for _, g := range m.RowGroups {
		for _, c := range g.Columns {
			name := c.MetaData.PathInSchema
			if n := c.MetaData.Statistics.NullCount; len(name) == 1 && required[name[0]] && n > 0 {
				return columnError(path, name[0], "it is required and has %d nulls", n)
			}
		}
	}
	return nil
}

// columnError is an error of a damaged column.
func columnError(path, column, found string, args ...any) error {
	return &FormatError{path, fmt.Sprintf("column %q", column), fmt.Sprintf(found, args...), parquetHint}
}

// checkStart refuses a row group whose first value goes on with a row that never began.
func (r *columnReader) checkStart(values []parquet.Value) error {
	if r.begun || len(values) == 0 {
		return nil
	}
	r.begun = true
	if level := values[0].RepetitionLevel(); level != 0 {
		return r.failed(fmt.Errorf("a row group begins with repetition level %d instead of 0", level))
	}
	return nil
}

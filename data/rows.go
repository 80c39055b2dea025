package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Field is a named value of a row: nil, a bool, int64, float64, string, a list of these
// ([]any), or the fields of a group ([]Field). Columns of maps are nil.
type Field struct {
	Name  string
	Value any
}

// rowsPerRead is the number of rows that are held at a time.
const rowsPerRead = 64

// ReadRows streams the rows of a parquet file with all columns, in the order of the
// schema. The sequence ends with its first error.
func ReadRows(ctx context.Context, path string) iter.Seq2[[]Field, error] {
	return func(yield func([]Field, error) bool) {
		f, err := openParquet(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.close()
		if err := f.rows(ctx, yield); err != nil {
			yield(nil, err)
		}
	}
}

// rows calls yield with all rows; the error is one that yield did not get.
func (f *parquetFile) rows(ctx context.Context, yield func([]Field, error) bool) error {
	r := parquet.NewGenericReader[any](f.file, f.file.Schema())
	defer r.Close()
	for buffer := make([]any, rowsPerRead); ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows, end, err := f.read(r, buffer)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if !yield(row, nil) {
				return nil
			}
		}
		if end {
			return nil
		}
	}
}

// read returns some rows and reports whether they are the last.
func (f *parquetFile) read(r *parquet.GenericReader[any], buffer []any) (rows [][]Field, end bool, err error) {
	defer recoverParquet(f.path, "rows", &err)
	clear(buffer)
	n, err := r.Read(buffer)
	if end = errors.Is(err, io.EOF); !end && err == nil && n == 0 {
		err = io.ErrNoProgress
	}
	if err != nil && !end {
		return nil, false, &FormatError{f.path, "rows", err.Error(), parquetHint}
	}
	for _, row := range buffer[:n] {
		fields, ok := plain(f.file.Schema(), row).([]Field)
		if !ok {
			return nil, false, &FormatError{f.path, "rows", fmt.Sprintf("a row is %T, not fields", row), parquetHint}
		}
		rows = append(rows, fields)
	}
	return rows, end, nil
}

// plain converts what the library read for a node of the schema to the types of Field.
func plain(node parquet.Node, value any) any {
	switch v := value.(type) {
	case map[string]any:
		var fields []Field
		for _, f := range node.Fields() {
			fields = append(fields, Field{f.Name(), plain(f, v[f.Name()])})
		}
		return fields
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(element(node), v[i])
		}
		return list
	case []byte:
		return string(v)
	case int32:
		return int64(v)
	case float32:
		return float64(v)
	}
	return value
}

// element is the node of a list's elements: of a LIST group the one inside, else the
// repeated node itself.
func element(node parquet.Node) parquet.Node {
	l := node.Type().LogicalType()
	if l == nil {
		return node
	}
	if _, ok := l.Value.(*format.ListType); !ok {
		return node
	}
	for range 2 { // a group "list", in it one "element"
		if fields := node.Fields(); len(fields) == 1 {
			node = fields[0]
		}
	}
	return node
}

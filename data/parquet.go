package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// valuesPerRead is the number of values that are read from a page at a time.
const valuesPerRead = 1024

const parquetHint = "the file may be damaged or cut short, fetch or write it again"

// ReadColumn streams the texts of one column of parquet files, file by file in row order.
// Only that column is read, a page at a time, and nulls are skipped. Dots divide the names
// of a column inside a group. The sequence ends with its first error: a damaged file, or a
// column that does not exist or holds no text.
func ReadColumn(ctx context.Context, files []string, column string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, path := range files {
			if !yieldFile(ctx, path, column, yield) {
				return
			}
		}
	}
}

func yieldFile(ctx context.Context, path, column string, yield func(string, error) bool) bool {
	f, err := openParquet(path)
	if err != nil {
		return yield("", err) && false
	}
	defer f.close()
	leaf, err := f.textColumn(column)
	if err != nil {
		return yield("", err) && false
	}
	r := f.column(leaf)
	defer r.close()
	for {
		if err := ctx.Err(); err != nil {
			return yield("", err) && false
		}
		values, err := r.next()
		if err == io.EOF {
			return true
		}
		if err != nil {
			return yield("", err) && false
		}
		for _, v := range values {
			if !v.IsNull() && !yield(string(v.ByteArray()), nil) {
				return false
			}
		}
	}
}

type parquetFile struct {
	path string
	os   *os.File
	file *parquet.File
}

func openParquet(path string) (_ *parquetFile, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	defer recoverParquet(path, "footer", &err)
	file, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, &FormatError{path, "footer", err.Error(), "give a whole parquet file"}
	}
	if err := checkFooter(path, file.Metadata()); err != nil {
		return nil, err
	}
	return &parquetFile{path, f, file}, nil
}

func (f *parquetFile) close() { f.os.Close() }

// recoverParquet turns a panic of the parquet library, which trusts some of what it reads,
// into an error.
func recoverParquet(path, field string, err *error) {
	if p := recover(); p != nil {
		*err = &FormatError{path, field, fmt.Sprint(p), parquetHint}
	}
}

func (f *parquetFile) textColumn(name string) (leaf parquet.LeafColumn, err error) {
	defer recoverParquet(f.path, "schema", &err)
	schema := f.file.Schema()
	leaf, ok := schema.Lookup(name)
	if !ok {
		leaf, ok = schema.Lookup(strings.Split(name, ".")...)
	}
	field := fmt.Sprintf("column %q", name)
	switch {
	case !ok:
		return leaf, &FormatError{f.path, field, "no such column", "name one of: " + f.columnNames()}
	case leaf.MaxRepetitionLevel > 0:
		return leaf, &FormatError{f.path, field, "it is a list, not one text a row", "name one of: " + f.columnNames()}
	case leaf.Node.Type().Kind() != parquet.ByteArray:
		found := fmt.Sprintf("it holds %s, not text", leaf.Node.Type())
		return leaf, &FormatError{f.path, field, found, "name one of: " + f.columnNames()}
	}
	return leaf, nil
}

func (f *parquetFile) columnNames() string {
	var names []string
	for _, path := range f.file.Schema().Columns() {
		names = append(names, strings.Join(path, "."))
	}
	return strings.Join(names, ", ")
}

// columnReader walks the pages of one column through all row groups.
type columnReader struct {
	path   string
	name   string
	leaf   parquet.LeafColumn
	groups []parquet.RowGroup // those not begun
	rows   int64              // rows of the current group that are still to come
	begun  bool               // whether a value of the current group was read
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buffer []parquet.Value
}

func (f *parquetFile) column(leaf parquet.LeafColumn) *columnReader {
	return &columnReader{
		path: f.path, name: strings.Join(leaf.Path, "."), leaf: leaf,
		groups: f.file.RowGroups(), buffer: make([]parquet.Value, valuesPerRead),
	}
}

// next returns some values, which are valid until it is called again, or io.EOF.
func (r *columnReader) next() (values []parquet.Value, err error) {
	defer recoverParquet(r.path, fmt.Sprintf("column %q", r.name), &err)
	for {
		if r.values == nil {
			if err := r.nextPage(); err != nil {
				return nil, err
			}
		}
		n, err := r.values.ReadValues(r.buffer)
		if errors.Is(err, io.EOF) {
			r.values = nil
		} else if err != nil {
			return nil, r.failed(err)
		}
		if n > 0 {
			return r.buffer[:n], r.check(r.buffer[:n])
		}
	}
}

func (r *columnReader) nextPage() (err error) {
	for {
		r.release()
		if r.pages == nil {
			if len(r.groups) == 0 {
				return io.EOF
			}
			r.rows, r.begun = r.groups[0].NumRows(), false
			r.pages = r.groups[0].ColumnChunks()[r.leaf.ColumnIndex].Pages()
			r.groups = r.groups[1:]
		}
		r.page, err = r.pages.ReadPage()
		if err == nil {
			r.values = r.page.Values()
			return nil
		}
		if !errors.Is(err, io.EOF) {
			return r.failed(err)
		}
		r.pages.Close()
		r.pages = nil
		if r.rows != 0 {
			return r.failed(fmt.Errorf("a row group ends %d rows short", r.rows))
		}
	}
}

// check compares the values with the schema and with the number of rows that was stated.
func (r *columnReader) check(values []parquet.Value) error {
	if err := r.checkStart(values); err != nil {
		return err
	}
	for _, v := range values {
		if v.RepetitionLevel() == 0 {
			r.rows--
		}
		if v.IsNull() && r.leaf.MaxDefinitionLevel == 0 {
			return r.failed(errors.New("a null in a required column"))
		}
	}
	if r.rows < 0 {
		return r.failed(errors.New("a row group holds more rows than it states"))
	}
	return nil
}

func (r *columnReader) failed(err error) error { return columnError(r.path, r.name, "%v", err) }

func (r *columnReader) release() {
	if r.page != nil {
		parquet.Release(r.page)
	}
	r.page, r.values = nil, nil
}

func (r *columnReader) close() {
	r.release()
	if r.pages != nil {
		r.pages.Close()
	}
}

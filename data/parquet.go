package data

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

const parquetHint = "the file may be damaged or cut short, fetch or write it again"

// Column is a column of texts in parquet files. Its methods may be called at the same time.
type Column struct {
	// Files are read one after another.
	Files []string
	// Name is the column's name. Dots divide the names of a column inside groups, and the last
	// names are enough where only one column ends with them.
	Name string

	nulls atomic.Int64
}

// NullRows returns the number of rows without a text, which Texts has skipped so far.
func (c *Column) NullRows() int64 { return c.nulls.Load() }

// Texts streams the texts, file by file in row order. Only the column is read, a page at a time.
// Rows whose text is null are skipped and counted; a column of another type is accepted if all
// its rows are null, as writers give a column without any value an arbitrary type. The sequence
// ends with its first error, which is a *FormatError, one of the disk, or that of ctx.
func (c *Column) Texts(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		first := columnOrigin{}
		for _, path := range c.Files {
			if more, err := c.file(ctx, path, &first, yield); err != nil {
				yield("", err)
				return
			} else if !more {
				return
			}
		}
	}
}

// ReadColumn streams the texts of one column of parquet files. It is Column.Texts without the
// count of the rows that are skipped.
func ReadColumn(ctx context.Context, files []string, column string) iter.Seq2[string, error] {
	return (&Column{Files: files, Name: column}).Texts(ctx)
}

// columnOrigin is the file that a column was found in first, and its full name there.
type columnOrigin struct{ file, name string }

// check refuses a short name that means different columns in different files.
func (o *columnOrigin) check(path string, l *leaf) error {
	if o.file == "" {
		*o = columnOrigin{path, l.name()}
	}
	if l.name() == o.name {
		return nil
	}
	return &FormatError{path, fmt.Sprintf("column %q", l.name()),
		fmt.Sprintf("the name means %q in %s", o.name, o.file), "name the column in full, and read other files apart"}
}

// file yields the texts of one file and reports whether more are wanted.
func (c *Column) file(
	ctx context.Context, path string, first *columnOrigin, yield func(string, error) bool,
) (more bool, err error) {
	f, err := openParquet(path)
	if err != nil {
		return false, err
	}
	defer f.close()
	l, err := f.textColumn(c.Name)
	if err != nil {
		return false, err
	}
	if err := first.check(path, l); err != nil {
		return false, err
	}
	r := f.column(l)
	defer r.close()
	for {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		values, err := r.next()
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if more, err := c.yield(f, l, values, yield); !more {
			return false, err
		}
	}
}

func (c *Column) yield(
	f *parquetFile, l *leaf, values []parquet.Value, yield func(string, error) bool,
) (more bool, err error) {
	isText := l.isText()
	for _, v := range values {
		if v.IsNull() {
			c.nulls.Add(1)
			continue
		}
		if !isText {
			return false, f.columnRefused(c.Name, fmt.Sprintf("it holds %s, not text", l.typeName()))
		}
		if !yield(string(v.ByteArray()), nil) {
			return false, nil
		}
	}
	return true, nil
}

type parquetFile struct {
	path   string
	os     *os.File
	file   *parquet.File
	root   *node
	leaves []*leaf
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
	if err := checkFooterSize(path, f, info.Size()); err != nil {
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
	root, leaves, err := parseSchema(path, file.Metadata().Schema)
	if err != nil {
		return nil, err
	}
	return &parquetFile{path, f, file, root, leaves}, nil
}

// numRows adds up the row groups: some writers leave the number of the whole file at 0.
func (f *parquetFile) numRows() (n int64) {
	for _, g := range f.file.Metadata().RowGroups {
		n += max(g.NumRows, 0)
	}
	return n
}

func (f *parquetFile) close() { f.os.Close() }

// recoverParquet turns a panic of the parquet library, which trusts some of what it reads,
// into an error.
func recoverParquet(path, field string, err *error) {
	if p := recover(); p != nil {
		*err = &FormatError{path, field, fmt.Sprint(p), parquetHint}
	}
}

// textColumn finds the column of a name: the one of that full name, or else the only one outside
// of lists that ends with it.
func (f *parquetFile) textColumn(name string) (*leaf, error) {
	var found, lists []*leaf
	for _, l := range f.leaves {
		switch {
		case l.name() == name && l.repetition == 0:
			return l, nil
		case l.repetition > 0 && (l.endsWith(name) || strings.HasPrefix(l.name(), name+".")):
			lists = append(lists, l)
		case l.repetition == 0 && l.endsWith(name):
			found = append(found, l)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, f.columnRefused(name, "more than one column ends with this name")
	case len(lists) > 0:
		return nil, f.columnRefused(name, "it is a list, not one text a row")
	}
	return nil, f.columnRefused(name, "no such column")
}

// columnRefused is the error of a column that is not one of texts.
func (f *parquetFile) columnRefused(name, found string) error {
	var names []string
	for _, l := range f.leaves {
		names = append(names, l.name())
	}
	return &FormatError{f.path, fmt.Sprintf("column %q", name), found, "name one of: " + strings.Join(names, ", ")}
}

// chunk returns the description of a column's part in a row group.
func (f *parquetFile) chunk(group int, l *leaf) *format.ColumnMetaData {
	return &f.file.Metadata().RowGroups[group].Columns[l.index].MetaData
}

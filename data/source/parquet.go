package source

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

const parquetHint = "the file may be damaged or cut short, fetch or write it again"

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

// parquet yields the texts of one file and reports whether more are wanted.
func (t *Texts) parquet(ctx context.Context, s *stream, yield emit) (more bool, err error) {
	f, err := newParquet(s)
	if err != nil {
		return false, err
	}
	l, err := f.textColumn(t.o.Column)
	if err != nil {
		return false, err
	}
	if err := t.column.check(s.path, l); err != nil {
		return false, err
	}
	r := f.column(l)
	defer r.close()
	rest := r.skip(t.row)
	t.row -= rest
	skip := t.row + rest
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
		if more, err := t.values(f, l, values, skip, yield); !more {
			return false, err
		}
	}
}

// values yields the texts among some values of the column that lie behind the first skip rows.
func (t *Texts) values(f *parquetFile, l *leaf, values []parquet.Value, skip int64, yield emit) (more bool, err error) {
	isText := l.isText()
	for _, v := range values {
		if t.row++; t.row <= skip {
			continue
		}
		if v.IsNull() {
			t.counts.Null++
			continue
		}
		if !isText {
			return false, f.columnRefused(t.o.Column, fmt.Sprintf("it holds %s, not text", l.typeName()))
		}
		if !yield(string(v.ByteArray())) {
			return false, nil
		}
	}
	return true, nil
}

type parquetFile struct {
	stream *stream
	path   string
	at     io.ReaderAt
	file   *parquet.File
	root   *node
	leaves []*leaf
}

// openParquet opens a parquet file; the caller closes it.
func openParquet(path string) (*parquetFile, error) {
	s, err := openFile(path, path, Options{})
	if err != nil {
		return nil, err
	}
	if s.kind != parquetKind {
		s.close()
		return nil, &KindError{path, string(s.kind), "give a parquet file"}
	}
	f, err := newParquet(s)
	if err != nil {
		s.close()
	}
	return f, err
}

// newParquet reads the footer of a stream that is parquet.
func newParquet(s *stream) (_ *parquetFile, err error) {
	path := s.path
	f, err := s.whole()
	if err != nil {
		return nil, err
	}
	if err := checkEnd(path, f, f.size); err != nil {
		return nil, err
	}
	at := f.ReaderAt
	if s.remote {
		at = &segments{f, map[int]segment{}}
	}
	defer recoverParquet(path, "footer", &err)
	file, err := parquet.OpenFile(at, f.size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, &FormatError{path, "footer", fmt.Sprintf("it cannot be read (%v)", err), parquetHint}
	}
	if err := checkFooter(path, file.Metadata()); err != nil {
		return nil, err
	}
	root, leaves, err := parseSchema(path, file.Metadata().Schema)
	if err != nil {
		return nil, err
	}
	return &parquetFile{s, path, at, file, root, leaves}, nil
}

// numRows adds up the row groups: some writers leave the number of the whole file at 0.
func (f *parquetFile) numRows() (n int64) {
	for _, g := range f.file.Metadata().RowGroups {
		n += max(g.NumRows, 0)
	}
	return n
}

func (f *parquetFile) close() { f.stream.close() }

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

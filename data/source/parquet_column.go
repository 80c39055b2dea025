package source

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// valuesPerRead is the number of values that are taken from a page at a time.
const valuesPerRead = 1024

// columnReader walks the pages of one column through all row groups.
type columnReader struct {
	file   *parquetFile
	leaf   *leaf
	groups []parquet.RowGroup
	group  int   // number of the next row group
	rows   int64 // rows of the current group that are still to come
	begun  bool  // whether a value of the current group was read
	pages  parquet.Pages
	page   parquet.Page
	values parquet.ValueReader
	buffer []parquet.Value
}

func (f *parquetFile) column(l *leaf) *columnReader {
	return &columnReader{file: f, leaf: l, groups: f.file.RowGroups(), buffer: make([]parquet.Value, valuesPerRead)}
}

// skip goes past whole row groups and returns how many of the rows are left to be skipped.
func (r *columnReader) skip(rows int64) (rest int64) {
	for ; r.group < len(r.groups) && rows >= r.groups[r.group].NumRows(); r.group++ {
		rows -= r.groups[r.group].NumRows()
	}
	return rows
}

// next returns some values, which are valid until it is called again, or io.EOF.
func (r *columnReader) next() (values []parquet.Value, err error) {
	defer recoverParquet(r.file.path, fmt.Sprintf("column %q", r.leaf.name()), &err)
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
			if err := r.nextGroup(); err != nil {
				return err
			}
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

// nextGroup begins the next row group that has rows; those without may have no pages at all.
func (r *columnReader) nextGroup() error {
	for r.group < len(r.groups) && r.groups[r.group].NumRows() == 0 {
		r.group++
	}
	if r.group == len(r.groups) {
		return io.EOF
	}
	g := r.groups[r.group]
	c := r.file.chunk(r.group, r.leaf)
	if err := r.hold(c); err != nil {
		return err
	}
	if err := r.checkChunk(c); err != nil {
		return err
	}
	r.rows, r.begun = g.NumRows(), false
	r.pages = g.ColumnChunks()[r.leaf.index].Pages()
	r.group++
	return nil
}

// hold fetches a chunk of a remote file.
func (r *columnReader) hold(c *format.ColumnMetaData) error {
	s, remote := r.file.at.(*segments)
	if !remote {
		return nil
	}
	if err := s.hold(r.leaf.index, chunkStart(c), c.TotalCompressedSize); err != nil {
		return fmt.Errorf("%s: %w", r.file.path, err)
	}
	return nil
}

func (r *columnReader) failed(err error) error {
	return columnError(r.file.path, r.leaf.name(), "%v", err)
}

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

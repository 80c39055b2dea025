package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Field is a named value of a row: nil, a bool, int64, float64, string, a list of these
// ([]any), or the fields of a group ([]Field). A map is a list of groups of a key and a value.
// Decimals, dates and times are strings, as Python writes them, and so are whole numbers that
// are larger than an int64.
type Field struct {
	Name  string
	Value any
}

// maxRowValues bounds the values of one column in one row.
const maxRowValues = 1 << 22

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
		if err := f.rows(ctx, 0, yield); err != nil {
			yield(nil, err)
		}
	}
}

// rows calls yield with the rows behind the first skip; the error is one that yield did not get.
func (f *parquetFile) rows(ctx context.Context, skip int64, yield func([]Field, error) bool) error {
	cursors := make([]*cursor, len(f.leaves))
	for i, l := range f.leaves {
		cursors[i] = &cursor{reader: f.column(l), convert: converter(l.element)}
		defer cursors[i].reader.close()
	}
	rest := skip
	for i := range cursors {
		rest = cursors[i].reader.skip(skip)
	}
	for n := range f.numRows() - (skip - rest) {
		if err := ctx.Err(); err != nil {
			return err
		}
		row, err := f.row(cursors)
		if err != nil {
			return err
		}
		if n >= rest && !yield(row, nil) {
			return nil
		}
	}
	return ctx.Err()
}

// row assembles the next row.
func (f *parquetFile) row(cursors []*cursor) ([]Field, error) {
	cells := make([][]cell, len(cursors))
	for i, c := range cursors {
		var err error
		if cells[i], err = c.row(); err != nil {
			return nil, err
		}
	}
	value, err := f.root.content(cells, 0, 0)
	if err != nil {
		return nil, &FormatError{f.path, "rows", err.Error(), parquetHint}
	}
	fields, _ := value.([]Field)
	return fields, nil
}

// cell is one value of a column with its levels.
type cell struct {
	repetition, definition int
	value                  any
}

// cursor reads one column row by row.
type cursor struct {
	reader  *columnReader
	convert func(v value) any
	values  []value // those that are still to come
	cells   []cell
}

// row returns the cells of the next row, which are valid until it is called again.
func (c *cursor) row() (_ []cell, err error) {
	defer recoverParquet(c.reader.file.path, "rows", &err)
	for c.cells = c.cells[:0]; ; c.values = c.values[1:] {
		if len(c.values) == 0 {
			c.values, err = c.reader.next()
			if errors.Is(err, io.EOF) && len(c.cells) > 0 {
				return c.cells, nil
			}
			if err != nil {
				return nil, c.ended(err)
			}
		}
		v := c.values[0]
		if v.RepetitionLevel() == 0 && len(c.cells) > 0 {
			return c.cells, nil
		}
		if len(c.cells) == maxRowValues {
			return nil, c.reader.failed(fmt.Errorf("a row has more than %d values", maxRowValues))
		}
		one := cell{v.RepetitionLevel(), v.DefinitionLevel(), nil}
		if !v.IsNull() {
			one.value = c.convert(v)
		}
		c.cells = append(c.cells, one)
	}
}

func (c *cursor) ended(err error) error {
	if errors.Is(err, io.EOF) {
		return c.reader.failed(errors.New("it has fewer rows than the file"))
	}
	return err
}

// The functions below put a row together from the cells of its columns. They get the cells of the
// node's leaves that belong to one occurrence of the node, and the levels of what is around it.
// Source: S. Melnik et al., Dremel: Interactive Analysis of Web-Scale Datasets, 2010, section 4.3.

// value assembles a node with its repetition type.
func (n *node) value(cells [][]cell, definition, repetition int) (any, error) {
	switch {
	case n.repeated():
		return n.list(cells, definition, repetition, (*node).content)
	case n.optional():
		definition++
		if len(cells) > 0 && cells[0][0].definition < definition {
			return nil, nil
		}
	}
	return n.content(cells, definition, repetition)
}

// content assembles one occurrence of a node that is not null.
func (n *node) content(cells [][]cell, definition, repetition int) (any, error) {
	switch {
	case n.isLeaf():
		if len(cells[0]) != 1 {
			return nil, fmt.Errorf("column %q has %d values where one is expected", n.leaves[0].name(), len(cells[0]))
		}
		return cells[0][0].value, nil
	case n.isList():
		if repeated, isElement := n.elements(); repeated != nil && !isElement {
			return repeated.list(cells, definition, repetition, (*node).onlyChild)
		} else if repeated != nil {
			return repeated.value(cells, definition, repetition)
		}
	case n.isMap():
		if repeated, _ := n.elements(); repeated != nil {
			return repeated.value(cells, definition, repetition)
		}
	}
	return n.fields(cells, definition, repetition)
}

func (n *node) fields(cells [][]cell, definition, repetition int) (any, error) {
	fields := make([]Field, 0, len(n.children))
	for _, c := range n.children {
		v, err := c.value(cells[:len(c.leaves)], definition, repetition)
		if err != nil {
			return nil, err
		}
		cells = cells[len(c.leaves):]
		fields = append(fields, Field{c.element.Name, v})
	}
	return fields, nil
}

// onlyChild assembles the child of a group that has one.
func (n *node) onlyChild(cells [][]cell, definition, repetition int) (any, error) {
	return n.children[0].value(cells, definition, repetition)
}

// assembly puts one occurrence of a node together.
type assembly func(n *node, cells [][]cell, definition, repetition int) (any, error)

// list assembles the occurrences of a repeated node.
func (n *node) list(cells [][]cell, definition, repetition int, item assembly) (any, error) {
	definition, repetition = definition+1, repetition+1
	list := []any{}
	if len(cells) == 0 || cells[0][0].definition < definition {
		return list, nil
	}
	for rest := cells; len(rest[0]) > 0; {
		head, tail, err := n.split(rest, repetition)
		if err != nil {
			return nil, err
		}
		v, err := item(n, head, definition, repetition)
		if err != nil {
			return nil, err
		}
		list, rest = append(list, v), tail
	}
	return list, nil
}

// split divides cells into those of the first occurrence of a repeated node and the others.
func (n *node) split(cells [][]cell, repetition int) (head, tail [][]cell, err error) {
	head, tail = make([][]cell, len(cells)), make([][]cell, len(cells))
	for i, c := range cells {
		end := min(1, len(c))
		for end < len(c) && c[end].repetition > repetition {
			end++
		}
		if head[i], tail[i] = c[:end], c[end:]; end == 0 || (len(tail[i]) == 0) != (len(tail[0]) == 0) {
			return nil, nil, fmt.Errorf("columns %q and %q have lists of different lengths", n.leaves[0].name(),
				n.leaves[i].name())
		}
	}
	return head, tail, nil
}

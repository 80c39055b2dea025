package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// PlainField is the field that holds a document of plain text in a Row.
const PlainField = "text"

// Row is a row of a parquet file, a line of JSON, or a document of plain text.
type Row struct {
	Path   string
	Number int64                      // of the row, the line or the document, from 1
	Names  []string                   // of the fields: in the order of a parquet file, or sorted
	Fields map[string]json.RawMessage // those that are not null

	text    *string // in Options.Column, as it is where JSON cannot hold it
	noText  string  // the type of that column, if it is one of no text
	invalid bool    // some field is not valid UTF-8
}

// Has reports whether a field is there and not null.
func (r *Row) Has(name string) bool { return r.Fields[name] != nil }

// Size is the length of the values, in bytes.
func (r *Row) Size() (n int) {
	for _, v := range r.Fields {
		n += len(v)
	}
	return n
}

// Rows streams whole rows, file by file, with their fields as JSON. A field that is null is left
// out; inside a parquet column too, whose groups have all fields that any row has. It ends as
// All does, and counts as All does, except rows without a text.
func (t *Texts) Rows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		t.walk(Position{}, func(s *stream) (bool, error) {
			return t.streamRows(ctx, s, func(r Row) bool {
				if r.invalid {
					t.counts.Invalid++
				}
				return yield(r, nil)
			})
		}, func(err error) { yield(Row{}, err) })
	}
}

// emitRow takes a row and reports whether more are wanted.
type emitRow func(r Row) bool

func (t *Texts) streamRows(ctx context.Context, s *stream, yield emitRow) (more bool, err error) {
	switch s.kind {
	case parquetKind:
		return t.parquetRows(ctx, s, yield)
	case jsonKind:
		return t.jsonRows(ctx, s, yield)
	}
	return t.plain(ctx, s, func(text string) bool {
		value, _ := json.Marshal(text) // a string
		return yield(Row{Path: s.path, Number: t.row, Names: []string{PlainField},
			Fields: map[string]json.RawMessage{PlainField: value}, text: &text, invalid: !utf8.ValidString(text)})
	})
}

// parquetRows yields the rows of a parquet file.
func (t *Texts) parquetRows(ctx context.Context, s *stream, yield emitRow) (more bool, err error) {
	f, err := newParquet(s)
	if err != nil {
		return false, err
	}
	more, noText := true, ""
	if l, err := f.textColumn(t.o.Column); err == nil && !l.isText() {
		noText = l.typeName()
	}
	err = f.rows(ctx, t.row, func(fields []Field, _ error) bool {
		t.row++
		r := rowWith(s.path, t.row, fields)
		r.text, r.noText = textIn(fields, t.o.Column), noText
		more = yield(r)
		return more
	})
	return more, err
}

// textIn is the text in a column, nil if there is none. Dots lead into groups.
func textIn(fields []Field, column string) *string {
	for _, f := range fields {
		if text, ok := f.Value.(string); ok && f.Name == column {
			return &text
		}
		group, _ := f.Value.([]Field)
		if inner, ok := strings.CutPrefix(column, f.Name+"."); ok {
			if text := textIn(group, inner); text != nil {
				return text
			}
		}
	}
	return nil
}

func rowWith(path string, n int64, fields []Field) Row {
	r := Row{Path: path, Number: n, Fields: make(map[string]json.RawMessage, len(fields))}
	valid := true
	for _, f := range fields {
		r.Names = append(r.Names, f.Name)
		if f.Value != nil {
			r.Fields[f.Name] = appendJSON(nil, f.Value, &valid)
		}
	}
	r.invalid = !valid
	return r
}

// appendJSON appends a Field's value as JSON. Fields of groups that are null are left out.
func appendJSON(b []byte, value any, valid *bool) []byte {
	switch v := value.(type) {
	case []Field:
		b = append(b, '{')
		for _, f := range v {
			if f.Value == nil {
				continue
			}
			if b[len(b)-1] != '{' {
				b = append(b, ',')
			}
			b = append(appendString(b, f.Name, valid), ':')
			b = appendJSON(b, f.Value, valid)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, item, valid)
		}
		return append(b, ']')
	case string:
		return appendString(b, v, valid)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(b, "null"...) // JSON has no other word for it
		}
	}
	text, _ := json.Marshal(value) // nil, a bool or a number
	return append(b, text...)
}

// appendString appends a text as JSON, with <, > and & as they are.
func appendString(b []byte, s string, valid *bool) []byte {
	*valid = *valid && utf8.ValidString(s)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

// jsonRows yields the objects of a file with one on each line.
func (t *Texts) jsonRows(ctx context.Context, s *stream, yield emitRow) (more bool, err error) {
	s.skipMark()
	r := jsonReader{stream: s, lines: pieces{in: s.in, until: '\n'}}
	if err := r.skip(t.row); err != nil {
		return false, err
	}
	for {
		line, err := r.line()
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		row := Row{Path: s.path, Number: int64(r.lines.n), invalid: !utf8.Valid(line)}
		if row.Names, row.Fields = objectOf(line); row.Fields == nil {
			return false, r.noObject(line)
		}
		r.rows++
		t.row++
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if !yield(row) {
			return false, nil
		}
	}
}

// objectOf reads an object: the names of its fields, sorted, and the values that are not null. The
// values are nil for what is no object.
func objectOf(line []byte) (names []string, fields map[string]json.RawMessage) {
	if json.Unmarshal(line, &fields) != nil || fields == nil {
		return nil, nil
	}
	names = slices.Sorted(maps.Keys(fields))
	maps.DeleteFunc(fields, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	return names, fields
}

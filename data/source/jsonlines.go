package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// rowsWithoutColumn is how many rows at the start of a file may lack the column before it is
// taken for another.
const rowsWithoutColumn = 1000

// jsonLines yields the texts of a file with one JSON object a line. A row without the field, or
// with null in it, has no text. Blank lines are no rows.
func (t *Texts) jsonLines(ctx context.Context, s *stream, yield emit) (more bool, err error) {
	s.skipMark()
	r := jsonReader{stream: s, name: t.o.Column, lines: pieces{in: s.in, until: '\n'}}
	if err := r.skip(t.row); err != nil {
		return false, err
	}
	for {
		text, err := r.next()
		if errors.Is(err, io.EOF) {
			return true, r.ended()
		}
		if err != nil {
			return false, err
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		t.row++
		if text == nil {
			t.counts.Null++
			continue
		}
		if r.isInvalid(*text) {
			t.counts.Invalid++
		}
		if !yield(*text) {
			return false, nil
		}
	}
}

// jsonReader reads one field of the rows.
type jsonReader struct {
	stream *stream
	name   string
	lines  pieces
	value  []byte   // the JSON of the last text
	first  []string // the fields of the first row
	rows   int
	found  bool // whether a row had the field
}

// skip goes past rows that were read before, when the field was found.
func (r *jsonReader) skip(rows int64) error {
	r.found = rows > 0
	for range rows {
		if _, err := r.line(); err != nil {
			return r.stream.shorter(rows, err)
		}
		r.rows++
	}
	return nil
}

// next returns the text of the next row, nil if it has none, or io.EOF.
func (r *jsonReader) next() (*string, error) {
	line, err := r.line()
	if err != nil {
		return nil, err
	}
	return r.row(line)
}

// line returns the next line that is not blank, valid until the next call, or io.EOF.
func (r *jsonReader) line() ([]byte, error) {
	for {
		line, err := r.lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, err
		case errors.Is(err, errTooLong):
			return nil, r.failed(tooLong(), "leave it out, or write the text as several documents")
		case err != nil:
			return nil, r.stream.failed(err)
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

func (r *jsonReader) failed(found, hint string) error {
	return r.stream.lineFailed(r.lines.n, found, hint)
}

func (r *jsonReader) row(line []byte) (*string, error) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(line, &fields) != nil || fields == nil {
		return nil, r.noObject(line)
	}
	value := field(fields, r.name)
	if r.rows++; r.rows == 1 {
		r.first = slices.Sorted(maps.Keys(fields))
	}
	if r.value = value; value == nil {
		if !r.found && r.rows == rowsWithoutColumn {
			return nil, r.ended()
		}
		return nil, nil
	}
	r.found = true
	return r.text(value)
}

// text returns the text of a field's value.
func (r *jsonReader) text(value json.RawMessage) (*string, error) {
	if string(value) == "null" {
		return nil, nil
	}
	var text string
	if value[0] != '"' || json.Unmarshal(value, &text) != nil {
		return nil, r.failed(fmt.Sprintf("the field %q holds %s, not text", r.name, jsonType(value)),
			"name a field of texts")
	}
	return &text, nil
}

// noObject is the error of a line that is no JSON object.
func (r *jsonReader) noObject(line []byte) error {
	var found *json.SyntaxError
	if !errors.As(json.Unmarshal(line, new(json.RawMessage)), &found) {
		return r.failed("it is JSON, and no object", "write an object with the text in a field on each line")
	}
	if r.rows == 0 && int(found.Offset) >= len(line) {
		return &KindError{r.stream.path, "JSON over several lines", hintLines}
	}
	return r.failed(fmt.Sprintf("it is no JSON at byte %d (%v)", found.Offset, found),
		"write one object a line, or fetch it again")
}

// ended is the error of a file of which no row has had the field.
func (r *jsonReader) ended() error {
	if r.found || r.rows == 0 {
		return nil
	}
	return &FormatError{r.stream.path, fmt.Sprintf("field %q", r.name),
		fmt.Sprintf("none of the first %d rows has it", r.rows), "name one of: " + strings.Join(r.first, ", ")}
}

// isInvalid reports whether the last text was not Unicode: invalid UTF-8, or half of a
// surrogate pair, for which there is U+FFFD in the text now.
func (r *jsonReader) isInvalid(text string) bool {
	if !strings.ContainsRune(text, utf8.RuneError) {
		return false
	}
	raw := bytes.ToLower(r.value)
	meant := bytes.Count(raw, []byte(string(utf8.RuneError))) + bytes.Count(raw, []byte(`\ufffd`))
	return !utf8.Valid(r.value) || strings.Count(text, string(utf8.RuneError)) > meant
}

// field returns the value of a field, nil if there is none. Dots divide the names of objects in
// objects, unless a name has them itself.
func field(object map[string]json.RawMessage, name string) json.RawMessage {
	if v, ok := object[name]; ok {
		return v
	}
	for i, c := range name {
		inner := map[string]json.RawMessage{}
		if c != '.' || json.Unmarshal(object[name[:i]], &inner) != nil {
			continue
		}
		if v := field(inner, name[i+1:]); v != nil {
			return v
		}
	}
	return nil
}

func jsonType(value json.RawMessage) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 't', 'f':
		return "true or false"
	}
	return "a number"
}

package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"trit/data"
)

// Document is a row of a data set, with its fields in their order. Values are those of
// data.Field, and json.Number where the file is JSON.
type Document []data.Field

// maxDepth bounds how deep the values of a JSON document are nested.
const maxDepth = 32

// parseDocument reads a line of JSON.
func parseDocument(line []byte) (Document, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	v, err := parseValue(d, 0)
	if err != nil {
		return nil, err
	}
	fields, ok := v.([]data.Field)
	if !ok {
		return nil, errors.New("it is no JSON object")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	return fields, nil
}

func parseValue(d *json.Decoder, depth int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, unexpectedEnd(err)
	}
	if _, ok := t.(json.Delim); ok && depth == maxDepth {
		return nil, fmt.Errorf("values are nested more than %d deep", maxDepth)
	}
	switch t {
	case json.Delim('{'):
		return parseFields(d, depth+1)
	case json.Delim('['):
		return parseList(d, depth+1)
	}
	return t, nil
}

func parseList(d *json.Decoder, depth int) ([]any, error) {
	list := []any{}
	for d.More() {
		v, err := parseValue(d, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.Token()
	return list, unexpectedEnd(err)
}

// parseFields reads the rest of an object; of fields with the same name the last holds.
func parseFields(d *json.Decoder, depth int) ([]data.Field, error) {
	fields, at := []data.Field{}, map[string]int{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, unexpectedEnd(err)
		}
		name, _ := t.(string)
		v, err := parseValue(d, depth)
		if err != nil {
			return nil, err
		}
		if i, again := at[name]; again {
			fields[i].Value = v
			continue
		}
		at[name] = len(fields)
		fields = append(fields, data.Field{Name: name, Value: v})
	}
	_, err := d.Token()
	return fields, unexpectedEnd(err)
}

func unexpectedEnd(err error) error {
	if err == io.EOF {
		return errors.New("the JSON ends too early")
	}
	return err
}

// columns are the names of the fields.
func (d Document) columns() []string {
	names := make([]string, len(d))
	for i, f := range d {
		names[i] = f.Name
	}
	return names
}

func (d Document) get(name string) (any, bool) {
	i := slices.IndexFunc(d, func(f data.Field) bool { return f.Name == name })
	if i < 0 {
		return nil, false
	}
	return d[i].Value, true
}

// with adds a field or replaces its value.
func (d Document) with(name string, value any) Document {
	out := slices.Clone(d)
	for i := range out {
		if out[i].Name == name {
			out[i].Value = value
			return out
		}
	}
	return append(out, data.Field{Name: name, Value: value})
}

// MarshalJSON writes the fields in their order.
func (d Document) MarshalJSON() ([]byte, error) { return []byte(pyJSON([]data.Field(d), "")), nil }

// hashed is the form of which the harness takes the hash: json.dumps with indent=2 and
// ensure_ascii=False.
func (d Document) hashed() string { return pyJSON([]data.Field(d), "\n") }

// pyJSON writes a value as Python's json module does. newline is "" for one line, or a
// line break with the indent of the value.
func pyJSON(v any, newline string) string {
	switch v := v.(type) {
	case []data.Field:
		var parts []string
		for _, f := range v {
			parts = append(parts, pyQuote(f.Name)+": "+pyJSON(f.Value, deeper(newline)))
		}
		return enclose("{", "}", parts, newline)
	case Document:
		return pyJSON([]data.Field(v), newline)
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, pyJSON(e, deeper(newline)))
		}
		return enclose("[", "]", parts, newline)
	case string:
		return pyQuote(v)
	case float64:
		return pyFloat(v)
	case nil:
		return "null"
	}
	return fmt.Sprint(v)
}

func deeper(newline string) string {
	if newline == "" {
		return ""
	}
	return newline + "  "
}

func enclose(open, end string, parts []string, newline string) string {
	switch {
	case len(parts) == 0:
		return open + end
	case newline == "":
		return open + strings.Join(parts, ", ") + end
	}
	inner := deeper(newline)
	return open + inner + strings.Join(parts, ","+inner) + newline + end
}

// pyQuote writes a string as json.dumps does with ensure_ascii=False.
func pyQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch r {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case '\b':
			b.WriteString(`\b`)
		case '\f':
			b.WriteString(`\f`)
		default:
			if r < 0x20 {
				fmt.Fprintf(&b, `\u%04x`, r)
			} else {
				b.WriteRune(r)
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}

// reader takes what a task needs out of a document. The first thing that is missing or
// of another type is its error; what follows it is empty.
type reader struct {
	doc Document
	err error
}

func (r *reader) has(name string) bool {
	_, ok := r.doc.get(name)
	return ok
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *reader) value(name string) any {
	v, ok := r.doc.get(name)
	if !ok {
		r.fail("there is no field %q: want one of %v", name, r.doc.columns())
	}
	return v
}

func (r *reader) text(name string) string {
	v := r.value(name)
	s, ok := v.(string)
	if !ok {
		r.fail("field %q is %s: want a text", name, pyJSON(v, ""))
	}
	return s
}

// shown is a text, or a number or bool as text.
func (r *reader) shown(name string) string {
	switch v := r.value(name).(type) {
	case string:
		return v
	case bool:
		return pyBool(v)
	case json.Number, int64, float64:
		return pyJSON(v, "")
	default:
		r.fail("field %q is %s: want a text or a number", name, pyJSON(v, ""))
		return ""
	}
}

func (r *reader) texts(name string) []string {
	v := r.value(name)
	list, ok := v.([]any)
	var out []string
	for _, e := range list {
		s, isText := e.(string)
		out, ok = append(out, s), ok && isText
	}
	if !ok {
		r.fail("field %q is %s: want a list of texts", name, pyJSON(v, ""))
		return nil
	}
	return out
}

// index is a number from 0 below n, also as digits or as false and true.
func (r *reader) index(name string, n int) int {
	v := r.value(name)
	i := -1
	switch v := v.(type) {
	case bool:
		i = 0
		if v {
			i = 1
		}
	case int64:
		i = int(v)
	case json.Number:
		i = number(string(v))
	case string:
		i = number(v)
	}
	if i < 0 || i >= n {
		r.fail("field %q is %s: want the index of one of %d choices", name, pyJSON(v, ""), n)
		return 0
	}
	return i
}

func number(s string) int {
	if i, err := strconv.Atoi(s); err == nil {
		return i
	}
	return -1
}

// group reads the fields of a group.
func (r *reader) group(name string) *reader {
	v := r.value(name)
	fields, ok := v.([]data.Field)
	if !ok {
		r.fail("field %q is %s: want a group of fields", name, pyJSON(v, ""))
	}
	return &reader{doc: fields, err: r.err}
}

package eval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"trit/data/source"
	"trit/eval/internal/python"
	"trit/internal/jsonfile"
)

// Document is a row of a data set, with its fields in their order. The types of values are
// listed at source.Field; a JSON file gives json.Number for numbers, []any for lists and
// []source.Field for objects.
type Document []source.Field

// maxDepth is how deep the values of a JSON document may be nested.
const maxDepth = 32

// parseDocument reads a line of JSON.
func parseDocument(line []byte) (Document, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	v, err := parseValue(d, 0)
	if err != nil {
		return nil, jsonfile.Explain(line, err)
	}
	fields, ok := v.([]source.Field)
	if !ok {
		return nil, errors.New("want a JSON object")
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

// parseFields reads the rest of an object. If two fields have the same name, the last one counts.
func parseFields(d *json.Decoder, depth int) ([]source.Field, error) {
	fields, at := []source.Field{}, map[string]int{}
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
		fields = append(fields, source.Field{Name: name, Value: v})
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

// Get returns the value of a field and reports whether the document has it.
func (d Document) Get(name string) (any, bool) {
	i := slices.IndexFunc(d, func(f source.Field) bool { return f.Name == name })
	if i < 0 {
		return nil, false
	}
	return d[i].Value, true
}

// With returns a copy of the document in which a field has a value. The field is added if the
// document lacks it.
func (d Document) With(name string, value any) Document {
	out := slices.Clone(d)
	for i := range out {
		if out[i].Name == name {
			out[i].Value = value
			return out
		}
	}
	return append(out, source.Field{Name: name, Value: value})
}

// UnmarshalJSON reads a JSON object.
func (d *Document) UnmarshalJSON(b []byte) error {
	parsed, err := parseDocument(b)
	*d = parsed
	return err
}

// MarshalJSON writes the fields in their order.
func (d Document) MarshalJSON() ([]byte, error) { return []byte(pyJSON([]source.Field(d), "")), nil }

// hashed is the text of the document that the harness hashes: json.dumps with indent=2 and
// ensure_ascii=False.
func (d Document) hashed() string { return pyJSON([]source.Field(d), "\n") }

// pyJSON writes a value as Python's json module does: in one line if newline is "", else over
// several lines, where newline is a line break and the indent of the value.
func pyJSON(v any, newline string) string {
	switch v := v.(type) {
	case []source.Field:
		var parts []string
		for _, f := range v {
			parts = append(parts, python.Quote(f.Name)+": "+pyJSON(f.Value, deeper(newline)))
		}
		return enclose("{", "}", parts, newline)
	case Document:
		return pyJSON([]source.Field(v), newline)
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, pyJSON(e, deeper(newline)))
		}
		return enclose("[", "]", parts, newline)
	case []bool:
		var parts []string
		for _, e := range v {
			parts = append(parts, fmt.Sprint(e))
		}
		return enclose("[", "]", parts, newline)
	case string:
		return python.Quote(v)
	case float64:
		return python.Float(v)
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

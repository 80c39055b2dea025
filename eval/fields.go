package eval

import (
	"encoding/json"
	"fmt"
	"strconv"

	"trit/data/source"
	"trit/eval/internal/python"
)

// Fields reads the fields of a document for Task.Ask and Task.Process. It keeps the first error
// of a field that is missing or of another type, so its methods return no errors: they return
// zero values, and Run reports the error with the number of the document.
type Fields struct {
	doc Document
	err *error // shared with the fields of groups
}

// NewFields reads the fields of a document.
func NewFields(d Document) *Fields { return &Fields{doc: d, err: new(error)} }

// Document is the document itself.
func (f *Fields) Document() Document { return f.doc }

// Err is the first error.
func (f *Fields) Err() error { return *f.err }

// Failf sets the error, unless there is one already.
func (f *Fields) Failf(format string, args ...any) {
	if *f.err == nil {
		*f.err = fmt.Errorf(format, args...)
	}
}

// Has reports whether the document has a field.
func (f *Fields) Has(name string) bool {
	_, ok := f.doc.Get(name)
	return ok
}

func (f *Fields) value(name string) any {
	v, ok := f.doc.Get(name)
	if !ok {
		f.Failf("there is no field %q: want one of %v", name, f.doc.columns())
	}
	return v
}

// Text is a field that is a text.
func (f *Fields) Text(name string) string {
	v := f.value(name)
	s, ok := v.(string)
	if !ok {
		f.Failf("field %q is %s: want a text", name, pyJSON(v, ""))
	}
	return s
}

// Shown is a field that is a text, or a number or bool as Python prints it.
func (f *Fields) Shown(name string) string {
	switch v := f.value(name).(type) {
	case string:
		return v
	case bool:
		return python.Bool(v)
	case json.Number, int64, float64:
		return pyJSON(v, "")
	default:
		f.Failf("field %q is %s: want a text or a number", name, pyJSON(v, ""))
		return ""
	}
}

// Texts is a field that is a list of texts.
func (f *Fields) Texts(name string) []string {
	v := f.value(name)
	list, ok := v.([]any)
	var out []string
	for _, e := range list {
		s, isText := e.(string)
		out, ok = append(out, s), ok && isText
	}
	if !ok {
		f.Failf("field %q is %s: want a list of texts", name, pyJSON(v, ""))
		return nil
	}
	return out
}

// Index is a field that is a number from 0 to n-1, which may be written as digits, or as false
// and true for 0 and 1.
func (f *Fields) Index(name string, n int) int {
	v := f.value(name)
	i := index(v)
	if i < 0 || i >= n {
		f.Failf("field %q is %s: want the index of one of %d choices", name, pyJSON(v, ""), n)
		return 0
	}
	return i
}

// Indices is a field that is a list of numbers from 0 to n-1.
func (f *Fields) Indices(name string, n int) (out []int) {
	v := f.value(name)
	list, ok := v.([]any)
	for _, e := range list {
		i := index(e)
		out, ok = append(out, i), ok && i >= 0 && i < n
	}
	if !ok {
		f.Failf("field %q is %s: want a list of numbers from 0 to %d", name, pyJSON(v, ""), n-1)
		return nil
	}
	return out
}

// index is a value as Fields.Index takes it, or -1.
func index(v any) int {
	switch v := v.(type) {
	case bool:
		if v {
			return 1
		}
		return 0
	case int64:
		return int(v)
	case json.Number:
		return number(string(v))
	case string:
		return number(v)
	}
	return -1
}

func number(s string) int {
	if i, err := strconv.Atoi(s); err == nil {
		return i
	}
	return -1
}

// Group is the fields of a field that is a group. It shares its error with f.
func (f *Fields) Group(name string) *Fields {
	v := f.value(name)
	fields, ok := v.([]source.Field)
	if !ok {
		f.Failf("field %q is %s: want a group of fields", name, pyJSON(v, ""))
	}
	return &Fields{doc: fields, err: f.err}
}

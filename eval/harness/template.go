package harness

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"trit/eval"
	"trit/eval/internal/python"
	"trit/tokenizer/jinja"
)

// dialect is the harness's environment of jinja2.
var dialect = jinja.Dialect{Plain: true, RegexReplace: regexReplace}

// limits of one rendering: far above what a prompt needs.
var limits = jinja.Limits{Steps: 2_000_000, OutputBytes: 16 << 20, ValueBytes: 64 << 20}

// template is a text with Jinja, the name of a field, or a value that stands for itself.
type template struct {
	key      string
	text     string
	parsed   *jinja.Template
	constant any // instead of text: a number, or a list of texts
}

// setTemplate reads the value of a key.
func setTemplate(field **template, key string, v any) error {
	t := &template{key: key}
	*field = t
	switch v := v.(type) {
	case int64:
		t.constant = v
		return nil
	case []any:
		list, err := texts(key, v)
		t.constant = toAny(list)
		return err
	}
	var err error
	if t.text, err = text(key, v); err != nil {
		return err
	}
	if t.parsed, err = dialect.Parse(t.text); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

func toAny(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// setChoice reads doc_to_choice: a template, or the choices themselves, which may have names.
func (t *templates) setChoice(key string, v any) error {
	list, isList := v.([]any)
	if m, ok := v.(*mapping); ok {
		isList = true
		for _, p := range m.pairs {
			list = append(list, p.value)
		}
	}
	if !isList {
		return setTemplate(&t.choice, key, v)
	}
	var err error
	t.choices, err = texts(key, list)
	return err
}

func (t *templates) hasChoices() bool { return t.choice != nil || t.choices != nil }

// filler fills templates with the fields of a document.
type filler struct {
	doc     eval.Document
	context *jinja.Context // nil until a template needs it
	columns []string       // of the set: a template with one of these names is the field
}

// value is the field that a template names, or what it renders.
func (f *filler) value(t *template) (any, error) {
	if t.constant != nil {
		return t.constant, nil
	}
	if !slices.Contains(f.columns, t.text) {
		return f.render(t)
	}
	v, ok := f.doc.Get(t.text)
	if !ok {
		return nil, fmt.Errorf("%s: the document has no field %q", t.key, t.text)
	}
	return v, nil
}

func (f *filler) render(t *template) (string, error) {
	if f.context == nil {
		b, err := f.doc.MarshalJSON()
		if err != nil {
			return "", err
		}
		if f.context, err = jinja.ParseContext(b); err != nil {
			return "", fmt.Errorf("the document: %w", err)
		}
	}
	r, err := t.parsed.Render(f.context, jinja.Options{Limits: limits})
	if err != nil {
		return "", fmt.Errorf("%s: %w", t.key, err)
	}
	return r.Text, nil
}

// numbered is a rendered text, as a number where it has digits alone and chooses are asked.
func numbered(key, s string) (any, error) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return s, nil
	}
	if len(s) > 1 && s[0] == '0' && strings.Trim(s, "0") != "" {
		return nil, fmt.Errorf("%s: %q is no number to Python, since it begins with 0", key, s)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%s: %s is too large for the number of a choice", key, s)
	}
	return n, nil
}

// textValue is doc_to_text: a text, or a number if choices are asked.
func (f *filler) textValue(t *template, choices bool) (any, error) {
	v, err := f.value(t)
	if s, ok := v.(string); ok && err == nil && choices && !f.isField(t) {
		return numbered(t.key, s)
	}
	return v, err
}

// targetValue is doc_to_target: a text, a number if choices are asked, or a list of answers.
func (f *filler) targetValue(t *template, choices bool) (any, error) {
	v, err := f.value(t)
	s, ok := v.(string)
	if !ok || err != nil || f.isField(t) {
		return v, err
	}
	if choices {
		if v, err := numbered(t.key, s); err != nil || v != any(s) {
			return v, err
		}
	}
	if len(s) >= 2 && s[0] == '[' && s[len(s)-1] == ']' {
		list, err := python.Literal(s)
		if err == nil && !hasDict(list) {
			return list, nil
		}
		if err == nil {
			err = python.ErrLiteral
		}
		if errors.Is(err, python.ErrLiteral) {
			return nil, fmt.Errorf("%s: %.80q: %w", t.key, s, err)
		}
	}
	return s, nil
}

// hasDict reports whether there is a dict in a value, whose order Literal does not keep.
func hasDict(v any) bool {
	list, _ := v.([]any)
	_, is := v.(map[string]any)
	return is || slices.ContainsFunc(list, hasDict)
}

// isField reports whether a template is the name of a field, whose value stays as it is.
func (f *filler) isField(t *template) bool { return slices.Contains(f.columns, t.text) }

// choiceValue is doc_to_choice.
func (f *filler) choiceValue(t *templates) ([]string, error) {
	if t.choices != nil {
		return t.choices, nil
	}
	v, err := f.value(t.choice)
	if s, ok := v.(string); ok && err == nil && !f.isField(t.choice) {
		if v, err = python.Literal(s); err != nil {
			err = fmt.Errorf("%s: %.80q is no list in Python: %w", t.choice.key, s, err)
		}
	}
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%s is %s: want a list of texts", t.choice.key, f.repr(v))
	}
	out := make([]string, len(list))
	for i, e := range list {
		if out[i], ok = e.(string); !ok {
			return nil, fmt.Errorf("%s: choice %d is %s: want a text", t.choice.key, i, f.repr(e))
		}
	}
	return out, nil
}

// printed is a template that prints a value as Python's str does.
var printed = must(dialect.Parse("{{ v }}"))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// repr is str(v) of Python.
func (f *filler) repr(v any) string {
	b, err := eval.Document{{Name: "v", Value: v}}.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	c, err := jinja.ParseContext(b)
	if err != nil {
		return err.Error()
	}
	r, err := printed.Render(c, jinja.Options{Limits: limits})
	if err != nil {
		return err.Error()
	}
	return r.Text
}

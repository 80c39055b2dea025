package harness

import (
	"fmt"
	"slices"

	"trit/data/source"
	"trit/eval"
)

// shown is how an error shows a value of a file.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return fmt.Sprintf("%.40q", v)
	case []any:
		return "a list"
	case *mapping:
		return "a mapping"
	case function:
		return "!function " + string(v)
	}
	return fmt.Sprint(v)
}

// refuseFunction is the error for a function of Python, and the way out.
func refuseFunction(key string, f function) error {
	return fmt.Errorf("%s: !function %s is code in Python, which is not run here; "+
		"write it as a Jinja template, or the task as an eval.Task in Go", key, string(f))
}

// wrong is the error for a value of another type.
func wrong(key string, v any, want string) error {
	if f, ok := v.(function); ok {
		return refuseFunction(key, f)
	}
	return fmt.Errorf("%s is %s: want %s", key, shown(v), want)
}

func text(key string, v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", wrong(key, v, "a text")
	}
	return s, nil
}

func truth(key string, v any) (bool, error) {
	b, ok := v.(bool)
	if !ok {
		return false, wrong(key, v, "true or false")
	}
	return b, nil
}

// count is a whole number that is not negative.
func count(key string, v any) (int, error) {
	n, ok := v.(int64)
	if !ok || n < 0 || n > 1<<31-1 {
		return 0, wrong(key, v, "a whole number from 0 on")
	}
	return int(n), nil
}

// number is a number, which the harness makes a float of.
func number(key string, v any) (float64, error) {
	switch v := v.(type) {
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	}
	return 0, wrong(key, v, "a number")
}

// oneOrMore is a text, or a list of texts.
func oneOrMore(key string, v any) ([]string, error) {
	if s, ok := v.(string); ok {
		return []string{s}, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, wrong(key, v, "a text, or a list of texts")
	}
	return texts(key, list)
}

func texts(key string, list []any) ([]string, error) {
	out := []string{}
	for _, v := range list {
		s, err := text(key, v)
		if err != nil {
			return nil, fmt.Errorf("%w in each place of the list; a word such as yes or 1 needs quotes", err)
		}
		out = append(out, s)
	}
	return out, nil
}

// only refuses keys of a mapping that are not known.
func (m *mapping) only(of string, known ...string) error {
	for _, p := range m.pairs {
		if key, ok := p.key.(string); !ok || !slices.Contains(known, key) {
			return fmt.Errorf("%s: the key %v is not one of %v, which are read here", of, p.key, known)
		}
	}
	return nil
}

// plainValue is a value of a file as that of a document's field.
func plainValue(key string, v any) (any, error) {
	switch v := v.(type) {
	case function:
		return nil, refuseFunction(key, v)
	case []any:
		out := []any{}
		for _, e := range v {
			one, err := plainValue(key, e)
			if err != nil {
				return nil, err
			}
			out = append(out, one)
		}
		return out, nil
	case *mapping:
		d, err := document(key, v)
		return []source.Field(d), err
	}
	return v, nil
}

// document is a mapping as a document.
func document(key string, m *mapping) (eval.Document, error) {
	d := eval.Document{}
	for _, p := range m.pairs {
		name, ok := p.key.(string)
		if !ok {
			return nil, fmt.Errorf("%s: the key %v is no text", key, p.key)
		}
		v, err := plainValue(key, p.value)
		if err != nil {
			return nil, err
		}
		d = append(d, source.Field{Name: name, Value: v})
	}
	return d, nil
}

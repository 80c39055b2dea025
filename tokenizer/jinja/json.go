package jinja

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"trit/internal/jsonfile"
)

// maxContextDepth bounds lists and objects within one another in a context.
const maxContextDepth = 200

// Context holds the variables of a render, with the keys of objects in order.
type Context struct{ values *dict }

// ParseContext reads a JSON object whose members are the variables.
func ParseContext(b []byte) (*Context, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	v, err := readJSON(dec, 0)
	if err != nil {
		return nil, fmt.Errorf("context: %w", jsonfile.Explain(b, err))
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("context: there is text after the JSON object")
	}
	d, ok := v.(*dict)
	if !ok {
		return nil, errors.New("context: want a JSON object")
	}
	return &Context{d}, nil
}

// Has reports whether the context has the variable name.
func (c *Context) Has(name string) bool { _, ok := c.values.get(name); return ok }

// IsTrue reports whether the context has the variable name and Python holds it true.
func (c *Context) IsTrue(name string) bool {
	v, ok := c.values.get(name)
	return ok && isTrue(v)
}

// Set gives a variable its value, which json.Marshal must be able to encode; a
// json.RawMessage keeps the order of its keys.
func (c *Context) Set(name string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("context: %s: %w", name, err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	v, err := readJSON(dec, 0)
	if err != nil {
		return fmt.Errorf("context: %s: %w", name, err)
	}
	c.values.set(name, v)
	return nil
}

// NewContext is a context without variables.
func NewContext() *Context { return &Context{newDict()} }

func readJSON(dec *json.Decoder, depth int) (any, error) {
	if depth > maxContextDepth {
		return nil, &LimitError{Limit: "lists and objects within one another", Max: maxContextDepth}
	}
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch x := t.(type) {
	case json.Number:
		return readNumber(x.String())
	case json.Delim:
		if x == '[' {
			return readArray(dec, depth)
		}
		return readObject(dec, depth)
	}
	return t, nil
}

func readNumber(s string) (any, error) {
	if strings.ContainsAny(s, ".eE") {
		f, _ := strconv.ParseFloat(s, 64) // infinite where it is too large, as in Python
		return f, nil
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok || len(s) > maxDigits {
		return nil, &LimitError{Limit: "digits of a number", Max: maxDigits}
	}
	return smallInt(n), nil
}

func readArray(dec *json.Decoder, depth int) (any, error) {
	l := &list{}
	for dec.More() {
		v, err := readJSON(dec, depth+1)
		if err != nil {
			return nil, err
		}
		l.items = append(l.items, v)
	}
	_, err := dec.Token()
	return l, err
}

func readObject(dec *json.Decoder, depth int) (any, error) {
	d := newDict()
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		v, err := readJSON(dec, depth+1)
		if err != nil {
			return nil, err
		}
		d.set(key, v)
	}
	_, err := dec.Token()
	return d, err
}

// jsonWriter is Python's json.dumps.
type jsonWriter struct {
	m           *machine
	b           strings.Builder
	ascii, sort bool
	indent      string // of one level
	indented    bool
	comma       string
	colon       string
}

// toJSON is the filter tojson as transformers defines it.
func toJSON(m *machine, v any, a args) any {
	p := a.bind("tojson", "ensure_ascii", false, "indent", nil, "separators", nil, "sort_keys", false)
	w := &jsonWriter{m: m, ascii: isTrue(p[0]), sort: isTrue(p[3]), comma: ", ", colon: ": "}
	if p[1] != nil {
		w.indented, w.comma = true, ","
		if text, ok := asString(p[1]); ok {
			w.indent = text
		} else {
			w.indent = m.repeatText(" ", max(0, mustInt(p[1])))
		}
	}
	if p[2] != nil {
		pair := m.all(p[2])
		if len(pair) != 2 {
			valueError("separators: want two texts, got %d", len(pair))
		}
		w.comma, w.colon = m.mustText(pair[0]), m.mustText(pair[1])
	}
	w.value(v, 0)
	return w.b.String()
}

func (w *jsonWriter) write(s string) { w.m.write(&w.b, s) }

func (w *jsonWriter) value(v any, depth int) {
	w.m.enter()
	defer w.m.leave()
	switch x := v.(type) {
	case nil, bool, int, *big.Int, float64:
		w.write(jsonScalar(x))
	case string:
		w.text(x)
	case markup:
		w.text(string(x))
	case *list:
		w.items(x.items, depth)
	case *tuple:
		w.items(x.items, depth)
	case *dict:
		w.object(x, depth)
	default:
		typeError("Object of type %s is not JSON serializable", typeName(v))
	}
}

// jsonScalar is a number, boolean or null.
func jsonScalar(v any) string {
	switch x := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(x)
	case float64:
		switch {
		case math.IsNaN(x):
			return "NaN"
		case math.IsInf(x, 0):
			return map[bool]string{true: "Infinity", false: "-Infinity"}[x > 0]
		}
	}
	return reprScalar(v)
}

// line begins a line of an indented value.
func (w *jsonWriter) line(depth int) {
	if w.indented {
		w.write("\n")
		for range depth {
			w.write(w.indent)
		}
	}
}

// each writes n members between begin and end.
func (w *jsonWriter) each(begin, end string, n, depth int, member func(i int)) {
	w.write(begin)
	for i := range n {
		if i > 0 {
			w.write(w.comma)
		}
		w.line(depth + 1)
		member(i)
	}
	if n > 0 {
		w.line(depth)
	}
	w.write(end)
}

func (w *jsonWriter) items(items []any, depth int) {
	w.each("[", "]", len(items), depth, func(i int) { w.value(items[i], depth+1) })
}

func (w *jsonWriter) object(d *dict, depth int) {
	order := make([]int, len(d.keys))
	for i := range order {
		order[i] = i
	}
	if w.sort {
		slices.SortStableFunc(order, func(a, b int) int { return w.m.order("<", d.keys[a], d.keys[b]) })
	}
	w.each("{", "}", len(order), depth, func(i int) {
		w.key(d.keys[order[i]])
		w.write(w.colon)
		w.value(d.values[order[i]], depth+1)
	})
}

func (w *jsonWriter) key(k any) {
	switch x := k.(type) {
	case nil, bool, int, *big.Int, float64:
		w.text(jsonScalar(x))
	case string:
		w.text(x)
	case markup:
		w.text(string(x))
	default:
		typeError("keys must be str, int, float, bool or None, not %s", typeName(k))
	}
}

var jsonEscapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\f': `\f`, '\b': `\b`,
}

// text writes a JSON string.
func (w *jsonWriter) text(s string) {
	w.m.alloc(len(s) + 2)
	w.b.WriteByte('"')
	for _, c := range s {
		switch escape := jsonEscapes[c]; {
		case escape != "":
			w.b.WriteString(escape)
		case c < 0x20 || w.ascii && c >= utf8.RuneSelf:
			w.unicodeEscape(c)
		default:
			w.b.WriteRune(c)
		}
	}
	w.b.WriteByte('"')
}

func (w *jsonWriter) unicodeEscape(c rune) {
	w.m.alloc(12)
	if c >= 0x10000 {
		c -= 0x10000
		fmt.Fprintf(&w.b, `\u%04x\u%04x`, 0xd800+c>>10, 0xdc00+c&0x3ff)
		return
	}
	fmt.Fprintf(&w.b, `\u%04x`, c)
}

package jinja

import (
	"math/big"
	"strconv"
	"strings"
	"unicode"
)

// str is Python's str().
func (m *machine) str(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case markup:
		return string(x)
	case *undefined:
		x.look()
		return ""
	}
	return m.repr(v)
}

// repr is Python's repr().
func (m *machine) repr(v any) string {
	var b strings.Builder
	m.writeRepr(&b, v)
	return b.String()
}

// write appends to b within the limits.
func (m *machine) write(b *strings.Builder, s string) {
	m.alloc(len(s))
	b.WriteString(s)
}

func (m *machine) writeRepr(b *strings.Builder, v any) {
	m.enter()
	defer m.leave()
	switch x := v.(type) {
	case *list:
		m.writeItems(b, "[", x.items, "]")
	case *tuple:
		end := ")"
		if len(x.items) == 1 {
			end = ",)"
		}
		m.writeItems(b, "(", x.items, end)
	case *dict:
		m.writeDict(b, x)
	case *namespace:
		m.write(b, "<Namespace ")
		m.writeDict(b, x.attrs)
		m.write(b, ">")
	case *dictView:
		m.write(b, typeName(x)+"(")
		m.writeItems(b, "[", m.all(x), "]")
		m.write(b, ")")
	default:
		m.write(b, reprScalar(v))
	}
}

func (m *machine) writeItems(b *strings.Builder, begin string, items []any, end string) {
	m.write(b, begin)
	for i, item := range items {
		if i > 0 {
			m.write(b, ", ")
		}
		m.writeRepr(b, item)
	}
	m.write(b, end)
}

func (m *machine) writeDict(b *strings.Builder, d *dict) {
	m.write(b, "{")
	for i, k := range d.keys {
		if i > 0 {
			m.write(b, ", ")
		}
		m.writeRepr(b, k)
		m.write(b, ": ")
		m.writeRepr(b, d.values[i])
	}
	m.write(b, "}")
}

// reprScalar is repr() of what holds no other values.
func reprScalar(v any) string {
	switch x := v.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[x]
	case int:
		return strconv.Itoa(x)
	case *big.Int:
		return x.String()
	case float64:
		return floatText(x)
	case string:
		return Quote(x)
	case markup:
		return "Markup(" + Quote(string(x)) + ")"
	case *undefined:
		return "Undefined"
	case *rangeValue:
		return x.text()
	case *function:
		return "<function " + x.name + ">"
	case *closure:
		return x.text()
	case *loopValue:
		return "<LoopContext " + strconv.Itoa(x.index0+1) + "/" + strconv.Itoa(x.length()) + ">"
	}
	return "<" + typeName(v) + " object>"
}

func (r *rangeValue) text() string {
	s := "range(" + strconv.Itoa(r.start) + ", " + strconv.Itoa(r.stop)
	if r.step != 1 {
		s += ", " + strconv.Itoa(r.step)
	}
	return s + ")"
}

var reprEscapes = map[rune]string{'\n': `\n`, '\r': `\r`, '\t': `\t`, '\\': `\\`}

// Quote is repr() of a str of Python.
func Quote(s string) string {
	q := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = '"'
	}
	var b strings.Builder
	b.WriteRune(q)
	for _, c := range s {
		switch escape := reprEscapes[c]; {
		case escape != "":
			b.WriteString(escape)
		case c == q:
			b.WriteString(`\` + string(c))
		case unicode.IsPrint(c):
			b.WriteRune(c)
		default:
			b.WriteString(escapeRune(c))
		}
	}
	b.WriteRune(q)
	return b.String()
}

func escapeRune(c rune) string {
	digits := strconv.FormatInt(int64(c), 16)
	switch {
	case c < 0x100:
		return `\x` + zeros(digits, 2)
	case c < 0x10000:
		return `\u` + zeros(digits, 4)
	}
	return `\U` + zeros(digits, 8)
}

func zeros(digits string, width int) string {
	return strings.Repeat("0", max(0, width-len(digits))) + digits
}

// isSpace is str.isspace() of a character, which \s of Python's re equals.
func isSpace(c rune) bool { return unicode.IsSpace(c) || c >= 0x1c && c <= 0x1f }

func isIdentifier(s string) bool {
	for i, c := range s {
		if !(c == '_' || unicode.IsLetter(c) || i > 0 && (unicode.IsDigit(c) || unicode.Is(unicode.Mn, c))) {
			return false
		}
	}
	return s != ""
}

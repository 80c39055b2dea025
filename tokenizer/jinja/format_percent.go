package jinja

import (
	"math"
	"strconv"
	"strings"
)

// percentArgs are the arguments of %, taken one after another.
type percentArgs struct {
	m     *machine
	items []any
	all   any
	named bool // a directive named its argument
}

// percent is text % args.
func (m *machine) percent(text string, v any) string {
	a := &percentArgs{m: m, items: []any{v}, all: v}
	if t, ok := v.(*tuple); ok {
		a.items = t.items
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "%")
		m.write(&b, before)
		if !found {
			break
		}
		text = a.directive(&b, rest)
	}
	if len(a.items) > 0 && !a.named && !likeMapping(v) {
		typeError("not all arguments converted during string formatting")
	}
	return b.String()
}

// likeMapping reports whether % takes the value for one that may remain unused.
func likeMapping(v any) bool {
	switch v.(type) {
	case *dict, *list, *undefined, *rangeValue, *slice:
		return true
	}
	return false
}

// next is the next argument.
func (a *percentArgs) next() any {
	if len(a.items) == 0 {
		typeError("not enough arguments for format string")
	}
	v := a.items[0]
	a.items = a.items[1:]
	return v
}

// key is the argument of a name.
func (a *percentArgs) key(name string) any {
	a.named = true
	switch x := a.all.(type) {
	case *dict:
		if v, ok := x.get(name); ok {
			return v
		}
		fail("KeyError", "%s", Quote(name))
	case *undefined:
		x.use()
	}
	typeError("format requires a mapping")
	return nil
}

// number is a width or precision: digits, or an argument for *.
func (a *percentArgs) number(s string, none int) (int, string) {
	if strings.HasPrefix(s, "*") {
		n, ok := toInt(a.next())
		if !ok {
			typeError("* wants int")
		}
		return n, s[1:]
	}
	return leadingNumber(s, none)
}

// directive writes what follows a %, and returns the text after it.
func (a *percentArgs) directive(b *strings.Builder, s string) string {
	var value any
	hasKey := strings.HasPrefix(s, "(")
	if hasKey {
		end := closingParen(s)
		if end < 0 {
			valueError("incomplete format key")
		}
		value, s = a.key(s[1:end]), s[end+1:]
	}
	f := spec{fill: " ", align: '>', precision: -1}
	for s != "" && strings.IndexByte("#0- +", s[0]) >= 0 {
		f.flag(s[0])
		s = s[1:]
	}
	if f.width, s = a.number(s, 0); f.width < 0 {
		f.width, f.align, f.fill = max(-f.width, 0), '<', " "
	}
	if strings.HasPrefix(s, ".") {
		f.precision, s = a.number(s[1:], 0)
		f.precision = max(f.precision, 0)
	}
	if s != "" && strings.IndexByte("hlL", s[0]) >= 0 {
		s = s[1:]
	}
	if s == "" {
		valueError("incomplete format")
	}
	if s[0] == '%' {
		a.m.write(b, "%")
		return s[1:]
	}
	if !hasKey {
		value = a.next()
	}
	f.verb = s[0]
	a.m.write(b, a.m.percentValue(value, f))
	return s[1:]
}

// closingParen is the index of the parenthesis that closes the first of s.
func closingParen(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func (f *spec) flag(c byte) {
	switch c {
	case '#':
		f.alternate = true
	case '0':
		if f.align != '<' {
			f.fill, f.align = "0", '='
		}
	case '-':
		f.fill, f.align = " ", '<'
	case '+':
		f.sign = '+'
	case ' ':
		if f.sign == 0 {
			f.sign = ' '
		}
	}
}

func (m *machine) percentValue(v any, f spec) string {
	switch f.verb {
	case 's', 'r', 'a':
		text := m.str(v)
		if f.verb != 's' {
			text = m.repr(v)
		}
		if f.verb == 'a' {
			text = asciiOnly(text)
		}
		if f.precision >= 0 {
			text = m.partOfText(text, &slice{nil, f.precision, nil})
		}
		if f.align == '=' {
			f.align, f.fill = '>', " "
		}
		return m.padFormat("", text, f)
	case 'c':
		return m.percentChar(v, f)
	case 'd', 'i', 'u', 'o', 'x', 'X':
		return m.percentInt(v, f)
	case 'e', 'E', 'f', 'F', 'g', 'G':
		if u, ok := v.(*undefined); ok {
			u.use()
		}
		x, ok := toFloat(v)
		if !ok {
			typeError("must be real number, not %s", typeName(v))
		}
		return m.formatFloat(x, f)
	}
	valueError("unsupported format character '%c'", f.verb)
	return ""
}

func (m *machine) percentInt(v any, f spec) string {
	if u, ok := v.(*undefined); ok {
		u.use()
	}
	if x, ok := v.(float64); ok && strings.IndexByte("diu", f.verb) >= 0 {
		v = floatToInt(x)
	}
	n, ok := toBig(v)
	if !ok {
		typeError("%%%c format: a real number is required, not %s", f.verb, typeName(v))
	}
	if f.verb == 'i' || f.verb == 'u' {
		f.verb = 'd'
	}
	if f.precision > 0 {
		least := f.precision
		f.precision = -1
		verb := f
		verb.width, verb.sign, verb.alternate = 0, 0, false
		digits := strings.TrimPrefix(m.formatInt(n, verb), "-")
		sign := f.signOf(n.Sign() < 0)
		if f.alternate {
			sign += integerVerbs[f.verb].prefix
		}
		return m.padFormat(sign, m.pad(digits, "0", '>', least), f)
	}
	f.precision = -1
	return m.formatInt(n, f)
}

func (m *machine) percentChar(v any, f spec) string {
	text, ok := asString(v)
	if n, isInt := toInt(v); isInt {
		if n < 0 || n > 0x10ffff {
			fail("OverflowError", "%%c arg not in range(0x110000)")
		}
		text, ok = string(rune(n)), true
	}
	if !ok || runeCount(text) != 1 {
		typeError("%%c requires int or char")
	}
	if f.align == '=' {
		f.align, f.fill = '>', " "
	}
	return m.padFormat("", text, f)
}

// asciiOnly is a repr with all other characters escaped.
func asciiOnly(s string) string {
	var b strings.Builder
	for _, c := range s {
		if c < 0x80 {
			b.WriteRune(c)
		} else {
			b.WriteString(escapeRune(c))
		}
	}
	return b.String()
}

// formatMethod is str.format.
func formatMethod(m *machine, s string, a args) any {
	f := &formatter{m: m, a: a}
	return f.render(s, 2)
}

func formatMap(m *machine, s string, a args) any {
	d, ok := a.positional("format_map", 1, 1)[0].(*dict)
	if !ok {
		typeError("format_map() wants a mapping")
	}
	f := &formatter{m: m, a: args{named: d}}
	return f.render(s, 2)
}

// formatter is Python's string.Formatter, with the sandbox's access to attributes.
type formatter struct {
	m    *machine
	a    args
	auto int // next automatic number; -1 = numbers are given
}

// render replaces the fields of s, and those of their specs depth-1 levels down.
func (f *formatter) render(s string, depth int) string {
	if depth == 0 {
		valueError("Max string recursion exceeded")
	}
	var b strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			f.m.write(&b, s)
			break
		}
		f.m.write(&b, s[:i])
		if i+1 < len(s) && s[i+1] == s[i] {
			f.m.write(&b, s[i:i+1])
			s = s[i+2:]
			continue
		}
		if s[i] == '}' {
			valueError("Single '}' encountered in format string")
		}
		end := fieldEnd(s[i+1:])
		if end < 0 {
			valueError("expected '}' before end of string")
		}
		f.m.write(&b, f.field(s[i+1:i+1+end], depth))
		s = s[i+2+end:]
	}
	return b.String()
}

// fieldEnd is the index of the brace that closes a field.
func fieldEnd(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

// field is the text of name!conversion:spec.
func (f *formatter) field(s string, depth int) string {
	name, text := s, ""
	if i := strings.IndexAny(s, ":!"); i >= 0 {
		name, text = s[:i], s[i:]
	}
	v := f.value(name)
	if strings.HasPrefix(text, "!") {
		if len(text) < 2 || len(text) > 2 && text[2] != ':' {
			valueError("expected ':' after conversion specifier")
		}
		v = f.convert(v, text[1])
		text = text[2:]
	}
	text = strings.TrimPrefix(text, ":")
	if strings.ContainsAny(text, "{}") {
		text = f.render(text, depth-1)
	}
	return f.m.format(v, text)
}

func (f *formatter) convert(v any, c byte) any {
	switch c {
	case 's':
		return f.m.str(v)
	case 'r':
		return f.m.repr(v)
	case 'a':
		return asciiOnly(f.m.repr(v))
	}
	valueError("Unknown conversion specifier %c", c)
	return nil
}

// value is the argument that a field such as 0, name, name.attribute or 0[key] names.
func (f *formatter) value(field string) any {
	first, rest := field, ""
	if i := strings.IndexAny(field, ".["); i >= 0 {
		first, rest = field[:i], field[i:]
	}
	v := f.argument(first)
	for rest != "" {
		f.m.step(1)
		if rest[0] == '.' {
			end := strings.IndexAny(rest[1:]+".", ".[")
			v = f.m.getattr(v, rest[1:1+end])
			rest = rest[1+end:]
			continue
		}
		end := strings.IndexByte(rest, ']')
		if rest[0] != '[' || end < 2 {
			valueError("Empty attribute in format string")
		}
		v = f.m.getitem(v, pathPart(rest[1:end]))
		rest = rest[end+1:]
	}
	return v
}

func (f *formatter) argument(name string) any {
	if name == "" {
		if f.auto < 0 {
			valueError("cannot switch from manual field specification to automatic field numbering")
		}
		name = strconv.Itoa(f.auto)
		f.auto++
	} else if _, ok := pathPart(name).(int); ok {
		if f.auto > 0 {
			valueError("cannot switch from automatic field numbering to manual field specification")
		}
		f.auto = math.MinInt
	}
	if i, ok := pathPart(name).(int); ok {
		if i >= len(f.a.pos) {
			fail("IndexError", "Replacement index %d out of range for positional args tuple", i)
		}
		return f.a.pos[i]
	}
	v, ok := f.a.named.get(name)
	if !ok {
		fail("KeyError", "%s", Quote(name))
	}
	return v
}

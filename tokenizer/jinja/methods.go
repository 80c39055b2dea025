package jinja

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// textMethod is a method of str.
type textMethod func(m *machine, s string, a args) any

var (
	textMethods map[string]textMethod
	dictMethods = map[string]func(m *machine, d *dict, a args) any{
		"items":  func(_ *machine, d *dict, a args) any { return view("items", d, a) },
		"keys":   func(_ *machine, d *dict, a args) any { return view("keys", d, a) },
		"values": func(_ *machine, d *dict, a args) any { return view("values", d, a) },
		"get":    dictGet,
		"copy": func(m *machine, d *dict, a args) any {
			a.positional("copy", 0, 0)
			return m.makeDict("dict", args{pos: []any{d}})
		},
		"fromkeys": func(m *machine, _ *dict, a args) any {
			p := a.positional("fromkeys", 1, 2)
			return m.fromKeys(p[0], p[1])
		},
	}
)

func view(kind string, d *dict, a args) any {
	a.positional(kind, 0, 0)
	return &dictView{d, kind}
}

func dictGet(_ *machine, d *dict, a args) any {
	p := a.positional("get", 1, 2)
	if v, ok := d.get(p[0]); ok {
		return v
	}
	return orNone(p[1])
}

// orNone is an argument, None where it is not given.
func orNone(v any) any {
	if v == any(unset{}) {
		return nil
	}
	return v
}

func (m *machine) fromKeys(keys, value any) any {
	d := newDict()
	for _, k := range m.all(keys) {
		d.set(k, orNone(value))
	}
	return d
}

// method is a method that does not change its object.
func (m *machine) method(of any, name string) (any, bool) {
	if s, ok := asString(of); ok {
		f := textMethods[name]
		return &function{name, func(m *machine, a args) any {
			m.step(len(s) / stepBytes)
			return ofKind(m, of, f(m, s, a))
		}}, f != nil
	}
	switch x := of.(type) {
	case *dict:
		f := dictMethods[name]
		return &function{name, func(m *machine, a args) any { return f(m, x, a) }}, f != nil
	case *list:
		return m.itemsMethod(of, x.items, name)
	case *tuple:
		return m.itemsMethod(of, x.items, name)
	case *rangeValue:
		if name == "count" || name == "index" {
			return m.itemsMethod(of, m.all(x), name)
		}
	case bool, int, *big.Int, float64:
		return numberMethod(of, name)
	}
	return nil, false
}

// ofKind is the result of a method of a text: Markup's methods return Markup.
func ofKind(m *machine, of, result any) any {
	_, safe := of.(markup)
	switch x := result.(type) {
	case string:
		return sameKind(of, m.text(x))
	case *list:
		if safe {
			return &list{allSafe(x.items)}
		}
	case *tuple:
		if safe {
			return &tuple{items: allSafe(x.items)}
		}
	}
	return result
}

// allSafe are texts as Markup.
func allSafe(items []any) []any {
	for i, item := range items {
		if s, ok := item.(string); ok {
			items[i] = markup(s)
		}
	}
	return items
}

func (m *machine) itemsMethod(of any, items []any, name string) (any, bool) {
	var call func(m *machine, a args) any
	switch name {
	case "count":
		call = func(m *machine, a args) any {
			v, n := a.positional("count", 1, 1)[0], 0
			for _, item := range items {
				n += boolInt(m.equal(item, v))
			}
			return n
		}
	case "index":
		call = func(m *machine, a args) any { return m.indexOf(items, a.positional("index", 1, 3)) }
	case "copy":
		if _, ok := of.(*list); ok {
			call = func(m *machine, a args) any { a.positional("copy", 0, 0); return &list{m.all(of)} }
		}
	}
	return &function{name, call}, call != nil
}

// indexOf is list.index(value, start, stop).
func (m *machine) indexOf(items []any, p []any) any {
	start, _, n := (&slice{orNone(p[1]), orNone(p[2]), nil}).bounds(len(items))
	for i := range n {
		if m.equal(items[start+i], p[0]) {
			return start + i
		}
	}
	valueError("%s is not in list", m.repr(p[0]))
	return nil
}

func numberMethod(of any, name string) (any, bool) {
	f, isFloat := of.(float64)
	switch {
	case name == "real", name == "numerator" && !isFloat:
		if b, ok := of.(bool); ok {
			return boolInt(b), true
		}
		return of, true
	case name == "imag":
		return map[bool]any{false: 0, true: 0.0}[isFloat], true
	case name == "denominator" && !isFloat:
		return 1, true
	case name == "is_integer" && isFloat:
		return &function{name, func(*machine, args) any { return f == math.Trunc(f) && !math.IsInf(f, 0) }}, true
	case name == "bit_length" && !isFloat:
		n, _ := toBig(of)
		return &function{name, func(*machine, args) any { return n.BitLen() }}, true
	}
	return nil, false
}

func init() {
	textMethods = map[string]textMethod{
		"upper": noArgs(upper), "lower": noArgs(lower), "title": noArgs(title), "capitalize": noArgs(capitalize),
		"swapcase": noArgs(swapCase), "casefold": noArgs(foldCase), "format": formatMethod, "format_map": formatMap,
		"strip":  func(m *machine, s string, a args) any { return m.strip("strip", s, a, true, true) },
		"lstrip": func(m *machine, s string, a args) any { return m.strip("lstrip", s, a, true, false) },
		"rstrip": func(m *machine, s string, a args) any { return m.strip("rstrip", s, a, false, true) },
		"split":  splitMethod, "rsplit": rsplitMethod, "splitlines": splitLinesMethod,
		"partition": partition, "rpartition": rpartition, "join": joinMethod, "replace": replaceMethod,
		"startswith": func(m *machine, s string, a args) any { return affix(m, "startswith", s, a, strings.HasPrefix) },
		"endswith":   func(m *machine, s string, a args) any { return affix(m, "endswith", s, a, strings.HasSuffix) },
		"find":       func(m *machine, s string, a args) any { return find(m, "find", s, a, strings.Index) },
		"rfind":      func(m *machine, s string, a args) any { return find(m, "rfind", s, a, strings.LastIndex) },
		"index":      func(m *machine, s string, a args) any { return mustFind(find(m, "index", s, a, strings.Index)) },
		"rindex":     func(m *machine, s string, a args) any { return mustFind(find(m, "rindex", s, a, strings.LastIndex)) },
		"count":      countMethod, "expandtabs": expandTabs, "zfill": zfill,
		"center": padMethod("center", '^'), "ljust": padMethod("ljust", '<'), "rjust": padMethod("rjust", '>'),
		"removeprefix": func(m *machine, s string, a args) any {
			return strings.TrimPrefix(s, m.mustText(a.positional("removeprefix", 1, 1)[0]))
		},
		"removesuffix": func(m *machine, s string, a args) any {
			return strings.TrimSuffix(s, m.mustText(a.positional("removesuffix", 1, 1)[0]))
		},
		"isdigit": every(isDigit), "isdecimal": every(unicode.IsDigit), "isnumeric": every(unicode.IsNumber),
		"isalpha": every(unicode.IsLetter), "isspace": every(isSpace),
		"isalnum":      every(func(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) }),
		"isprintable":  reports(isPrintable),
		"isascii":      reports(isASCII),
		"isidentifier": reports(isIdentifier),
		"islower":      reports(func(s string) bool { return isCased(s, unicode.IsLower) }),
		"isupper":      reports(func(s string) bool { return isCased(s, unicode.IsUpper) }),
		"istitle":      reports(isTitle),
	}
}

func isPrintable(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) < 0
}

// isDigit is str.isdigit() of a character: decimal digits and superscripts.
func isDigit(c rune) bool {
	return unicode.IsDigit(c) || strings.ContainsRune("²³¹⁰⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉", c) || c >= 0x2460 && c <= 0x2468
}

func noArgs(f func(s string) string) textMethod {
	return func(_ *machine, s string, a args) any { a.positional("method", 0, 0); return f(s) }
}

func reports(f func(s string) bool) textMethod {
	return func(_ *machine, s string, a args) any { a.positional("method", 0, 0); return f(s) }
}

// every reports whether the text is not empty and all its characters are of a kind.
func every(is func(c rune) bool) textMethod {
	return reports(func(s string) bool {
		return s != "" && strings.IndexFunc(s, func(c rune) bool { return !is(c) }) < 0
	})
}

// mustText is the text of a str argument.
func (m *machine) mustText(v any) string {
	s, ok := asString(v)
	if !ok {
		typeError("expected str, not %s", typeName(v))
	}
	return s
}

// strip takes white space, or the characters of its argument, off the ends.
func (m *machine) strip(name, s string, a args, left, right bool) any {
	cut := isSpace
	if chars := orNone(a.positional(name, 0, 1)[0]); chars != nil {
		set := m.mustText(chars)
		m.step(len(set))
		known := map[rune]bool{}
		for _, c := range set {
			known[c] = true
		}
		cut = func(c rune) bool { return known[c] }
	}
	if left {
		s = strings.TrimLeftFunc(s, cut)
	}
	if right {
		s = strings.TrimRightFunc(s, cut)
	}
	return s
}

func (m *machine) texts(parts []string) any {
	m.items(len(parts))
	out := make([]any, len(parts))
	for i, p := range parts {
		out[i] = p
	}
	return &list{out}
}

func splitMethod(m *machine, s string, a args) any {
	p := a.bind("split", "sep", nil, "maxsplit", -1)
	n := mustInt(p[1])
	if p[0] == nil {
		return m.texts(splitSpace(s, n))
	}
	sep := m.mustText(p[0])
	if sep == "" {
		valueError("empty separator")
	}
	m.items(strings.Count(s, sep))
	if n < 0 || n == math.MaxInt {
		return m.texts(strings.Split(s, sep))
	}
	return m.texts(strings.SplitN(s, sep, n+1))
}

// splitSpace cuts at runs of white space, n times at most where n is not negative.
func splitSpace(s string, n int) []string {
	var out []string
	for s = strings.TrimLeftFunc(s, isSpace); s != ""; n-- {
		end := strings.IndexFunc(s, isSpace)
		if n == 0 || end < 0 {
			end = len(s)
		}
		out = append(out, s[:end])
		s = strings.TrimLeftFunc(s[end:], isSpace)
	}
	return out
}

func rsplitMethod(m *machine, s string, a args) any {
	p := a.bind("rsplit", "sep", nil, "maxsplit", -1)
	n := mustInt(p[1])
	var sep string
	if p[0] != nil {
		if sep = m.mustText(p[0]); sep == "" {
			valueError("empty separator")
		}
	}
	var out []string
	for ; n != 0; n-- {
		before, after, ok := cutLast(s, sep)
		if !ok {
			break
		}
		m.items(1)
		out = append(out, after)
		s = before
	}
	if sep != "" {
		out = append(out, s)
	} else if s = strings.TrimRightFunc(s, isSpace); s != "" {
		out = append(out, s)
	}
	slices.Reverse(out)
	return m.texts(out)
}

// cutLast cuts s at the last sep, or run of white space where sep is empty; false where
// nothing is left to cut.
func cutLast(s, sep string) (before, after string, ok bool) {
	if sep != "" {
		i := strings.LastIndex(s, sep)
		if i < 0 {
			return "", "", false
		}
		return s[:i], s[i+len(sep):], true
	}
	s = strings.TrimRightFunc(s, isSpace)
	i := strings.LastIndexFunc(s, isSpace)
	if i < 0 {
		return "", "", false
	}
	_, n := utf8.DecodeRuneInString(s[i:])
	return s[:i], s[i+n:], true
}

func splitLinesMethod(m *machine, s string, a args) any {
	keep := isTrue(a.bind("splitlines", "keepends", false)[0])
	return m.texts(m.splitLines(s, keep))
}

// splitLines cuts at Python's line boundaries.
func (m *machine) splitLines(s string, keep bool) []string {
	var out []string
	for s != "" {
		m.items(1)
		end := strings.IndexFunc(s, func(c rune) bool {
			return c >= '\n' && c <= '\r' || c >= 0x1c && c <= 0x1e || c == 0x85 || c == 0x2028 || c == 0x2029
		})
		if end < 0 {
			return append(out, s)
		}
		_, n := utf8.DecodeRuneInString(s[end:])
		if strings.HasPrefix(s[end:], "\r\n") {
			n = 2
		}
		line := s[:end]
		if keep {
			line = s[:end+n]
		}
		out = append(out, line)
		s = s[end+n:]
	}
	return out
}

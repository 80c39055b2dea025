package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

func upper(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	return cases.Upper(language.Und).String(s)
}

func lower(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	return cases.Lower(language.Und).String(s)
}

func foldCase(s string) string { return cases.Fold().String(s) }

// titleRune is a character in title case, which may be several characters.
func titleRune(c string) string {
	if r, _ := utf8.DecodeRuneInString(c); r < utf8.RuneSelf || unicode.ToTitle(r) != r {
		return string(unicode.ToTitle(r))
	}
	up := []rune(upper(c))
	return string(up[:1]) + lower(string(up[1:]))
}

func capitalize(s string) string {
	if s == "" {
		return ""
	}
	_, n := utf8.DecodeRuneInString(s)
	return titleRune(s[:n]) + lower(s)[len(lower(s[:n])):]
}

func isCasedRune(c rune) bool { return unicode.IsUpper(c) || unicode.IsLower(c) || unicode.IsTitle(c) }

// title is str.title(): a letter after one that has no case begins a word.
func title(s string) string {
	var b strings.Builder
	inWord := false
	for _, c := range s {
		if inWord {
			b.WriteString(lower(string(c)))
		} else {
			b.WriteString(titleRune(string(c)))
		}
		inWord = isCasedRune(c)
	}
	return b.String()
}

func swapCase(s string) string {
	var b strings.Builder
	for _, c := range s {
		if unicode.IsUpper(c) {
			b.WriteString(lower(string(c)))
		} else {
			b.WriteString(upper(string(c)))
		}
	}
	return b.String()
}

// isCased reports whether the text has letters with case, all of one kind.
func isCased(s string, is func(c rune) bool) bool {
	found := false
	for _, c := range s {
		if isCasedRune(c) {
			if !is(c) {
				return false
			}
			found = true
		}
	}
	return found
}

func isTitle(s string) bool {
	found, inWord := false, false
	for _, c := range s {
		isUpper := unicode.IsUpper(c) || unicode.IsTitle(c)
		if isUpper && inWord || unicode.IsLower(c) && !inWord {
			return false
		}
		inWord = isCasedRune(c)
		found = found || inWord
	}
	return found
}

// join joins texts.
func (m *machine) join(parts []string, sep string) string {
	n := times(max(len(parts)-1, 0), len(sep))
	for _, p := range parts {
		n += len(p)
	}
	m.alloc(n)
	return strings.Join(parts, sep)
}

func (m *machine) repeatText(s string, n int) string {
	m.alloc(times(n, len(s)))
	return strings.Repeat(s, n)
}

func joinMethod(m *machine, s string, a args) any {
	items := m.all(a.positional("join", 1, 1)[0])
	parts := make([]string, len(items))
	for i, item := range items {
		text, ok := asString(item)
		if !ok {
			typeError("sequence item %d: expected str instance, %s found", i, typeName(item))
		}
		parts[i] = text
	}
	return m.join(parts, s)
}

func replaceMethod(m *machine, s string, a args) any {
	p := a.positional("replace", 2, 3)
	n := -1
	if p[2] != any(unset{}) {
		n = mustInt(p[2])
	}
	return m.replace(s, m.mustText(p[0]), m.mustText(p[1]), n)
}

// replace puts with in the place of the first n times that old comes; all for n < 0.
func (m *machine) replace(s, old, with string, n int) string {
	found := strings.Count(s, old)
	if n >= 0 {
		found = min(found, n)
	}
	m.alloc(len(s) + times(found, len(with)))
	return strings.Replace(s, old, with, n)
}

// partition cuts a text in three at the first sep.
func partition(m *machine, s string, a args) any {
	sep := m.separator("partition", a)
	before, after, ok := strings.Cut(s, sep)
	if !ok {
		return &tuple{items: []any{s, "", ""}}
	}
	return &tuple{items: []any{before, sep, after}}
}

// rpartition cuts a text in three at the last sep.
func rpartition(m *machine, s string, a args) any {
	sep := m.separator("rpartition", a)
	before, after, ok := cutLast(s, sep)
	if !ok {
		return &tuple{items: []any{"", "", s}}
	}
	return &tuple{items: []any{before, sep, after}}
}

func (m *machine) separator(name string, a args) string {
	sep := m.mustText(a.positional(name, 1, 1)[0])
	if sep == "" {
		valueError("empty separator")
	}
	return sep
}

// affix is startswith and endswith.
func affix(m *machine, name, s string, a args, has func(s, affix string) bool) any {
	p := a.positional(name, 1, 3)
	s, ok := m.within(s, p[1], p[2])
	affixes := []any{p[0]}
	if t, isTuple := p[0].(*tuple); isTuple {
		affixes = t.items
	}
	for _, v := range affixes {
		text, isText := asString(v)
		if !isText {
			typeError("%s first arg must be str or a tuple of str, not %s", name, typeName(v))
		}
		m.step(1 + len(text)/stepBytes)
		if ok && has(s, text) {
			return true
		}
	}
	return false
}

// within is the part of s from start up to end; false where start is beyond it.
func (m *machine) within(s string, start, end any) (string, bool) {
	start, end = orNone(start), orNone(end)
	if start == nil && end == nil {
		return s, true
	}
	if start != nil && mustInt(start) > runeCount(s) {
		return "", false
	}
	return m.partOfText(s, &slice{start, end, nil}), true
}

// find is the index of a text in s; -1 where it is not there.
func find(m *machine, name, s string, a args, index func(s, part string) int) any {
	p := a.positional(name, 1, 3)
	part := m.mustText(p[0])
	inside, ok := m.within(s, p[1], p[2])
	if !ok {
		return -1
	}
	i := index(inside, part)
	if i < 0 {
		return -1
	}
	start, _, _ := (&slice{orNone(p[1]), nil, nil}).bounds(runeCount(s))
	return start + runeCount(inside[:i])
}

func mustFind(at any) any {
	if at == any(-1) {
		valueError("substring not found")
	}
	return at
}

func countMethod(m *machine, s string, a args) any {
	p := a.positional("count", 1, 3)
	part := m.mustText(p[0])
	inside, ok := m.within(s, p[1], p[2])
	if !ok {
		return 0
	}
	return strings.Count(inside, part)
}

func expandTabs(m *machine, s string, a args) any {
	size := mustInt(a.bind("expandtabs", "tabsize", 8)[0])
	var b strings.Builder
	column := 0
	for _, c := range s {
		switch {
		case c == '\t' && size > 0:
			n := size - column%size
			m.write(&b, m.repeatText(" ", n))
			column += n
		case c == '\t':
		case c == '\n' || c == '\r':
			b.WriteRune(c)
			column = 0
		default:
			b.WriteRune(c)
			column++
		}
	}
	return b.String()
}

func zfill(m *machine, s string, a args) any {
	n := mustInt(a.positional("zfill", 1, 1)[0]) - runeCount(s)
	if n <= 0 {
		return s
	}
	sign := ""
	if s != "" && (s[0] == '+' || s[0] == '-') {
		sign, s = s[:1], s[1:]
	}
	return sign + m.repeatText("0", n) + s
}

func padMethod(name string, align byte) textMethod {
	return func(m *machine, s string, a args) any {
		p := a.positional(name, 1, 2)
		fill := " "
		if p[1] != any(unset{}) {
			if fill = m.mustText(p[1]); runeCount(fill) != 1 {
				typeError("The fill character must be exactly one character long")
			}
		}
		return m.pad(s, fill, align, mustInt(p[0]))
	}
}

// pad fills a text up to a width: < fills after it, > before it, and ^ on both sides as
// str.center does.
func (m *machine) pad(s, fill string, align byte, width int) string {
	n := width - runeCount(s)
	if n <= 0 {
		return s
	}
	left := 0
	switch align {
	case '>':
		left = n
	case '^':
		left = n/2 + n&width&1
	}
	return m.repeatText(fill, left) + s + m.repeatText(fill, n-left)
}

package jinja

import (
	"fmt"
	"math"
	"math/big"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"
)

var htmlEscapes = strings.NewReplacer("&", "&amp;", ">", "&gt;", "<", "&lt;", "'", "&#39;", `"`, "&#34;")

// escape is a value as HTML text; Markup stays as it is.
func (m *machine) escape(v any) string {
	if s, ok := v.(markup); ok {
		return string(s)
	}
	return m.text(htmlEscapes.Replace(m.str(v)))
}

func filterEscape(m *machine, v any, a args) any {
	a.positional("escape", 0, 0)
	return markup(m.escape(v))
}

func filterTrim(m *machine, v any, a args) any {
	chars := a.bind("trim", "chars", nil)
	return ofKind(m, v, m.strip("trim", m.str(v), args{pos: chars}, true, true))
}

func filterReplace(m *machine, v any, a args) any {
	p := a.bind("replace", "old", required, "new", required, "count", nil)
	n := -1
	if p[2] != nil {
		n = mustInt(p[2])
	}
	return m.replace(m.str(v), m.str(p[0]), m.str(p[1]), n)
}

func filterFormat(m *machine, v any, a args) any {
	if a.named != nil && len(a.named.keys) > 0 {
		if len(a.pos) > 0 {
			fail("FilterArgumentError", "can't handle positional and keyword arguments at the same time")
		}
		return sameKind(v, m.percent(m.str(v), a.named))
	}
	return sameKind(v, m.percent(m.str(v), &tuple{items: a.pos}))
}

func filterIndent(m *machine, v any, a args) any {
	p := a.bind("indent", "width", 4, "first", false, "blank", false)
	text, ok := asString(v)
	if !ok {
		m.binary("+", v, "\n") // fails as Python does
	}
	indent, ok := asString(p[0])
	if !ok {
		indent = m.repeatText(" ", max(0, mustInt(p[0])))
	}
	lines := m.splitLines(text+"\n", false)
	for i, line := range lines {
		if isTrue(p[1]) && i == 0 || i > 0 && (line != "" || isTrue(p[2])) {
			lines[i] = m.join([]string{indent, line}, "")
		}
	}
	return sameKind(v, m.join(lines, "\n"))
}

func filterTruncate(m *machine, v any, a args) any {
	p := a.bind("truncate", "length", 255, "killwords", false, "end", "...", "leeway", nil)
	n, leeway, end := mustInt(p[0]), 5, m.mustText(p[2])
	if p[3] != nil {
		leeway = mustInt(p[3])
	}
	cut := n - runeCount(end)
	if cut < 0 || leeway < 0 {
		fail("AssertionError", "expected length >= %d, got %d", runeCount(end), n)
	}
	size := filterLength(m, v, args{}).(int)
	if size <= n || size-n <= leeway {
		return v
	}
	text := m.partOfText(m.mustText(v), &slice{nil, cut, nil})
	if !isTrue(p[1]) {
		if i := strings.LastIndexByte(text, ' '); i >= 0 {
			text = text[:i]
		}
	}
	return sameKind(v, m.join([]string{text, end}, ""))
}

var (
	words      = regexp.MustCompile(`[\pL\pN_]+`)
	wordBreaks = regexp.MustCompile(`[-\s\v\x1c-\x1f\x85\p{Z}({\[<]+`)
	tags       = regexp.MustCompile(`(?s)<!--.*?-->|<[^>]*>`)
)

func filterWordCount(m *machine, v any, a args) any {
	a.positional("wordcount", 0, 0)
	s := m.str(v)
	m.step(len(s))
	return len(words.FindAllStringIndex(s, -1))
}

// titleWords is the filter title: words begin after white space and opening brackets.
func titleWords(s string) string {
	var b strings.Builder
	from := 0
	word := func(s string) {
		if s != "" {
			_, n := utf8.DecodeRuneInString(s)
			b.WriteString(upper(s[:n]) + lower(s[n:]))
		}
	}
	for _, at := range wordBreaks.FindAllStringIndex(s, -1) {
		word(s[from:at[0]])
		b.WriteString(s[at[0]:at[1]])
		from = at[1]
	}
	word(s[from:])
	return b.String()
}

func filterStripTags(m *machine, v any, a args) any {
	a.positional("striptags", 0, 0)
	s := m.str(v)
	m.step(len(s))
	text := strings.Join(splitSpace(tags.ReplaceAllString(s, ""), -1), " ")
	return m.text(htmlUnescape(text))
}

var htmlEntities = strings.NewReplacer(
	"&amp;", "&", "&gt;", ">", "&lt;", "<", "&#39;", "'", "&#34;", `"`, "&quot;", `"`,
)

func htmlUnescape(s string) string { return htmlEntities.Replace(s) }

func filterInt(m *machine, v any, a args) any {
	p := a.bind("int", "default", 0, "base", 10)
	if s, ok := asString(v); ok {
		if n, ok := intOfText(s, mustInt(p[1])); ok {
			return n
		}
		f, ok := parseFloat(s)
		if !ok || math.IsInf(f, 0) || math.IsNaN(f) {
			return p[0]
		}
		return floatToInt(f)
	}
	switch x := v.(type) {
	case *undefined:
		x.use()
	case float64:
		if math.IsNaN(x) {
			return p[0]
		}
		return floatToInt(x)
	}
	if n, ok := toBig(v); ok {
		return smallInt(n)
	}
	return p[0]
}

// intOfText is int(text, base).
func intOfText(s string, base int) (any, bool) {
	s, ok := numeral(s)
	if !ok || base != 0 && (base < 2 || base > 36) {
		return nil, false
	}
	sign, digits := "", strings.ToLower(s)
	if digits[0] == '+' || digits[0] == '-' {
		sign, digits = digits[:1], digits[1:]
	}
	prefix := map[int]string{2: "0b", 8: "0o", 16: "0x"}[base]
	if prefix != "" {
		digits = strings.TrimPrefix(digits, prefix)
	}
	if digits == "" || digits[0] == '+' || digits[0] == '-' {
		return nil, false
	}
	n, ok := parseInt(digits, base)
	if ok && sign == "-" {
		n, _ = arithmetic("-", 0, n)
	}
	return n, ok
}

func filterFloat(_ *machine, v any, a args) any {
	p := a.bind("float", "default", 0.0)
	if u, ok := v.(*undefined); ok {
		u.use()
	}
	if s, ok := asString(v); ok {
		if f, ok := parseFloat(s); ok {
			return f
		}
		return p[0]
	}
	if f, ok := toFloat(v); ok {
		return f
	}
	return p[0]
}

func filterAbs(_ *machine, v any, a args) any {
	a.positional("abs", 0, 0)
	if f, ok := v.(float64); ok {
		return math.Abs(f)
	}
	n, ok := toBig(v)
	if !ok {
		typeError("bad operand type for abs(): '%s'", typeName(v))
	}
	return smallInt(new(big.Int).Abs(n))
}

func filterRound(m *machine, v any, a args) any {
	p := a.bind("round", "precision", 0, "method", "common")
	method := m.str(p[1])
	if method != "common" && method != "ceil" && method != "floor" {
		fail("FilterArgumentError", "method must be common, ceil or floor")
	}
	digits := mustInt(p[0])
	f, isFloat := v.(float64)
	if method == "common" {
		if n, ok := toBig(v); ok {
			return roundInt(n, digits)
		}
		if !isFloat {
			typeError("type %s doesn't define __round__ method", typeName(v))
		}
		return roundFloat(f, digits)
	}
	if !isNumber(v) {
		typeError("must be real number, not %s", typeName(v))
	}
	unit := m.binary("**", 10, digits)
	scaled, _ := toFloat(m.binary("*", v, unit))
	scaled = map[string]func(float64) float64{"ceil": math.Ceil, "floor": math.Floor}[method](scaled)
	return m.binary("/", floatToInt(scaled), unit)
}

func filterFileSize(m *machine, v any, a args) any {
	binary := isTrue(a.bind("filesizeformat", "binary", false)[0])
	size, ok := filterFloat(m, v, args{pos: []any{nil}}).(float64)
	if !ok {
		valueError("could not convert to float: %s", m.repr(v))
	}
	base, suffix := 1000.0, "B"
	if binary {
		base, suffix = 1024, "iB"
	}
	switch {
	case size == 1:
		return "1 Byte"
	case size < base:
		return fmt.Sprintf("%d Bytes", int(size))
	}
	letters := "kMGTPEZY"
	if binary {
		letters = "KMGTPEZY"
	}
	unit, i := base*base, 0
	for ; size >= unit && i < len(letters)-1; i++ {
		unit *= base
	}
	return fmt.Sprintf("%.1f %c%s", base*size/unit, letters[i], suffix)
}

// quoteURL is Python's urllib.parse.quote.
func (m *machine) quoteURL(v any, query bool) string {
	s := url.QueryEscape(m.text(m.str(v)))
	if query {
		return m.text(strings.ReplaceAll(s, "%7E", "~"))
	}
	return m.text(strings.NewReplacer("+", "%20", "%2F", "/", "%7E", "~").Replace(s))
}

func filterURLEncode(m *machine, v any, a args) any {
	a.positional("urlencode", 0, 0)
	if _, ok := asString(v); ok || m.iterate(v) == nil {
		return m.quoteURL(v, false)
	}
	if d, ok := v.(*dict); ok {
		v = &dictView{d, "items"}
	}
	var parts []string
	for _, item := range m.all(v) {
		pair := m.all(item)
		if len(pair) != 2 {
			valueError("want pairs to unpack, got %d values", len(pair))
		}
		parts = append(parts, m.quoteURL(pair[0], true)+"="+m.quoteURL(pair[1], true))
	}
	return m.join(parts, "&")
}

func filterXMLAttr(m *machine, v any, a args) any {
	space := isTrue(a.bind("xmlattr", "autospace", true)[0])
	d, ok := v.(*dict)
	if !ok {
		fail("AttributeError", "'%s' object has no attribute 'items'", typeName(v))
	}
	var parts []string
	for i, k := range d.keys {
		if d.values[i] == nil || isUndefined(d.values[i]) {
			continue
		}
		if strings.ContainsAny(m.mustText(k), " \t\n\r\f\v/>=") {
			valueError("Invalid character in attribute name: %s", m.repr(k))
		}
		parts = append(parts, m.join([]string{m.escape(k), `="`, m.escape(d.values[i]), `"`}, ""))
	}
	out := m.join(parts, " ")
	if space && out != "" {
		out = " " + out
	}
	return out
}

func filterURLize(*machine, any, args) any {
	fail("NotImplementedError", "the filter urlize is not supported: it makes HTML")
	return nil
}

func filterPretty(m *machine, v any, a args) any {
	a.positional("pprint", 0, 0)
	text := m.repr(v)
	if runeCount(text) > 80 || strings.Contains(text, "{") {
		fail("NotImplementedError", "the filter pprint is supported only for short values without dicts")
	}
	return text
}

// chunks of a line for wrapping: runs of white space, and words after whose hyphens it
// may break.
var (
	spaceRuns = regexp.MustCompile(`[\t\n\v\f\r ]+|[^\t\n\v\f\r ]+`)
	hyphenEnd = regexp.MustCompile(`[\pL\d_!"'&.,?]*[\pL_]{2}-|-{2,}`)
)

// filterWordWrap is textwrap.wrap of each line.
func filterWordWrap(m *machine, v any, a args) any {
	p := a.bind("wordwrap", "width", 79, "break_long_words", true, "wrapstring", nil, "break_on_hyphens", true)
	width := mustInt(p[0])
	if width <= 0 {
		valueError("invalid width %d (must be > 0)", width)
	}
	newline := "\n"
	if p[2] != nil {
		newline = m.mustText(p[2])
	}
	var out []string
	for _, line := range m.splitLines(m.mustText(v), false) {
		m.items(len(line))
		lines := m.wrapLine(chunksOf(line, isTrue(p[3])), width, isTrue(p[1]))
		out = append(out, m.join(lines, newline))
	}
	return m.join(out, newline)
}

func chunksOf(line string, onHyphens bool) []string {
	var out []string
	for _, run := range spaceRuns.FindAllString(line, -1) {
		for onHyphens && strings.TrimSpace(run) != "" {
			at := hyphenEnd.FindStringIndex(run)
			if at == nil || at[1] == len(run) || !startsWithLetters(run[at[1]:]) {
				break
			}
			out = append(out, run[:at[1]])
			run = run[at[1]:]
		}
		out = append(out, run)
	}
	return out
}

var twoLetters = regexp.MustCompile(`^[\pL_]-?[\pL_]`)

func startsWithLetters(s string) bool { return twoLetters.MatchString(s) }

// wrapLine puts chunks into lines of at most width characters.
func (m *machine) wrapLine(chunks []string, width int, breakLong bool) []string {
	var lines []string
	for len(chunks) > 0 {
		if strings.TrimSpace(chunks[0]) == "" && len(lines) > 0 {
			chunks = chunks[1:]
		}
		var line []string
		size := 0
		for len(chunks) > 0 && size+runeCount(chunks[0]) <= width {
			line = append(line, chunks[0])
			size += runeCount(chunks[0])
			chunks = chunks[1:]
		}
		if len(chunks) > 0 && runeCount(chunks[0]) > width {
			line, chunks = m.breakChunk(line, chunks, width-size, breakLong)
		}
		if n := len(line); n > 0 && strings.TrimSpace(line[n-1]) == "" {
			line = line[:n-1]
		}
		if len(line) > 0 {
			lines = append(lines, strings.Join(line, ""))
		}
	}
	return lines
}

// breakChunk puts what fits of a chunk that no line can hold into a line.
func (m *machine) breakChunk(line, chunks []string, left int, breakLong bool) ([]string, []string) {
	m.alloc(5 * len(chunks[0]))
	if breakLong {
		runes := []rune(chunks[0])
		left = max(left, 1)
		return append(line, string(runes[:left])), append([]string{string(runes[left:])}, chunks[1:]...)
	}
	if len(line) == 0 {
		return chunks[:1], chunks[1:]
	}
	return line, chunks
}

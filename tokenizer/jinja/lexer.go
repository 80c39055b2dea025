package jinja

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kinds of tokens; an operator's kind is its text.
const (
	tokenData     = "data"
	tokenBlock    = "begin of statement block"
	tokenBlockEnd = "end of statement block"
	tokenVar      = "begin of print statement"
	tokenVarEnd   = "end of print statement"
	tokenName     = "name"
	tokenString   = "string"
	tokenInteger  = "integer"
	tokenFloat    = "float"
	tokenEOF      = "end of template"
)

type token struct {
	kind  string
	text  string
	value any // of numbers and strings
	line  int
}

// lexer cuts a template into tokens with trim_blocks and lstrip_blocks on, and without
// the template's last newline, unless it is plain.
type lexer struct {
	plain     bool
	src       string
	pos, line int
	counted   int // bytes of src before which line was counted
	tokens    []token
	lineStart bool // the last piece ended with a newline
	brackets  []byte
}

var (
	newlines  = strings.NewReplacer("\r\n", "\n", "\r", "\n")
	floats    = regexp.MustCompile(`^(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+\-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)`)
	integers  = regexp.MustCompile(`^(?:0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*)`)
	strs      = regexp.MustCompile(`^(?s:'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*")`)
	operators = []string{
		"//", "**", "==", "!=", ">=", "<=",
		"+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";",
	}
	closing = map[string]byte{"(": ')', "[": ']', "{": '}'}
)

func lex(source string, plain bool) []token {
	source = newlines.Replace(source)
	if !plain {
		source = strings.TrimSuffix(source, "\n")
	}
	l := &lexer{plain: plain, src: source, line: 1, lineStart: true}
	for l.pos < len(l.src) {
		l.root()
	}
	l.add(tokenEOF, "", nil)
	return l.tokens
}

func (l *lexer) fail(format string, args ...any) {
	l.count()
	panic(&SyntaxError{l.line, fmt.Sprintf(format, args...)})
}

// count brings line up to pos.
func (l *lexer) count() {
	l.line += strings.Count(l.src[l.counted:l.pos], "\n")
	l.counted = l.pos
}

// add appends a token that begins at pos.
func (l *lexer) add(kind, text string, value any) {
	l.count()
	l.tokens = append(l.tokens, token{kind, text, value, l.line})
}

// take goes on by n bytes.
func (l *lexer) take(n int) string {
	s := l.src[l.pos : l.pos+n]
	l.pos += n
	if n > 0 {
		l.lineStart = s[n-1] == '\n'
	}
	return s
}

// has takes the literal s where it comes next.
func (l *lexer) has(s string) bool {
	ok := strings.HasPrefix(l.src[l.pos:], s)
	if ok {
		l.take(len(s))
	}
	return ok
}

// spaces takes all white space.
func (l *lexer) spaces() {
	l.take(len(l.src) - l.pos - len(strings.TrimLeftFunc(l.src[l.pos:], isSpace)))
}

// sign takes the whitespace control after the begin of a tag.
func (l *lexer) sign() byte {
	if l.pos < len(l.src) && (l.src[l.pos] == '-' || l.src[l.pos] == '+') {
		return l.take(1)[0]
	}
	return 0
}

// root reads text up to the next tag, and the tag.
func (l *lexer) root() {
	text := l.src[l.pos:]
	at := nextTag(text)
	if at < 0 {
		l.add(tokenData, text, nil)
		l.pos = len(l.src)
		return
	}
	start, lineStart := l.pos, l.lineStart
	l.pos += at
	open := l.take(2)
	sign := l.sign()
	text = stripBefore(text[:at], sign, l.plain || open == "{{", lineStart)
	if text != "" {
		l.tokens = append(l.tokens, token{tokenData, text, nil, l.lineAt(start)})
	}
	switch {
	case open == "{#":
		l.comment()
	case open == "{{":
		l.inside(tokenVar, tokenVarEnd)
	case l.rawBegin():
		l.raw()
	default:
		l.inside(tokenBlock, tokenBlockEnd)
	}
}

// lineAt is the line of an offset that is not before what was counted.
func (l *lexer) lineAt(at int) int { return l.line + strings.Count(l.src[l.counted:at], "\n") }

// nextTag is the offset of the next tag, -1 where there is none.
func nextTag(s string) int {
	for at := 0; ; at++ {
		i := strings.IndexByte(s[at:], '{')
		if i < 0 {
			return -1
		}
		if at += i; at+1 < len(s) && strings.IndexByte("{%#", s[at+1]) >= 0 {
			return at
		}
	}
}

// stripBefore takes the white space off the end of the text before a tag that the tag's
// sign or lstrip_blocks removes.
func stripBefore(text string, sign byte, keep, lineStart bool) string {
	if sign == '-' {
		return strings.TrimRightFunc(text, isSpace)
	}
	if sign == '+' || keep {
		return text
	}
	line := strings.LastIndexByte(text, '\n') + 1
	if (line > 0 || lineStart) && strings.TrimLeftFunc(text[line:], isSpace) == "" {
		return text[:line]
	}
	return text
}

// comment goes past the end of a comment.
func (l *lexer) comment() {
	rest := l.src[l.pos:]
	end := strings.Index(rest, "#}")
	if rest == "" {
		return // jinja2 does not miss the end there
	}
	if end < 0 {
		l.fail("Missing end of comment tag")
	}
	l.take(end + 2)
	l.trimAfter(strings.HasSuffix(rest[:end], "-"), strings.HasSuffix(rest[:end], "+"))
}

// trimAfter goes past white space after the end of a block or comment.
func (l *lexer) trimAfter(minus, plus bool) {
	if minus {
		l.spaces()
	} else if !plus && !l.plain {
		l.has("\n")
	}
}

// rawBegin takes the rest of a raw tag where it is one.
func (l *lexer) rawBegin() bool {
	pos, lineStart := l.pos, l.lineStart
	l.spaces()
	if l.has("raw") {
		l.spaces()
		if l.has("-%}") {
			l.spaces()
			return true
		}
		if l.has("%}") {
			return true
		}
	}
	l.pos, l.lineStart = pos, lineStart
	return false
}

var rawEnd = regexp.MustCompile(`\{%([-+]?)[\s\v\x1c-\x1f\x85\p{Z}]*endraw[\s\v\x1c-\x1f\x85\p{Z}]*([-+]?)%\}`)

// raw reads text up to endraw.
func (l *lexer) raw() {
	rest := l.src[l.pos:]
	if rest == "" {
		return
	}
	m := rawEnd.FindStringSubmatchIndex(rest)
	if m == nil {
		l.fail("Missing end of raw directive")
	}
	sign := byte(0)
	if m[2] < m[3] {
		sign = rest[m[2]]
	}
	if text := stripBefore(rest[:m[0]], sign, l.plain, l.lineStart); text != "" {
		l.add(tokenData, text, nil)
	}
	l.take(m[1])
	end := rest[m[4]:m[5]]
	l.trimAfter(end == "-", end == "+")
}

// inside reads the tokens of a block or a print statement.
func (l *lexer) inside(begin, end string) {
	l.add(begin, "", nil)
	for !l.end(end) {
		if l.spaces(); len(l.brackets) == 0 && l.end(end) {
			return
		}
		if l.pos == len(l.src) {
			return // the parser says what is missing
		}
		l.one()
	}
}

// end takes the end of the tag where it comes next.
func (l *lexer) end(kind string) bool {
	if len(l.brackets) > 0 {
		return false
	}
	closer := "%}"
	if kind == tokenVarEnd {
		closer = "}}"
	}
	before := *l
	minus, plus := l.has("-"+closer), false
	if !minus && kind == tokenBlockEnd {
		plus = l.has("+" + closer)
	}
	if !minus && !plus && !l.has(closer) {
		return false
	}
	l.trimAfter(minus, plus || kind == tokenVarEnd)
	l.tokens = append(l.tokens, token{kind, "", nil, before.lineAt(before.pos)})
	return true
}

// one reads a number, name, string or operator.
func (l *lexer) one() {
	rest := l.src[l.pos:]
	c, _ := utf8.DecodeRuneInString(rest)
	switch {
	case c >= '0' && c <= '9':
		l.number(rest)
	case isWord(c):
		l.name(rest)
	case c == '\'' || c == '"':
		l.str(rest)
	default:
		l.operator(rest)
	}
}

func (l *lexer) number(rest string) {
	if l.pos == 0 || l.src[l.pos-1] != '.' {
		if text := floats.FindString(rest); text != "" {
			f, _ := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
			l.add(tokenFloat, text, f)
			l.take(len(text))
			return
		}
	}
	text := integers.FindString(rest)
	n, ok := parseInt(strings.ReplaceAll(text, "_", ""), 0)
	if text == "" || !ok {
		l.fail("the number %.20q is too long or malformed", rest)
	}
	l.add(tokenInteger, text, n)
	l.take(len(text))
}

// parseInt reads digits; base 0 takes the base from the prefix, as Python does.
func parseInt(s string, base int) (any, bool) {
	if len(s) > maxDigits {
		return nil, false
	}
	if base == 0 && strings.Trim(s, "0") == "" && s != "" {
		return 0, true
	}
	n, ok := new(big.Int).SetString(s, base)
	if !ok {
		return nil, false
	}
	return smallInt(n), true
}

func isWord(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.IsNumber(c) }

func (l *lexer) name(rest string) {
	end := strings.IndexFunc(rest, func(c rune) bool { return !isWord(c) })
	if end < 0 {
		end = len(rest)
	}
	if !isIdentifier(rest[:end]) {
		l.fail("Invalid character in identifier")
	}
	l.add(tokenName, rest[:end], nil)
	l.take(end)
}

func (l *lexer) str(rest string) {
	text := strs.FindString(rest)
	if text == "" {
		l.fail("unexpected char %q", rest[0])
	}
	s, err := unescape(text[1 : len(text)-1])
	if err != nil {
		l.fail("%v", err)
	}
	l.add(tokenString, text, s)
	l.take(len(text))
}

func (l *lexer) operator(rest string) {
	for _, op := range operators {
		if !strings.HasPrefix(rest, op) {
			continue
		}
		if c, ok := closing[op]; ok {
			if l.brackets = append(l.brackets, c); len(l.brackets) > maxNesting {
				l.tooDeep()
			}
		} else if strings.Contains(")]}", op) {
			n := len(l.brackets)
			if n == 0 || l.brackets[n-1] != op[0] {
				l.fail("unexpected '%s'", op)
			}
			l.brackets = l.brackets[:n-1]
		}
		l.add(op, op, nil)
		l.take(len(op))
		return
	}
	c, _ := utf8.DecodeRuneInString(rest)
	l.fail("unexpected char %q", c)
}

func (l *lexer) tooDeep() {
	l.count()
	panic(&LimitError{Line: l.line, Limit: "brackets within one another", Max: maxNesting})
}

var simpleEscapes = map[byte]string{
	'\n': "", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// unescape reads a string literal as Python's unicode-escape codec does.
func unescape(s string) (string, error) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
		b.WriteString(s[:i])
		c := s[i+1]
		s = s[i+2:]
		if text, ok := simpleEscapes[c]; ok {
			b.WriteString(text)
			continue
		}
		n, err := numericEscape(&b, c, s)
		if err != nil {
			return "", err
		}
		s = s[n:]
	}
}

// numericEscape writes the character of an escape with digits, and returns their number.
func numericEscape(b *strings.Builder, c byte, s string) (int, error) {
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	switch {
	case c == 'N':
		return 0, fmt.Errorf(`\N{...} escapes are not supported`)
	case digits > 0:
		if len(s) < digits {
			return 0, fmt.Errorf(`truncated \%c escape`, c)
		}
		n, err := strconv.ParseUint(s[:digits], 16, 32)
		if err != nil || !utf8.ValidRune(rune(n)) {
			return 0, fmt.Errorf(`illegal \%c escape`, c)
		}
		b.WriteRune(rune(n))
		return digits, nil
	case c >= '0' && c <= '7':
		n := 0
		for n < 2 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		value, _ := strconv.ParseUint(string(c)+s[:n], 8, 32)
		b.WriteRune(rune(value))
		return n, nil
	}
	b.WriteByte('\\')
	b.WriteByte(c)
	return 0, nil
}

package python

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrLiteral is for what Python reads as a literal and Literal does not.
var ErrLiteral = errors.New("a kind of literal that is not read here")

// maxLiteralDepth bounds the lists within one another in a literal.
const maxLiteralDepth = 100

// Literal is ast.literal_eval: a text, number, True, False, None, or a list, tuple or dict (with texts for
// keys) of these, which are string, int64, float64, bool, nil, []any and map[string]any. For what else
// Python takes, such as bytes, sets, comments, complex numbers and integers beyond an int64, the error is
// ErrLiteral, and for some texts that only look like it; any other error is one in Python too.
func Literal(s string) (any, error) {
	p := &literalParser{rest: strings.TrimLeft(s, " \t")}
	list, comma, err := p.sequence("")
	switch {
	case err != nil:
		return nil, err
	case p.rest != "" || len(list) == 0:
		return nil, p.fail("a value and no more")
	case len(list) == 1 && !comma:
		return list[0], nil
	}
	return list, nil
}

type literalParser struct {
	rest  string
	depth int // brackets around
}

// beyond is the beginning of what Python reads and Literal does not.
var beyond = regexp.MustCompile(`^(?:[#\\jJ+-]|\.\.\.|(?:[bB][rR]?|[rR][bB])["']|set\(\))`)

// fail is the error for what comes next.
func (p *literalParser) fail(want string) error {
	if beyond.MatchString(p.rest) {
		return fmt.Errorf("%.20q: %w", p.rest, ErrLiteral)
	}
	return fmt.Errorf("%.20q stands where %s is expected", p.rest, want)
}

// space goes past white space and line breaks, which mean nothing within brackets. At the top they
// may only end the text.
func (p *literalParser) space() {
	cut := " \t\f\r\n"
	if p.depth == 0 && strings.Trim(p.rest, cut) != "" {
		cut = " \t\f"
	}
	p.rest = strings.TrimLeft(p.rest, cut)
}

func (p *literalParser) skip(token string) bool {
	if !strings.HasPrefix(p.rest, token) {
		return false
	}
	p.rest = p.rest[len(token):]
	p.space()
	return true
}

// sequence reads values with commas between them up to a closing bracket, "" for the end; comma
// tells whether one ends it.
func (p *literalParser) sequence(end string) (list []any, comma bool, err error) {
	list = []any{}
	for p.rest != "" && (end == "" || !strings.HasPrefix(p.rest, end)) {
		v, err := p.value()
		if err != nil {
			return nil, false, err
		}
		list = append(list, v)
		if comma = p.skip(","); !comma {
			break
		}
	}
	return list, comma, nil
}

// bracket reads a list or a tuple; parentheses around one value mean nothing.
func (p *literalParser) bracket(end string) (any, error) {
	if p.depth++; p.depth > maxLiteralDepth {
		return nil, fmt.Errorf("values are nested too deep: %w", ErrLiteral)
	}
	p.rest = p.rest[1:]
	p.space()
	list, comma, err := p.sequence(end)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(p.rest, end) {
		return nil, p.fail(end)
	}
	p.rest = p.rest[1:]
	p.depth--
	if end == ")" && len(list) == 1 && !comma {
		return list[0], nil
	}
	return list, nil
}

// dict reads a dictionary whose keys are texts.
func (p *literalParser) dict() (any, error) {
	if p.depth++; p.depth > maxLiteralDepth {
		return nil, fmt.Errorf("values are nested too deep: %w", ErrLiteral)
	}
	p.rest = p.rest[1:]
	p.space()
	dict := map[string]any{}
	for p.rest != "" && p.rest[0] != '}' {
		key, err := p.value()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok || !p.skip(":") || p.rest == "" {
			return nil, fmt.Errorf("a set, or a key that is no text: %w", ErrLiteral)
		}
		if dict[name], err = p.value(); err != nil {
			return nil, err
		}
		if !p.skip(",") {
			break
		}
	}
	if !strings.HasPrefix(p.rest, "}") {
		return nil, p.fail("}")
	}
	p.rest = p.rest[1:]
	p.depth--
	return dict, nil
}

var literalNumber = regexp.MustCompile(`^[-+]?[ \t]*(?:0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|` +
	`(?:[0-9](?:_?[0-9])*)?\.?(?:[0-9](?:_?[0-9])*)?(?:[eE][-+]?[0-9](?:_?[0-9])*)?)`)

// value reads one value and the space after it.
func (p *literalParser) value() (any, error) {
	v, err := p.inner()
	p.space()
	return v, err
}

func (p *literalParser) inner() (any, error) {
	switch p.rest[0] {
	case '[':
		return p.bracket("]")
	case '(':
		return p.bracket(")")
	case '{':
		return p.dict()
	}
	for word, v := range map[string]any{"None": nil, "True": true, "False": false} {
		if after, ok := strings.CutPrefix(p.rest, word); ok && !isWordStart(after) {
			p.rest = after
			return v, nil
		}
	}
	if m := stringStart.FindString(p.rest); m != "" {
		return p.strings()
	}
	return p.number()
}

func isWordStart(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && (r == '_' || r >= utf8.RuneSelf ||
		r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z')
}

func (p *literalParser) number() (any, error) {
	form := literalNumber.FindString(p.rest)
	after := p.rest[len(form):]
	digits := strings.Map(func(r rune) rune {
		if r == '_' || r == ' ' || r == '\t' {
			return -1
		}
		return r
	}, form)
	unsigned := strings.TrimLeft(digits, "+-")
	if unsigned == "" || unsigned == "." {
		return nil, p.fail("a value")
	}
	p.rest = after
	if isWordStart(after) || strings.HasPrefix(after, ".") {
		return nil, p.fail("the end of a number")
	}
	if !strings.HasPrefix(strings.ToLower(unsigned), "0x") && strings.ContainsAny(unsigned, ".eE") {
		f, err := strconv.ParseFloat(digits, 64)
		if errors.Is(err, strconv.ErrRange) {
			err = nil // infinite, as in Python
		}
		return f, err
	}
	if len(unsigned) > 1 && unsigned[0] == '0' && unsigned[1] <= '9' && strings.Trim(unsigned, "0") != "" {
		return nil, fmt.Errorf("the number %s begins with 0", unsigned)
	}
	n, ok := new(big.Int).SetString(digits, 0)
	if !ok || !n.IsInt64() {
		return nil, fmt.Errorf("the number %.20s: %w", digits, ErrLiteral)
	}
	return n.Int64(), nil
}

var stringStart = regexp.MustCompile(`^(?:[uU]|[rR])?("""|'''|"|')`)

// strings reads texts in quotes; those that follow one another are one.
func (p *literalParser) strings() (any, error) {
	var all strings.Builder
	for {
		m := stringStart.FindStringSubmatch(p.rest)
		if m == nil {
			return all.String(), nil
		}
		raw := strings.ContainsAny(m[0], "rR")
		p.rest = p.rest[len(m[0]):]
		if err := p.one(&all, m[1], raw); err != nil {
			return nil, err
		}
		p.space()
	}
}

// one reads a text up to its closing quotes.
func (p *literalParser) one(out *strings.Builder, quotes string, raw bool) error {
	for p.rest != "" {
		if after, ok := strings.CutPrefix(p.rest, quotes); ok {
			p.rest = after
			return nil
		}
		c, n := utf8.DecodeRuneInString(p.rest)
		switch {
		case c == '\n' && len(quotes) == 1:
			return errors.New("a text in quotes ends with its line")
		case c == '\\' && raw:
			_, next := utf8.DecodeRuneInString(p.rest[n:])
			out.WriteString(p.rest[:n+next])
			p.rest = p.rest[n+next:]
			continue
		case c == '\\':
			if err := p.escape(out); err != nil {
				return err
			}
			continue
		}
		out.WriteString(p.rest[:n])
		p.rest = p.rest[n:]
	}
	return errors.New("a text in quotes has no end")
}

var simpleEscapes = map[byte]string{
	'\n': "", '\\': "\\", '\'': "'", '"': "\"", 'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
}

// escape reads a backslash and what it means.
func (p *literalParser) escape(out *strings.Builder) error {
	if len(p.rest) < 2 {
		return errors.New("a text in quotes has no end")
	}
	c := p.rest[1]
	if s, ok := simpleEscapes[c]; ok {
		out.WriteString(s)
		p.rest = p.rest[2:]
		return nil
	}
	digits, base, at := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c], 16, 2
	switch {
	case c == 'N':
		return fmt.Errorf(`\N{...}: %w`, ErrLiteral)
	case c >= '0' && c <= '7':
		base, at = 8, 1
		for digits < 3 && at+digits < len(p.rest) && p.rest[at+digits] >= '0' && p.rest[at+digits] <= '7' {
			digits++
		}
	case digits == 0: // the backslash stands for itself
		out.WriteByte('\\')
		p.rest = p.rest[1:]
		return nil
	}
	if len(p.rest) < at+digits {
		return fmt.Errorf(`\%c is cut short`, c)
	}
	n, err := strconv.ParseUint(p.rest[at:at+digits], base, 32)
	if err != nil || !utf8.ValidRune(rune(n)) {
		return fmt.Errorf(`\%c%s is no character`, c, p.rest[at:at+digits])
	}
	out.WriteRune(rune(n))
	p.rest = p.rest[at+digits:]
	return nil
}

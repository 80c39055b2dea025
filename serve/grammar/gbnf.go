package grammar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parseGBNF reads a grammar in the GBNF of llama.cpp: rules "name ::= body" with literals,
// classes of characters, groups, alternatives, and the repetitions *, +, ?, {n}, {n,} and {n,m}. The
// first rule is the one with the name root.
func parseGBNF(g *rules, text string) (item, error) {
	p := &gbnf{g: g, text: text, names: map[string]int32{}, defined: map[int32]bool{}}
	if err := p.rules(); err != nil {
		return item{}, err
	}
	for _, name := range slices.Sorted(keys(p.names)) {
		if !p.defined[p.names[name]] {
			return item{}, &Error{Text: fmt.Sprintf("the rule %s is used, but not defined", name)}
		}
	}
	root, ok := p.names["root"]
	if !ok {
		return item{}, &Error{Text: "there is no rule root"}
	}
	return item{rule: root}, nil
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// gbnf is a parser.
type gbnf struct {
	g       *rules
	text    string
	at      int
	names   map[string]int32
	defined map[int32]bool
	depth   int
}

// Limits of grammars.
const (
	maxGrammarBytes = 256 << 10
	maxNesting      = 64
	maxRepeats      = 4096
)

func (p *gbnf) errorf(format string, args ...any) error {
	line := 1 + strings.Count(p.text[:p.at], "\n")
	return &Error{fmt.Sprintf("line %d of the grammar", line), fmt.Sprintf(format, args...)}
}

// space skips spaces and comments; lines too, if they do not matter.
func (p *gbnf) space(lines bool) {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == ' ' || c == '\t' || lines && (c == '\n' || c == '\r'):
			p.at++
		case c == '#':
			for p.at < len(p.text) && p.text[p.at] != '\n' {
				p.at++
			}
		default:
			return
		}
	}
}

func (p *gbnf) next(s string) bool {
	if strings.HasPrefix(p.text[p.at:], s) {
		p.at += len(s)
		return true
	}
	return false
}

// rule is the number of a name.
func (p *gbnf) rule(name string) int32 {
	id, ok := p.names[name]
	if !ok {
		id = p.g.reserve()
		p.names[name] = id
	}
	return id
}

func (p *gbnf) name() string {
	start := p.at
	for p.at < len(p.text) && (isLetter(p.text[p.at]) || p.text[p.at] == '-' || p.text[p.at] == '_') {
		p.at++
	}
	return p.text[start:p.at]
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func (p *gbnf) rules() error {
	if len(p.text) > maxGrammarBytes {
		return &Error{Text: fmt.Sprintf("the grammar has %d bytes: want at most %d", len(p.text), maxGrammarBytes)}
	}
	for p.space(true); p.at < len(p.text); p.space(true) {
		name := p.name()
		p.space(false)
		if name == "" || !p.next("::=") {
			return p.errorf("want a rule: name ::= body")
		}
		p.space(true)
		alternatives, err := p.alternatives(false)
		if err != nil {
			return err
		}
		id := p.rule(name)
		if p.defined[id] {
			return p.errorf("the rule %s is defined twice", name)
		}
		p.defined[id] = true
		p.g.set(id, alternatives...)
		if p.at < len(p.text) && p.text[p.at] != '\n' && p.text[p.at] != '\r' {
			return p.errorf("%q is not expected", p.text[p.at:p.at+1])
		}
	}
	return nil
}

// alternatives reads a body. Within a group, it goes over lines.
func (p *gbnf) alternatives(group bool) (list [][]item, err error) {
	if p.depth++; p.depth > maxNesting {
		return nil, p.errorf("groups are nested more than %d deep", maxNesting)
	}
	defer func() { p.depth-- }()
	for {
		sequence, err := p.sequence(group)
		if err != nil {
			return nil, err
		}
		list = append(list, sequence)
		if !p.next("|") {
			return list, nil
		}
		p.space(true)
	}
}

func (p *gbnf) sequence(group bool) (out []item, err error) {
	for p.space(group); p.at < len(p.text); p.space(group) {
		part, ok, err := p.part()
		if err != nil || !ok {
			return out, err
		}
		if part, err = p.repeated(part); err != nil {
			return nil, err
		}
		out = append(out, part...)
	}
	return out, nil
}

// part reads a literal, a class, a group or the name of a rule; false if there is none.
func (p *gbnf) part() (part []item, ok bool, err error) {
	switch c := p.text[p.at]; {
	case c == '"':
		p.at++
		part, err = p.literal()
	case c == '[':
		p.at++
		part, err = p.class()
	case c == '.':
		p.at++
		part = []item{p.g.runes([2]rune{0, utf8.MaxRune})}
	case c == '(':
		p.at++
		p.space(true)
		var list [][]item
		if list, err = p.alternatives(true); err == nil && !p.next(")") {
			err = p.errorf("a group has no end: want )")
		}
		if err == nil {
			part = []item{p.g.oneOf(list...)}
		}
	case isLetter(c):
		part = []item{{rule: p.rule(p.name())}}
	default:
		return nil, false, nil
	}
	return part, true, err
}

// repeated reads repetitions of a part.
func (p *gbnf) repeated(part []item) ([]item, error) {
	for {
		p.space(false)
		least, most := 0, -1
		switch {
		case p.next("*"):
		case p.next("+"):
			least = 1
		case p.next("?"):
			most = 1
		case p.next("{"):
			var err error
			if least, most, err = p.counts(); err != nil {
				return nil, err
			}
		default:
			return part, nil
		}
		part = []item{p.g.oneOf(p.g.repeat(part, least, most))}
	}
}

// counts reads the inside of {n}, {n,} or {n,m}.
func (p *gbnf) counts() (least, most int, err error) {
	end := strings.IndexByte(p.text[p.at:], '}')
	if end < 0 {
		return 0, 0, p.errorf("want } after a number of times")
	}
	low, high, isRange := strings.Cut(p.text[p.at:p.at+end], ",")
	least, err = strconv.Atoi(strings.TrimSpace(low))
	most = least
	if isRange {
		if most = -1; strings.TrimSpace(high) != "" && err == nil {
			most, err = strconv.Atoi(strings.TrimSpace(high))
		}
	}
	if err != nil || least < 0 || least > maxRepeats || most > maxRepeats || most >= 0 && most < least {
		return 0, 0, p.errorf("{%s}: want {n}, {n,} or {n,m} of up to %d", p.text[p.at:p.at+end], maxRepeats)
	}
	p.at += end + 1
	return least, most, nil
}

func (p *gbnf) literal() (out []item, err error) {
	for {
		if p.next(`"`) {
			return out, nil
		}
		r, err := p.char()
		if err != nil {
			return nil, err
		}
		out = append(out, text(string(r))...)
	}
}

// class reads a class of characters up to its ].
func (p *gbnf) class() ([]item, error) {
	not := p.next("^")
	var ranges [][2]rune
	for !p.next("]") {
		lo, err := p.char()
		if err != nil {
			return nil, err
		}
		hi := lo
		if strings.HasPrefix(p.text[p.at:], "-") && !strings.HasPrefix(p.text[p.at:], "-]") {
			p.at++
			if hi, err = p.char(); err != nil {
				return nil, err
			}
		}
		if hi < lo {
			return nil, p.errorf("the range %c-%c is empty", lo, hi)
		}
		ranges = append(ranges, [2]rune{lo, hi})
	}
	if not {
		ranges = others(ranges)
	}
	return []item{p.g.runes(ranges...)}, nil
}

// others are the characters that are in none of some ranges.
func others(ranges [][2]rune) (out [][2]rune) {
	slices.SortFunc(ranges, func(a, b [2]rune) int { return int(a[0] - b[0]) })
	next := rune(0)
	for _, r := range ranges {
		if r[0] > next {
			out = append(out, [2]rune{next, r[0] - 1})
		}
		next = max(next, r[1]+1)
	}
	if next <= utf8.MaxRune {
		out = append(out, [2]rune{next, utf8.MaxRune})
	}
	return out
}

// char reads a character, or an escape of one.
func (p *gbnf) char() (rune, error) {
	r, size := utf8.DecodeRuneInString(p.text[p.at:])
	if size == 0 || r == '\n' {
		return 0, p.errorf("a literal or a class has no end")
	}
	if r == utf8.RuneError && size == 1 {
		return 0, p.errorf("is no UTF-8")
	}
	p.at += size
	if r != '\\' || p.at == len(p.text) {
		return r, nil
	}
	c := p.text[p.at]
	p.at++
	switch c {
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'x', 'u', 'U':
		return p.hex(map[byte]int{'x': 2, 'u': 4, 'U': 8}[c])
	case '\\', '"', '[', ']', '-', '^':
		return rune(c), nil
	}
	return 0, p.errorf(`\%c is no escape`, c)
}

func (p *gbnf) hex(digits int) (rune, error) {
	if p.at+digits <= len(p.text) {
		if n, err := strconv.ParseUint(p.text[p.at:p.at+digits], 16, 32); err == nil && n <= utf8.MaxRune {
			p.at += digits
			return rune(n), nil
		}
	}
	return 0, p.errorf("want %d hexadecimal digits of a character", digits)
}

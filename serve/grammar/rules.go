package grammar

import (
	"slices"
	"unicode/utf8"
)

// A grammar is made of rules. A rule is one of several sequences; an item of a sequence is a range
// of bytes or a rule. Rules may refer to each other in any way but one: a rule must not begin with
// itself.
type rules struct {
	list [][][]item // [rule][alternative][item]
	size int        // items and alternatives so far
}

// item is a rule, or the bytes from lo to hi.
type item struct {
	rule   int32 // -1: bytes
	lo, hi byte
}

// maxSize limits the memory of a grammar.
const maxSize = 200_000

// errTooLarge is the error of grammars and schemas that are too large.
var errTooLarge = &Error{Text: "the form is too large: simplify it, or lower its bounds"}

// tooLarge is thrown by add and caught by guard: every builder would have to pass it on.
type tooLarge struct{}

// guard calls f and returns errTooLarge if it made too many rules.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(tooLarge); !ok {
				panic(r)
			}
			err = errTooLarge
		}
	}()
	return f()
}

// reserve makes a rule whose alternatives are set later.
func (g *rules) reserve() int32 {
	g.list = append(g.list, nil)
	return int32(len(g.list) - 1)
}

// set sets the alternatives of a rule.
func (g *rules) set(rule int32, alternatives ...[]item) {
	for _, a := range alternatives {
		g.size += 1 + len(a)
	}
	if g.size > maxSize {
		panic(tooLarge{})
	}
	g.list[rule] = alternatives
}

// oneOf makes a rule of alternatives.
func (g *rules) oneOf(alternatives ...[]item) item {
	rule := g.reserve()
	g.set(rule, alternatives...)
	return item{rule: rule}
}

// text is the bytes of a text.
func text(s string) []item {
	items := make([]item, len(s))
	for i := range len(s) {
		items[i] = item{-1, s[i], s[i]}
	}
	return items
}

// repeat makes a rule of least to most times a sequence; most < 0 is without limit.
func (g *rules) repeat(sequence []item, least, most int) []item {
	var out []item
	for range least {
		g.size += len(sequence)
		if g.size > maxSize {
			panic(tooLarge{})
		}
		out = append(out, sequence...)
	}
	if most < 0 {
		rule := g.reserve()
		g.set(rule, slices.Concat(sequence, []item{{rule: rule}}), nil)
		return append(out, item{rule: rule})
	}
	var rest []item // up to most-least times
	for range most - least {
		rest = []item{g.oneOf(slices.Concat(sequence, rest), nil)}
	}
	return append(out, rest...)
}

// optional makes a rule of a sequence or nothing.
func (g *rules) optional(sequence ...item) item { return g.oneOf(sequence, nil) }

// runes makes a rule of the UTF-8 forms of some ranges of characters.
func (g *rules) runes(ranges ...[2]rune) item {
	var alternatives [][]item
	for _, r := range ranges {
		alternatives = appendUTF8(alternatives, r[0], r[1])
	}
	return g.oneOf(alternatives...)
}

// utf8Ends are the last characters of each length in UTF-8. Surrogates have no form.
var utf8Ends = []rune{0x7f, 0x7ff, 0xd7ff, 0xffff, 0x10ffff}

// appendUTF8 appends sequences of byte ranges for the characters from lo to hi.
func appendUTF8(list [][]item, lo, hi rune) [][]item {
	if lo <= 0xdfff && hi >= 0xd800 {
		if lo < 0xd800 {
			list = appendUTF8(list, lo, 0xd7ff)
		}
		if hi > 0xdfff {
			list = appendUTF8(list, 0xe000, hi)
		}
		return list
	}
	for _, end := range utf8Ends {
		if lo <= end && hi > end {
			return appendUTF8(appendUTF8(list, lo, end), end+1, hi)
		}
	}
	if lo > hi {
		return list
	}
	return appendAligned(list, lo, hi)
}

// appendAligned does it for characters of one length.
func appendAligned(list [][]item, lo, hi rune) [][]item {
	for bits := rune(6); bits <= 18; bits += 6 { // cut where only the last bytes may vary
		mask := rune(1)<<bits - 1
		if lo&^mask == hi&^mask {
			break
		}
		if lo&mask != 0 {
			return appendAligned(appendAligned(list, lo, lo|mask), (lo|mask)+1, hi)
		}
		if hi&mask != mask {
			return appendAligned(appendAligned(list, lo, hi&^mask-1), hi&^mask, hi)
		}
	}
	var a, b [utf8.UTFMax]byte
	n := utf8.EncodeRune(a[:], lo)
	utf8.EncodeRune(b[:], hi)
	sequence := make([]item, n)
	for i := range n {
		sequence[i] = item{-1, a[i], b[i]}
	}
	return append(list, sequence)
}

// check returns an error if a rule begins with itself, which would have no end.
func (g *rules) check() error {
	nullable := g.nullable()
	state := make([]int8, len(g.list)) // 1: being visited, 2: fine
	var visit func(rule int32) bool
	visit = func(rule int32) bool {
		if state[rule] != 0 {
			return state[rule] == 2
		}
		state[rule] = 1
		for _, alternative := range g.list[rule] {
			for _, it := range alternative {
				if it.rule < 0 {
					break
				}
				if !visit(it.rule) {
					return false
				}
				if !nullable[it.rule] {
					break
				}
			}
		}
		state[rule] = 2
		return true
	}
	for rule := range g.list {
		if !visit(int32(rule)) {
			return &Error{Text: "a rule begins with itself: put what comes first before the repetition"}
		}
	}
	return nil
}

// nullable reports for each rule whether it can be nothing.
func (g *rules) nullable() []bool {
	can := make([]bool, len(g.list))
	empty := func(a []item) bool {
		return !slices.ContainsFunc(a, func(it item) bool { return it.rule < 0 || !can[it.rule] })
	}
	for changed := true; changed; {
		changed = false
		for rule, alternatives := range g.list {
			if !can[rule] && slices.ContainsFunc(alternatives, empty) {
				can[rule], changed = true, true
			}
		}
	}
	return can
}

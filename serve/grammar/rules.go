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

// finish takes out what no text matches, and returns an error if nothing is left or if a rule
// begins with itself, which would have no end.
func (g *rules) finish(root int32) error {
	can := g.productive()
	if !can[root] {
		return &Error{Text: "nothing matches the form"}
	}
	for rule, alternatives := range g.list {
		g.list[rule] = slices.DeleteFunc(alternatives, func(a []item) bool { return !all(a, can) })
	}
	nullable := g.nullable()
	state := make([]visit, len(g.list))
	for rule := range g.list {
		if !g.ends(int32(rule), state, nullable) {
			return &Error{Text: "a rule begins with itself: put what comes first before the repetition"}
		}
	}
	return nil
}

// visit is what a walk through the rules knows of one.
type visit int8

const (
	isVisited visit = iota + 1
	isFine
)

// ends reports whether no rule that a rule begins with begins with it.
func (g *rules) ends(rule int32, state []visit, nullable []bool) bool {
	if state[rule] != 0 {
		return state[rule] == isFine
	}
	state[rule] = isVisited
	for _, alternative := range g.list[rule] {
		for _, it := range alternative {
			if it.rule < 0 {
				break
			}
			if !g.ends(it.rule, state, nullable) {
				return false
			}
			if !nullable[it.rule] {
				break
			}
		}
	}
	state[rule] = isFine
	return true
}

// all reports whether all rules of a sequence have a property.
func all(sequence []item, have []bool) bool {
	return !slices.ContainsFunc(sequence, func(it item) bool { return it.rule >= 0 && !have[it.rule] })
}

// productive reports for each rule whether a text matches it.
func (g *rules) productive() []bool {
	return g.closure(func(a []item, can []bool) bool { return all(a, can) })
}

// nullable reports for each rule whether it can be nothing.
func (g *rules) nullable() []bool {
	return g.closure(func(a []item, can []bool) bool {
		return all(a, can) && !slices.ContainsFunc(a, func(it item) bool { return it.rule < 0 })
	})
}

// closure is the rules with a property: those with an alternative that has it by those known so
// far.
func (g *rules) closure(has func(a []item, can []bool) bool) []bool {
	can := make([]bool, len(g.list))
	for changed := true; changed; {
		changed = false
		for rule := range g.list { // mostly, rules refer to earlier ones
			if !can[rule] && slices.ContainsFunc(g.list[rule], func(a []item) bool { return has(a, can) }) {
				can[rule], changed = true, true
			}
		}
	}
	return can
}

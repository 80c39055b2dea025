package tokenizer

import (
	"strings"
	"unicode/utf8"

	sugarme "github.com/sugarme/tokenizer"
	"github.com/sugarme/tokenizer/normalizer"
)

// aligned is a changed text with the origin of each of its bytes in the original text, so that
// tokens have offsets in the original.
type aligned struct {
	text     string
	from     [][2]int // for each byte of text: its range in original
	original string
	shift    int // offset of original in the whole text
}

// alignedText is a text that is as it was, at a place in a whole text.
func alignedText(text string, at int) aligned {
	a := aligned{text: text, from: make([][2]int, len(text)), original: text}
	for i := range a.from {
		a.from[i] = [2]int{at + i, at + i + 1}
	}
	return a
}

// without is a with each occurrence of a part taken out.
func (a aligned) without(part string) aligned {
	if !strings.Contains(a.text, part) {
		return a
	}
	var text strings.Builder
	b := a
	b.from = nil
	at := 0
	for kept := range strings.SplitSeq(a.text, part) {
		text.WriteString(kept)
		b.from = append(b.from, a.from[at:at+len(kept)]...)
		at += len(kept) + len(part)
	}
	b.text = text.String()
	return b
}

// alignedOf reads a NormalizedString. If its alignments do not fit its text, as with broken
// UTF-8, every byte has the whole original as its origin.
func alignedOf(n *normalizer.NormalizedString) aligned {
	a := aligned{text: n.GetNormalized(), original: n.GetOriginal(), shift: n.Shift()}
	a.from = make([][2]int, len(a.text))
	alignments := n.Alignments()
	for i := range a.from {
		a.from[i] = [2]int{0, len(a.original)}
		if len(alignments) == len(a.text) {
			a.from[i] = [2]int(alignments[i])
		}
	}
	return a
}

// slice is the part [lo,hi) of the text.
func (a aligned) slice(lo, hi int) aligned {
	a.text, a.from = a.text[lo:hi], a.from[lo:hi]
	return a
}

// source is the range of the original that the bytes [lo,hi) come from.
func (a aligned) source(lo, hi int) [2]int {
	if lo < hi {
		return [2]int{a.from[lo][0], a.from[hi-1][1]}
	}
	if lo > 0 {
		return [2]int{a.from[lo-1][1], a.from[lo-1][1]}
	}
	if len(a.from) > 0 {
		return [2]int{a.from[0][0], a.from[0][0]}
	}
	return [2]int{}
}

// changed is a with a changed text. If both texts have the same number of characters, each
// character has the origin of the old one in its position. Otherwise the bytes that are equal at
// the beginning and at the end keep their origins, and all bytes between come from all old bytes
// between.
func (a aligned) changed(text string) aligned {
	if text == a.text {
		return a
	}
	b := a
	b.text, b.from = text, make([][2]int, 0, len(text))
	if utf8.RuneCountInString(text) == utf8.RuneCountInString(a.text) {
		at := 0
		for _, r := range text {
			_, n := utf8.DecodeRuneInString(a.text[at:])
			b.extend(utf8.RuneLen(r), a.source(at, at+n))
			at += n
		}
		if len(b.from) == len(text) { // false for broken UTF-8
			return b
		}
		b.from = b.from[:0]
	}
	prefix, suffix := commonEnds(a.text, text)
	b.from = append(b.from, a.from[:prefix]...)
	b.extend(len(text)-prefix-suffix, a.source(prefix, len(a.text)-suffix))
	b.from = append(b.from, a.from[len(a.text)-suffix:]...)
	return b
}

// extend gives the next n bytes one origin.
func (a *aligned) extend(n int, from [2]int) {
	for range n {
		a.from = append(a.from, from)
	}
}

// commonEnds counts the equal bytes at the beginning and at the end of two texts, in whole
// characters and without counting a byte twice.
func commonEnds(a, b string) (prefix, suffix int) {
	shorter := min(len(a), len(b))
	for suffix < shorter && a[len(a)-1-suffix] == b[len(b)-1-suffix] {
		suffix++
	}
	for suffix > 0 && !utf8.RuneStart(a[len(a)-suffix]) {
		suffix--
	}
	for prefix < shorter-suffix && a[prefix] == b[prefix] {
		prefix++
	}
	for prefix > 0 && prefix < len(a) && prefix < len(b) && !(utf8.RuneStart(a[prefix]) && utf8.RuneStart(b[prefix])) {
		prefix--
	}
	return prefix, suffix
}

// spelled is a with each byte of its text replaced by a character of GPT-2's alphabet.
func (a aligned) spelled() aligned {
	b := a
	b.text, b.from = encodeByteRunes(a.text), nil
	for i := range len(a.text) {
		b.extend(utf8.RuneLen(byteRunes[a.text[i]]), a.from[i])
	}
	return b
}

// word is the word that a splitter cut out of the text at byte i.
func (a aligned) word(i int, word string) aligned {
	i = min(i, len(a.text))
	if strings.HasPrefix(a.text[i:], word) {
		return a.slice(i, i+len(word))
	}
	return a.slice(i, len(a.text)).changed(word) // a splitter mended broken UTF-8
}

// normalizedString is a in sugarme's form. Its original is the part of a.original that the text
// comes from.
func (a aligned) normalizedString() *normalizer.NormalizedString {
	origin := a.source(0, len(a.text))
	to, back := make([][]int, len(a.from)), make([][]int, origin[1]-origin[0])
	for i, from := range a.from {
		lo, hi := from[0]-origin[0], from[1]-origin[0]
		to[i] = []int{lo, hi}
		for j := lo; j < hi; j++ {
			if back[j] == nil {
				back[j] = []int{i, i}
			}
			back[j][1] = i + 1
		}
	}
	for j := range back { // an origin without a byte in the text stands before the next byte
		if back[j] == nil {
			back[j] = []int{0, 0}
			if j > 0 {
				back[j] = []int{back[j-1][1], back[j-1][1]}
			}
		}
	}
	return normalizer.NewNormalizedString(a.original[origin[0]:origin[1]], a.text, to, back, a.shift+origin[0])
}

// split is a word for sugarme's model, or a token that is known already.
func (a aligned) split(tokens ...sugarme.Token) sugarme.SplitIdx {
	return sugarme.SplitIdx{Normalized: a.normalizedString(), Tokens: tokens}
}

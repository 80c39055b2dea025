package ifeval

import (
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/neurosnap/sentences"
	"github.com/neurosnap/sentences/data"

	"trit/eval/internal/python"
)

// Punkt (Kiss and Strunk, Computational Linguistics 32, 2006) as nltk runs it. The parameters are nltk's English
// ones; the steps are written here, since the library that carries them splits words in another way.

// english are the parameters: abbreviations, collocations, words that often begin sentences, and in which
// letters words were seen where.
var english = sync.OnceValue(func() *sentences.Storage {
	return must(sentences.LoadTraining(must(data.Asset("data/english.json"))))
})

// Where and in which letters a word was seen: bits of OrthoContext.
const (
	midUpper   = 1 << 2
	upper      = 1<<1 | 1<<2 | 1<<3
	beginLower = 1 << 4
	lower      = 1<<4 | 1<<5 | 1<<6
)

const (
	nonWord   = `(?:[)";}\]\*:@'\({\[!\?])`
	multiChar = `(?:\-{2,}|\.{2,}|(?:\.\s){2,}\.)`
)

var (
	// sentenceEnd is a mark that may end a sentence, group 1 what follows it, group 2 the token after white space.
	sentenceEnd = mustCompile(`[.?!](?=(`+nonWord+`|\s+(\S+)))`, false)
	punktWord   = mustCompile(`(`+multiChar+`|(?=[^\("\`+"`"+`{\[:;&\#\*@\)}\]\-,])\S+?(?=\s|$|`+nonWord+`|`+multiChar+
		`|,(?=$|\s|`+nonWord+`|`+multiChar+`))|\S)`, false)
	closing  = mustCompile(`(?m)\A["')\]}]+?(?:\s+|(?=--)|$)`, false)
	ellipsis = regexp.MustCompile(`^\.\.+$`)
	number   = regexp.MustCompile(`^-?[.,]?\p{Nd}[\p{Nd},.-]*\.?$`)
)

// sentencesOf splits a text as nltk's Punkt does.
func sentencesOf(text string) (out []string) {
	runes := []rune(text)
	var slices [][2]int
	last := 0
	for _, e := range ends(runes) {
		if hasBreak(e.context) {
			slices = append(slices, [2]int{last, e.end})
			last = e.next
		}
	}
	trimmed := utf8.RuneCountInString(strings.TrimRightFunc(text, python.Space))
	slices = append(slices, [2]int{last, max(last, trimmed)})
	for _, s := range realigned(runes, slices) {
		out = append(out, string(runes[s[0]:s[1]]))
	}
	return out
}

// end is a mark that may end a sentence: where it ends, where the next sentence would begin, and the words
// around it.
type end struct {
	end, next int
	context   string
}

// ends are the marks of a text. Of several in one word the last counts.
func ends(runes []rune) (out []end) {
	word, mark := 0, 0 // where the word before the last mark begins, and that mark
	var last *end
	m, err := sentenceEnd.re.FindStringMatch(string(runes))
	for m != nil && err == nil {
		if i := lastSpace(runes[mark:m.Index]); i > 0 {
			if word = mark + i + 1; last != nil {
				out = append(out, *last)
			}
		}
		mark = m.Index
		last = &end{mark + m.Length, mark + m.Length, string(runes[word:mark]) + m.String() + m.GroupByNumber(1).String()}
		if g := m.GroupByNumber(2); len(g.Captures) > 0 {
			last.next = g.Index
		}
		m, err = sentenceEnd.re.FindNextMatch(m)
	}
	if last != nil {
		out = append(out, *last)
	}
	return out
}

// lastSpace is where the last white space of ASCII stands, which alone parts words here; 0 where there is none.
func lastSpace(runes []rune) int {
	for i := len(runes) - 1; i > 0; i-- {
		if strings.ContainsRune(" \t\n\r\v\f", runes[i]) {
			return i
		}
	}
	return 0
}

// realigned moves what closes a sentence, such as quotes, from the beginning of the next one to its end.
func realigned(runes []rune, slices [][2]int) (out [][2]int) {
	moved := 0
	for i, s := range slices {
		s[0] += moved
		moved = 0
		if i == len(slices)-1 {
			if s[0] < s[1] {
				out = append(out, s)
			}
			break
		}
		next := slices[i+1]
		m, err := closing.re.FindStringMatch(string(runes[next[0]:next[1]]))
		switch {
		case m != nil && err == nil:
			out = append(out, [2]int{s[0], next[0] + utf8.RuneCountInString(strings.TrimRightFunc(m.String(), python.Space))})
			moved = m.Length
		case s[0] < s[1]:
			out = append(out, s)
		}
	}
	return out
}

// punktToken is a word, and what is known of it.
type punktToken struct {
	text         string
	kind         string // in small letters, numbers as one word
	abbreviation bool
	ellipsis     bool
	sentenceEnd  bool
}

// hasBreak reports whether a sentence ends within some words, before the last one.
func hasBreak(context string) bool {
	var tokens []*punktToken
	for _, w := range punktWord.all(context) {
		tokens = append(tokens, newPunktToken(w))
	}
	for i := range max(len(tokens)-1, 0) {
		if tokens[i].reconsider(tokens[i+1]); tokens[i].sentenceEnd {
			return true
		}
	}
	return false
}

// newPunktToken judges a word by itself.
func newPunktToken(word string) *punktToken {
	p := english()
	t := &punktToken{text: word, kind: number.ReplaceAllString(strings.ToLower(word), "##number##")}
	stem, ends := strings.CutSuffix(strings.ToLower(word), ".")
	switch {
	case word == "." || word == "?" || word == "!":
		t.sentenceEnd = true
	case ellipsis.MatchString(word):
		t.ellipsis = true
	case ends && !strings.HasSuffix(word, ".."):
		part := stem[strings.LastIndexByte(stem, '-')+1:]
		t.abbreviation = p.IsAbbr(stem, part)
		t.sentenceEnd = !t.abbreviation
	}
	return t
}

// kindWithoutPeriod is the kind of a word that is longer than its period.
func (t *punktToken) kindWithoutPeriod() string {
	if len(t.kind) > 1 {
		return strings.TrimSuffix(t.kind, ".")
	}
	return t.kind
}

// kindInText is the kind without the period of a sentence.
func (t *punktToken) kindInText() string {
	if t.sentenceEnd {
		return t.kindWithoutPeriod()
	}
	return t.kind
}

func (t *punktToken) first() rune { r, _ := utf8.DecodeRuneInString(t.text); return r }

// isInitial reports whether the word is a letter and a period. Numbers that are no decimal digits count as letters.
func (t *punktToken) isInitial() bool {
	r, n := utf8.DecodeRuneInString(t.text)
	return t.text[n:] == "." && (r == '_' || unicode.IsLetter(r) || unicode.In(r, unicode.Nl, unicode.No))
}

// reconsider judges a word with a period by the one behind it.
func (t *punktToken) reconsider(next *punktToken) {
	if !strings.HasSuffix(t.text, ".") {
		return
	}
	p, kind, nextKind := english(), t.kindWithoutPeriod(), next.kindInText()
	if p.Collocations[kind+","+nextKind] != 0 {
		t.sentenceEnd, t.abbreviation = false, true
		return
	}
	starts := next.startsSentence()
	if (t.abbreviation || t.ellipsis) && !t.isInitial() {
		if starts == yes || upperCase(next.first()) && p.SentStarters[nextKind] != 0 {
			t.sentenceEnd = true
			return
		}
	}
	if !t.isInitial() && kind != "##number##" {
		return
	}
	alwaysCapital := t.isInitial() && upperCase(next.first()) && p.OrthoContext[nextKind]&lower == 0
	if starts == no || starts == unknown && alwaysCapital {
		t.sentenceEnd, t.abbreviation = false, true
	}
}

// answer is what the letters of a word say.
type answer int

const (
	unknown answer = iota
	yes
	no
)

// startsSentence says by its letters whether a word begins a sentence.
func (t *punktToken) startsSentence() answer {
	if strings.Contains(";:,.!?", t.text) {
		return no
	}
	seen := english().OrthoContext[t.kindInText()]
	switch {
	case upperCase(t.first()) && seen&lower != 0 && seen&midUpper == 0:
		return yes
	case lowerCase(t.first()) && (seen&upper != 0 || seen&beginLower == 0):
		return no
	}
	return unknown
}

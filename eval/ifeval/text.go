package ifeval

import (
	"cmp"
	"strings"
	"unicode"

	"github.com/abadojack/whatlanggo"

	"trit/eval/internal/python"
)

// treebank are the replacements of nltk's NLTKWordTokenizer, in their order. Before those of ending, the text
// gets a space on both sides.
var treebank, ending = replacements(
	"([«“‘„]|[`]+)", ` ${1} `, `^"`, "``", "(``)", ` ${1} `, `([ \(\[{<])("|'{2})`, "${1} `` ",
	`(?i)(')(?!re|ve|ll|m|t|s|d|n)(\w)\b`, `${1} ${2}`,
	`([^\.])(\.)([\]\)}>"'»”’ ]*)\s*$`, `${1} ${2} ${3} `, `([:,])([^\d])`, ` ${1} ${2}`, `([:,])$`, ` ${1} `,
	`\.{2,}`, ` ${0} `, `[;@#$%&]`, ` ${0} `, `([^\.])(\.)([\]\)}>"']*)\s*$`, `${1} ${2}${3} `, `[?!]`, ` ${0} `,
	`([^'])' `, `${1} ' `, `[*]`, ` ${0} `, `[\]\[\(\)\{\}\<\>]`, ` ${0} `, `--`, ` -- `,
), replacements(
	"([»”’])", ` ${1} `, `''`, ` '' `, `"`, ` '' `, `([^' ])('[sS]|'[mM]|'[dD]|') `, `${1} ${2} `,
	`([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) `, `${1} ${2} `,
	`(?i)\b(can)(not)\b`, ` ${1} ${2} `, `(?i)\b(d)('ye)\b`, ` ${1} ${2} `, `(?i)\b(gim)(me)\b`, ` ${1} ${2} `,
	`(?i)\b(gon)(na)\b`, ` ${1} ${2} `, `(?i)\b(got)(ta)\b`, ` ${1} ${2} `, `(?i)\b(lem)(me)\b`, ` ${1} ${2} `,
	`(?i)\b(more)('n)\b`, ` ${1} ${2} `, `(?i)\b(wan)(na)(?=\s)`, ` ${1} ${2} `,
	`(?i) ('t)(is)\b`, ` ${1} ${2} `, `(?i) ('t)(was)\b`, ` ${1} ${2} `,
)

type replacement struct {
	pattern pattern
	with    string
}

func replacements(pairs ...string) (out []replacement) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, replacement{mustCompile(pairs[i], false), pairs[i+1]})
	}
	return out
}

// words are the tokens of nltk.word_tokenize.
func words(text string) (out []string) {
	for _, s := range sentencesOf(text) {
		for _, r := range treebank {
			s = r.pattern.replace(s, r.with)
		}
		s = " " + s + " "
		for _, r := range ending {
			s = r.pattern.replace(s, r.with)
		}
		out = append(out, strings.FieldsFunc(s, python.Space)...)
	}
	return out
}

// isUpper is str.isupper, and isLower str.islower.
func isUpper(s string) bool { return isCase(s, upperCase, lowerCase) }

func isLower(s string) bool { return isCase(s, lowerCase, upperCase) }

// upperCase and lowerCase are Unicode's properties, which more than letters have: Roman numerals, ordinals.
func upperCase(r rune) bool { return unicode.In(r, unicode.Lu, unicode.Other_Uppercase) }

func lowerCase(r rune) bool { return unicode.In(r, unicode.Ll, unicode.Other_Lowercase) }

func isCase(s string, want, other func(rune) bool) bool {
	found := false
	for _, c := range s {
		if other(c) || unicode.IsTitle(c) {
			return false
		}
		found = found || want(c)
	}
	return found
}

// unknownLanguage is that of a text with letters whose language is not found, or has no code of two letters.
const unknownLanguage = "unknown"

// language is the language of a text, as langdetect names it; "" of a text without letters.
func language(text string) string {
	if strings.IndexFunc(text, unicode.IsLetter) < 0 {
		return ""
	}
	switch l := whatlanggo.DetectLang(text); l {
	case whatlanggo.Cmn:
		return "zh-cn"
	case whatlanggo.Nob, whatlanggo.Nno:
		return "no"
	case whatlanggo.Tgl:
		return "tl"
	case whatlanggo.Pes:
		return "fa"
	default:
		return cmp.Or(l.Iso6391(), unknownLanguage)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

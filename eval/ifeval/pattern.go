package ifeval

import (
	"fmt"
	"time"

	"github.com/dlclark/regexp2"

	"trit/eval/internal/python"
)

// pattern is a regular expression of Python.
type pattern struct{ re *regexp2.Regexp }

// matchTime bounds a match: keywords of a document are expressions too.
const matchTime = 10 * time.Second

// compile compiles an expression, which may ignore case.
func compile(expr string, ignoreCase bool) (pattern, error) {
	translated, err := python.Regex(expr)
	if err != nil {
		return pattern{}, err
	}
	options := regexp2.RegexOptions(regexp2.None)
	if ignoreCase {
		options = regexp2.IgnoreCase
	}
	re, err := regexp2.Compile(translated, options)
	if err != nil {
		return pattern{}, fmt.Errorf("%q is no regular expression: %w", expr, err)
	}
	re.MatchTimeout = matchTime
	return pattern{re}, nil
}

func mustCompile(expr string, ignoreCase bool) pattern { return must(compile(expr, ignoreCase)) }

// all are the matches in a text. An expression that takes too long has none.
func (p pattern) all(text string) (out []string) {
	m, err := p.re.FindStringMatch(text)
	for m != nil && err == nil {
		out = append(out, m.String())
		m, err = p.re.FindNextMatch(m)
	}
	return out
}

func (p pattern) in(text string) bool {
	found, err := p.re.MatchString(text)
	return found && err == nil
}

// split is re.split: the texts between matches.
func (p pattern) split(text string) (out []string) {
	runes, at := []rune(text), 0
	m, err := p.re.FindStringMatch(text)
	for m != nil && err == nil {
		out = append(out, string(runes[at:m.Index]))
		at = m.Index + m.Length
		m, err = p.re.FindNextMatch(m)
	}
	return append(out, string(runes[at:]))
}

func (p pattern) replace(text, with string) string {
	out, err := p.re.Replace(text, with, -1, -1)
	if err != nil {
		return text
	}
	return out
}

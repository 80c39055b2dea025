package eval

import (
	"context"
	"fmt"
	"strings"

	"github.com/dlclark/regexp2"

	"trit/eval/internal/python"
)

// Filter finds the answer in a text that a model generated.
type Filter struct {
	Name string // a word without commas: it is part of names of results
	// Find returns the answer, and reports whether the text has one that the filter can read.
	// If not, the answer is judged all the same, and counted in Remarks.
	Find func(q *Question, text string) (answer string, found bool)
	// Judge judges what this filter finds; nil: Answers.Judge.
	Judge Judge
	// Extra is a filter that the harness does not have; the task's hash leaves it out.
	Extra bool
}

// Apply returns what Find does, whether an answer was found or not.
func (f Filter) Apply(q *Question, text string) string {
	answer, _ := f.Find(q, text)
	return answer
}

// WholeText is the filter that leaves a text as it is.
func WholeText() Filter {
	return Filter{Name: "none", Find: func(_ *Question, text string) (string, bool) { return text, true }}
}

// RegexFilter finds the answer by a regular expression of Python. The answer is a match, or its
// group, or the first of several groups that is not empty.
type RegexFilter struct {
	Name     string  `json:"name"`
	Regex    string  `json:"regex"`
	Pick     int     `json:"group_select,omitempty"` // number of the match; -1 is the last
	Fallback *string `json:"fallback,omitempty"`     // the answer if nothing matches; nil: NoAnswer
}

// NoAnswer is what a filter gives where it finds no answer, unless it says otherwise.
const NoAnswer = "[invalid]"

// Filter compiles the expression.
func (f RegexFilter) Filter() (Filter, error) {
	re, err := python.Compile(f.Regex)
	fallback := NoAnswer
	if f.Fallback != nil {
		fallback = *f.Fallback
	}
	return Filter{Name: f.Name, Find: func(_ *Question, text string) (string, bool) {
		return f.find(re, fallback, text)
	}}, err
}

func (f RegexFilter) find(re *regexp2.Regexp, fallback, text string) (answer string, found bool) {
	matches, whole := findAll(re, text)
	i := f.Pick
	if i < 0 {
		i += len(matches)
	}
	if !whole || i < 0 || i >= len(matches) {
		return fallback, false
	}
	if answer, found = captured(matches[i]); !found {
		answer = fallback
	}
	return python.Strip(answer), found
}

// findAll returns all matches; whole is false where a search took too long to find them all.
func findAll(re *regexp2.Regexp, text string) (all []*regexp2.Match, whole bool) {
	m, err := re.FindStringMatch(text)
	for m != nil && err == nil {
		all = append(all, m)
		m, err = re.FindNextMatch(m)
	}
	return all, err == nil
}

// captured is what re.findall returns for a match, as one text. It reports whether one of
// several groups is not empty.
func captured(m *regexp2.Match) (text string, ok bool) {
	groups := m.Groups()
	switch len(groups) {
	case 1:
		return m.String(), true
	case 2:
		return groups[1].String(), true
	}
	for _, g := range groups[1:] {
		if s := g.String(); s != "" {
			return s, true
		}
	}
	return "", false
}

// StringMatch compares an answer with the target, or with each of several, after the matches of Remove are removed
// from both, one expression after the other.
type StringMatch struct {
	IgnoreCase        bool     `json:"ignore_case,omitempty"`
	IgnorePunctuation bool     `json:"ignore_punctuation,omitempty"` // of ASCII
	IgnoreNumbers     bool     `json:"ignore_numbers,omitempty"`     // the digits of ASCII
	Remove            []string `json:"regexes_to_ignore,omitempty"`
}

// Judge compiles the expressions. The verdict of equal texts is 1, of others 0.
func (m StringMatch) Judge() (Judge, error) {
	var remove []*regexp2.Regexp
	for _, pattern := range m.Remove {
		re, err := python.Compile(pattern)
		if err != nil {
			return nil, err
		}
		remove = append(remove, re)
	}
	return func(_ context.Context, _ Sandbox, q *Question, answer string) (Verdict, error) {
		bare, err := m.bare(remove, answer)
		if err != nil {
			return Verdict{}, err
		}
		for _, a := range q.answers() {
			target, err := m.bare(remove, a)
			if err != nil || bare == target {
				return Right(err == nil), err
			}
		}
		return Right(false), nil
	}, nil
}

// bare is a text without the parts that the comparison ignores.
func (m StringMatch) bare(remove []*regexp2.Regexp, s string) (string, error) {
	for _, re := range remove {
		out, err := re.Replace(s, "", -1, -1)
		if err != nil {
			return "", fmt.Errorf("regular expression %q takes more than %v: write one that goes back less", re, re.MatchTimeout)
		}
		s = out
	}
	if m.IgnoreCase {
		s = python.Lower(s)
	}
	if m.IgnorePunctuation {
		s = strings.Map(dropAnyOf("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"), s)
	}
	if m.IgnoreNumbers {
		s = strings.Map(dropAnyOf("0123456789"), s)
	}
	return s, nil
}

func dropAnyOf(chars string) func(rune) rune {
	return func(r rune) rune {
		if strings.ContainsRune(chars, r) {
			return -1
		}
		return r
	}
}

// Right is the verdict of an answer that is right or wrong.
func Right(right bool) Verdict { return Verdict{Score: truth(right)} }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

package eval

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
)

// regexTimeout bounds one search: expressions of one's own may backtrack without end.
const regexTimeout = 5 * time.Second

// noMatch is what a filter gives where nothing matches.
const noMatch = "[invalid]"

// compileRegex compiles an expression with the rules of Python's re, which regexp2
// shares where it matters: look-around, and a $ that also stands before a last line
// break.
func compileRegex(pattern string) (*regexp2.Regexp, error) {
	re, err := regexp2.Compile(pattern, regexp2.None)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", pattern, err)
	}
	re.MatchTimeout = regexTimeout
	return re, nil
}

// wholeText is the filter that takes the text as it is.
func wholeText(_ *Question, text string) string { return text }

// regexFilter takes match number pick of an expression, counted from the end if
// negative: its group, or of several groups the first that is not empty.
func regexFilter(name, pattern string, pick int, fallback string) (Filter, error) {
	re, err := compileRegex(pattern)
	return Filter{Name: name, Apply: func(_ *Question, text string) string {
		matches := findAll(re, text)
		i := pick
		if i < 0 {
			i += len(matches)
		}
		if i < 0 || i >= len(matches) {
			return fallback
		}
		return pyStrip(captured(matches[i], fallback))
	}}, err
}

func mustRegexFilter(name, pattern string, pick int) Filter {
	f, err := regexFilter(name, pattern, pick, noMatch)
	if err != nil {
		panic(err) // the pattern stands in this package
	}
	return f
}

// findAll gives all matches; a search that takes too long has none from there on.
func findAll(re *regexp2.Regexp, text string) []*regexp2.Match {
	var all []*regexp2.Match
	m, err := re.FindStringMatch(text)
	for m != nil && err == nil {
		all = append(all, m)
		m, err = re.FindNextMatch(m)
	}
	return all
}

// captured is what re.findall gives for a match, put into one text.
func captured(m *regexp2.Match, fallback string) string {
	groups := m.Groups()
	switch len(groups) {
	case 1:
		return m.String()
	case 2:
		return groups[1].String()
	}
	for _, g := range groups[1:] {
		if s := g.String(); s != "" {
			return s
		}
	}
	return fallback
}

type judge = func(ctx context.Context, o *Options, q *Question, answer string) (float64, error)

// exactMatch compares answer and target after parts of both are removed, one expression
// after the other, and case and ASCII punctuation if asked for.
func exactMatch(ignoreCase, ignorePunctuation bool, remove ...string) (judge, error) {
	var all []*regexp2.Regexp
	for _, pattern := range remove {
		re, err := compileRegex(pattern)
		if err != nil {
			return nil, err
		}
		all = append(all, re)
	}
	bare := func(s string) string {
		for _, re := range all {
			if out, err := re.Replace(s, "", -1, -1); err == nil {
				s = out
			}
		}
		if ignoreCase {
			s = pyLower(s)
		}
		if ignorePunctuation {
			s = strings.Map(dropPunctuation, s)
		}
		return s
	}
	return func(_ context.Context, _ *Options, q *Question, answer string) (float64, error) {
		return truth(bare(answer) == bare(q.Target)), nil
	}, nil
}

func mustExactMatch(ignoreCase, ignorePunctuation bool, remove ...string) judge {
	j, err := exactMatch(ignoreCase, ignorePunctuation, remove...)
	if err != nil {
		panic(err) // the expressions stand in this package
	}
	return j
}

func dropPunctuation(r rune) rune {
	if strings.ContainsRune("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", r) {
		return -1
	}
	return r
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

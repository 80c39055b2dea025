package harness

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dlclark/regexp2"

	"trit/eval/internal/python"
)

// regexReplace is re.sub, the filter regex_replace of templates: count is the most replacements, 0
// for all.
func regexReplace(text, pattern, repl string, count int) (string, error) {
	re, err := python.Compile(pattern)
	if err != nil {
		return "", err
	}
	parts, err := parseReplacement(repl)
	if err != nil {
		return "", fmt.Errorf("the replacement %q: %w", repl, err)
	}
	groups := len(re.GetGroupNumbers())
	for _, p := range parts {
		if p.group >= groups {
			return "", fmt.Errorf("the replacement %q: there is no group %d", repl, p.group)
		}
	}
	if count <= 0 {
		count = -1
	}
	out, err := re.ReplaceFunc(text, func(m regexp2.Match) string { return expand(parts, &m) }, -1, count)
	if err != nil {
		return "", fmt.Errorf("regular expression %q takes more than %v", pattern, re.MatchTimeout)
	}
	return out, nil
}

// replacement is a text and then, unless it is -1, a group.
type replacement struct {
	text  string
	group int
}

func expand(parts []replacement, m *regexp2.Match) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.text)
		if p.group >= 0 {
			b.WriteString(m.GroupByNumber(p.group).String())
		}
	}
	return b.String()
}

var replacementEscapes = map[byte]string{
	'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v", '\\': "\\", '0': "\x00",
}

// parseReplacement reads the second argument of re.sub.
func parseReplacement(s string) (parts []replacement, err error) {
	var text strings.Builder
	for s != "" {
		before, after, found := strings.Cut(s, `\`)
		text.WriteString(before)
		if s = after; !found {
			break
		}
		group := -1
		if group, s, err = groupOf(after); err != nil {
			return nil, err
		}
		if group >= 0 {
			parts = append(parts, replacement{text.String(), group})
			text.Reset()
			continue
		}
		c := s[0]
		literal, ok := replacementEscapes[c]
		switch isLetter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'; {
		case !ok && isLetter, c == '0' && len(s) > 1 && s[1] >= '0' && s[1] <= '9':
			return nil, fmt.Errorf(`the escape \%c is not read here`, c)
		case !ok:
			literal = `\` + s[:1]
		}
		text.WriteString(literal)
		s = s[1:]
	}
	return append(parts, replacement{text.String(), -1}), nil
}

// groupOf reads \1 to \99 and \g<1> behind the backslash; -1 where it is another escape.
func groupOf(s string) (group int, rest string, err error) {
	if s == "" {
		return 0, "", errors.New("a backslash ends it")
	}
	digits := s[:1]
	rest = s[1:]
	if len(s) > 1 && s[1] >= '0' && s[1] <= '9' {
		digits, rest = s[:2], s[2:]
	}
	if s[0] == 'g' {
		name, after, ok := strings.Cut(strings.TrimPrefix(s[1:], "<"), ">")
		if !ok || !strings.HasPrefix(s[1:], "<") {
			return 0, "", errors.New(`\g is not followed by a group in < and >`)
		}
		digits, rest = name, after
	} else if s[0] < '1' || s[0] > '9' {
		return -1, s, nil
	} else if len(s) > 2 && s[0] <= '3' && isOctal(s[:3]) {
		return 0, "", errors.New("an octal escape is not read here")
	}
	if group, err = strconv.Atoi(digits); err != nil || group < 0 {
		return 0, "", fmt.Errorf("the group %q has no number", digits)
	}
	return group, rest, nil
}

func isOctal(s string) bool { return strings.Trim(s, "01234567") == "" }

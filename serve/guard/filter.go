package guard

import (
	"bufio"
	"bytes"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"

	"trit/internal/atomicfile"
	"trit/serve/answer"
	"trit/serve/wire"
)

// Filter looks for regular expressions in what clients send and in what models write, and
// replaces them or ends the request.
type Filter struct{ input, output []rule }

var _ answer.Filter = (*Filter)(nil)

// rule is a line of the file.
type rule struct {
	line    int
	pattern *regexp.Regexp
	block   bool
	with    string // instead of what matches
	longest int    // bytes of a match, at most
}

// Limits of a filter.
const (
	maxFilterBytes = 1 << 20
	maxRules       = 1000
	maxMatch       = 4096 // bytes of a match in what a model writes
)

// ReadFilter reads a file of rules, one a line:
//
//	input|output|both block PATTERN
//	input|output|both replace PATTERN => TEXT
//
// PATTERN has the syntax of Go's package regexp. Lines that are empty or begin with # do not count.
func ReadFilter(path string) (*Filter, error) {
	b, err := atomicfile.Read(path, maxFilterBytes)
	if err != nil {
		return nil, err
	}
	f, err := parseFilter(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// parseFilter reads the text of a file of rules.
func parseFilter(b []byte) (*Filter, error) {
	f := &Filter{}
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, maxFilterBytes+1)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		if err := f.add(text, n); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if len(f.input)+len(f.output) > maxRules {
			return nil, fmt.Errorf("line %d: want at most %d rules", n, maxRules)
		}
	}
	return f, lines.Err()
}

// add adds the rule of a line.
func (f *Filter) add(text string, line int) error {
	where, rest, _ := strings.Cut(text, " ")
	action, pattern, _ := strings.Cut(strings.TrimSpace(rest), " ")
	r := rule{line: line, block: action == "block"}
	pattern = strings.TrimSpace(pattern)
	if action == "replace" {
		var ok bool
		if pattern, r.with, ok = strings.Cut(pattern, " => "); !ok && !strings.HasSuffix(pattern, " =>") {
			return fmt.Errorf("want replace PATTERN => TEXT")
		}
		pattern, r.with = strings.TrimSuffix(pattern, " =>"), strings.TrimSpace(r.with)
	}
	wheres, actions := []string{"input", "output", "both"}, []string{"block", "replace"}
	if !slices.Contains(wheres, where) || !slices.Contains(actions, action) || pattern == "" {
		return fmt.Errorf("want input, output or both, then block or replace, then a pattern")
	}
	var err error
	if r.pattern, err = regexp.Compile(pattern); err != nil {
		return fmt.Errorf("%w", err)
	}
	if r.pattern.MatchString("") {
		return fmt.Errorf("the pattern %s matches nothing at all, and so everywhere", pattern)
	}
	if where != "output" {
		f.input = append(f.input, r)
	}
	if where == "input" {
		return nil
	}
	parsed, _ := syntax.Parse(pattern, syntax.Perl)
	if r.longest = longest(parsed); r.longest > maxMatch {
		return fmt.Errorf("the pattern %s can match more than %d bytes of what a model writes, which is looked at "+
			"while it is written: bound its repetitions, as in {0,200}", pattern, maxMatch)
	}
	f.output = append(f.output, r)
	return nil
}

// longest is the most bytes that an expression matches; more than maxMatch for any number.
func longest(re *syntax.Regexp) int {
	sum := 0
	switch re.Op {
	case syntax.OpLiteral:
		for range re.Rune {
			sum += utf8.UTFMax
		}
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return utf8.UTFMax
	case syntax.OpStar, syntax.OpPlus:
		return maxMatch + 1
	case syntax.OpRepeat:
		if re.Max < 0 {
			return maxMatch + 1
		}
		return min(maxMatch+1, re.Max*longest(re.Sub[0]))
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			sum = max(sum, longest(sub))
		}
	default:
		for _, sub := range re.Sub {
			sum += longest(sub)
		}
	}
	return min(sum, maxMatch+1)
}

func refused(r *rule) error {
	return wire.Errorf(wire.ContentFiltered, "", "rule %d of the server's filter does not allow this text", r.line)
}

// Input implements answer.Filter.
func (f *Filter) Input(text string) (string, error) {
	for i := range f.input {
		r := &f.input[i]
		if r.block && r.pattern.MatchString(text) {
			return "", refused(r)
		}
		if !r.block {
			text = r.pattern.ReplaceAllString(text, r.with)
		}
	}
	return text, nil
}

// Output implements answer.Filter.
func (f *Filter) Output() answer.OutputFilter {
	if len(f.output) == 0 {
		return nil
	}
	chain := make(outputs, len(f.output))
	for i := range f.output {
		chain[i] = &output{rule: &f.output[i]}
	}
	return chain
}

// outputs looks at an answer by one rule after the other.
type outputs []*output

// Write implements answer.OutputFilter.
func (list outputs) Write(text string) (string, error) {
	for _, o := range list {
		var err error
		if text, err = o.write(text, false); err != nil {
			return "", err
		}
	}
	return text, nil
}

// Finish implements answer.OutputFilter.
func (list outputs) Finish() (string, error) {
	text := ""
	for _, o := range list {
		var err error
		if text, err = o.write(text, true); err != nil {
			return "", err
		}
	}
	return text, nil
}

// output looks at an answer by one rule. It holds back what may still become a match or a longer
// one.
type output struct {
	*rule
	before string // the last characters that were given away, for \b and the like
	held   string
}

const contextBytes = 2 * utf8.UTFMax

func (o *output) write(text string, end bool) (string, error) {
	o.held += text
	var out strings.Builder
	for {
		whole := o.before + o.held
		known := len(whole) - o.longest - contextBytes // a match that begins here is as long as it gets
		if end {
			known = len(whole)
		}
		at := o.find(whole, len(o.before))
		if at == nil || at[0] > known {
			free := max(len(o.before), min(known, len(whole)))
			for free > len(o.before) && free < len(whole) && !utf8.RuneStart(whole[free]) {
				free--
			}
			o.give(&out, whole, free)
			return out.String(), nil
		}
		if o.block {
			return "", refused(o.rule)
		}
		o.give(&out, whole, at[0])
		out.Write(o.pattern.ExpandString(nil, o.with, whole, at))
		o.before, o.held = tail(whole[:at[1]]), whole[at[1]:]
	}
}

// find is the first match that begins at a place or behind it, with its groups. The character
// before the place counts for \b and ^, as long as no match begins with it.
func (o *output) find(text string, from int) []int {
	_, size := utf8.DecodeLastRuneInString(text[:from])
	for _, start := range []int{from - size, from} {
		at := o.pattern.FindStringSubmatchIndex(text[start:])
		if at == nil {
			return nil
		}
		if start+at[0] >= from {
			for i := range at {
				if at[i] >= 0 {
					at[i] += start
				}
			}
			return at
		}
	}
	return nil
}

// give gives away the text up to a place.
func (o *output) give(out *strings.Builder, whole string, to int) {
	out.WriteString(whole[len(o.before):to])
	o.before, o.held = tail(whole[:to]), whole[to:]
}

// tail is the last characters of a text.
func tail(s string) string {
	at := max(0, len(s)-contextBytes)
	for at < len(s) && !utf8.RuneStart(s[at]) {
		at++
	}
	return s[at:]
}

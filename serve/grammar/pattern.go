package grammar

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// pattern makes the characters of a JSON string that match a regular expression, in the syntax of
// Go's package regexp, which has no look-ahead and no back-references. As in JSON schema, an
// expression without anchors may match anywhere in the string.
func (s *schemas) pattern(expression, at string) ([]item, error) {
	re, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, errorf(at, "the pattern %s: %v", expression, err)
	}
	return s.anchored(re.Simplify(), true, true, at)
}

// anchored makes the characters that match an expression which is the first of the pattern, the
// last, or both: there, what has no anchor may have anything before or behind it.
func (s *schemas) anchored(re *syntax.Regexp, first, last bool, at string) ([]item, error) {
	anything := s.stringRest(0, -1)
	switch re.Op {
	case syntax.OpBeginText, syntax.OpBeginLine:
		if first && last {
			return anything, nil
		}
		if first {
			return nil, nil
		}
	case syntax.OpEndText, syntax.OpEndLine:
		if first && last {
			return anything, nil
		}
		if last {
			return nil, nil
		}
	case syntax.OpCapture:
		return s.anchored(re.Sub[0], first, last, at)
	case syntax.OpAlternate, syntax.OpConcat:
		var parts [][]item
		for i, sub := range re.Sub {
			inRow := re.Op == syntax.OpConcat
			part, err := s.anchored(sub, first && (i == 0 || !inRow), last && (i == len(re.Sub)-1 || !inRow), at)
			if err != nil {
				return nil, err
			}
			parts = append(parts, part)
		}
		if re.Op == syntax.OpAlternate {
			return []item{s.g.oneOf(parts...)}, nil
		}
		return slices.Concat(parts...), nil
	}
	body, err := s.regexp(re, at)
	if first {
		body = slices.Concat(anything, body)
	}
	if last {
		body = slices.Concat(body, anything)
	}
	return body, err
}

// regexp makes the characters that match a part of an expression.
func (s *schemas) regexp(re *syntax.Regexp, at string) ([]item, error) {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return nil, nil
	case syntax.OpLiteral:
		return s.literal(re), nil
	case syntax.OpCharClass:
		var ranges [][2]rune
		for i := 0; i < len(re.Rune); i += 2 {
			ranges = append(ranges, [2]rune{re.Rune[i], re.Rune[i+1]})
		}
		return []item{s.chars(ranges)}, nil
	case syntax.OpAnyChar:
		return []item{s.chars([][2]rune{{0, utf8.MaxRune}})}, nil
	case syntax.OpAnyCharNotNL:
		return []item{s.chars(others([][2]rune{{'\n', '\n'}}))}, nil
	case syntax.OpCapture:
		return s.regexp(re.Sub[0], at)
	case syntax.OpConcat, syntax.OpAlternate:
		return s.anchored(re, false, false, at)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		body, err := s.regexp(re.Sub[0], at)
		if err != nil {
			return nil, err
		}
		least, most := re.Min, re.Max
		switch re.Op {
		case syntax.OpStar:
			least, most = 0, -1
		case syntax.OpPlus:
			least, most = 1, -1
		case syntax.OpQuest:
			least, most = 0, 1
		}
		return s.g.repeat(body, least, most), nil
	}
	return nil, errorf(at, "the pattern has %s within: anchors and word boundaries are supported at its ends alone", re)
}

func (s *schemas) literal(re *syntax.Regexp) (out []item) {
	for _, r := range re.Rune {
		if re.Flags&syntax.FoldCase == 0 {
			out = append(out, s.chars([][2]rune{{r, r}}))
			continue
		}
		one := &syntax.Regexp{Op: syntax.OpLiteral, Rune: []rune{r}, Flags: syntax.FoldCase}
		class, err := syntax.Parse("(?i:["+one.String()+"])", syntax.Perl)
		if err != nil || class.Op != syntax.OpCharClass {
			out = append(out, s.chars([][2]rune{{r, r}}))
			continue
		}
		more, _ := s.regexp(class, "")
		out = append(out, more...)
	}
	return out
}

// chars makes one of some characters within a JSON string, with the escapes of those that need
// one.
func (s *schemas) chars(ranges [][2]rune) item {
	var plain [][2]rune
	var alternatives [][]item
	for _, r := range ranges {
		for next := r[0]; next <= r[1]; {
			escape, ok := escapes[next]
			switch {
			case ok:
				alternatives = append(alternatives, text(escape))
				next++
			case next < 0x20:
				alternatives = append(alternatives, text(escapeControl(next)))
				next++
			default:
				end := r[1]
				for _, special := range []rune{'"', '\\'} {
					if special > next && special <= end {
						end = special - 1
					}
				}
				plain = append(plain, [2]rune{next, end})
				next = end + 1
			}
		}
	}
	if len(plain) > 0 {
		alternatives = append(alternatives, []item{s.g.runes(plain...)})
	}
	return s.g.oneOf(alternatives...)
}

// escapes are those that JSON has a letter for.
var escapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`,
}

func escapeControl(r rune) string {
	const digits = "0123456789abcdef"
	return `\u00` + string([]byte{digits[r>>4], digits[r&15]})
}

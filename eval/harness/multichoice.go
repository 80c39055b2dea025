package harness

import (
	"fmt"
	"strings"
	"unicode"

	"trit/eval"
	"trit/eval/internal/python"
)

// ChoiceFilter is the filter multi_choice_regex. What its expression does not find is looked for as
// the text of one of Question.Choices, and then as a letter after a colon; both become the letter in
// parentheses.
type ChoiceFilter struct {
	eval.RegexFilter
	IgnoreCase, IgnorePunctuation bool     // of the texts of choices
	Remove                        []string // expressions, whose matches are removed from these texts too
}

// Filter compiles the expressions.
func (c ChoiceFilter) Filter() (eval.Filter, error) {
	own, err := c.RegexFilter.Filter()
	if err != nil {
		return own, err
	}
	if _, err := c.bare(""); err != nil {
		return own, err
	}
	regex := own.Find
	own.Find = func(q *eval.Question, answer string) (string, bool) {
		if s, found := regex(q, answer); found && s != "" {
			return s, true
		}
		return c.findChoice(q.Choices, answer)
	}
	return own, nil
}

func makeMultiChoice(m *mapping) (step, error) {
	own, err := regexOf(m)
	if err != nil {
		return nil, err
	}
	c := ChoiceFilter{RegexFilter: own}
	for _, p := range m.pairs {
		key, _ := p.key.(string)
		if err := c.set(key, p.value); err != nil {
			return nil, fmt.Errorf("filter multi_choice_regex: %w", err)
		}
	}
	f, err := c.Filter()
	return findEach(f), err
}

func (c *ChoiceFilter) set(key string, v any) (err error) {
	switch key {
	case "function", "regex_pattern", "group_select", "fallback":
		return nil
	case "ignore_case":
		c.IgnoreCase, err = truth(key, v)
	case "ignore_punctuation":
		c.IgnorePunctuation, err = truth(key, v)
	case "regexes_to_ignore":
		if v == nil {
			return nil
		}
		c.Remove, err = oneOrMore(key, v)
	default:
		return fmt.Errorf("the key %s is not read here", key)
	}
	return err
}

// bare is a text without what the search for a choice ignores.
func (c ChoiceFilter) bare(s string) (string, error) {
	for _, pattern := range c.Remove {
		var err error
		if s, err = regexReplace(s, pattern, "", 0); err != nil {
			return "", err
		}
	}
	if c.IgnoreCase {
		s = python.Lower(s)
	}
	if c.IgnorePunctuation {
		s = strings.Map(func(r rune) rune {
			if unicode.IsPunct(r) {
				return -1
			}
			return r
		}, s)
	}
	return s, nil
}

func (c ChoiceFilter) findChoice(choices []string, answer string) (string, bool) {
	fallback := eval.NoAnswer
	if c.Fallback != nil {
		fallback = *c.Fallback
	}
	letters := map[string]string{}
	var texts, names []string
	for i, choice := range choices {
		letter := string(rune('A' + i))
		s, err := c.bare(python.Strip(choice))
		if err != nil {
			return fallback, false
		}
		texts, names = append(texts, escape(s)), append(names, letter)
		letters[s] = "(" + letter + ")"
	}
	bare, err := c.bare(answer)
	if err != nil {
		return fallback, false
	}
	if s := c.match(strings.Join(texts, "|"), bare); s != "" {
		if letter, ok := letters[s]; ok {
			s = letter
		}
		return s, true
	}
	if s := c.match(`:[\s]*(`+strings.Join(names, "|")+")", answer); s != "" {
		return "(" + s + ")", true
	}
	return fallback, false
}

// match is the match of an expression that the filter picks, "" for none.
func (c ChoiceFilter) match(pattern, s string) string {
	none := ""
	f, err := eval.RegexFilter{Regex: pattern, Pick: c.Pick, Fallback: &none}.Filter()
	if err != nil {
		return ""
	}
	return f.Apply(nil, s)
}

// escape is re.escape.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("()[]{}?*+-|^$\\.&~# \t\n\r\v\f", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

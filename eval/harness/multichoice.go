package harness

import (
	"fmt"
	"strings"
	"unicode"

	"trit/eval"
	"trit/eval/internal/python"
)

// choiceRegex is the filter multi_choice_regex. What its expression does not find is looked for as
// the text of a choice, and then as a letter after a colon; both become the letter in parentheses.
type choiceRegex struct {
	own                           eval.Filter
	pick                          int
	fallback                      string
	ignoreCase, ignorePunctuation bool
	remove                        []string
}

func makeMultiChoice(m *mapping) (step, error) {
	f, err := regexOf(m)
	if err != nil {
		return nil, err
	}
	c := &choiceRegex{pick: f.Pick, fallback: eval.NoAnswer}
	if f.Fallback != nil {
		c.fallback = *f.Fallback
	}
	if c.own, err = f.Filter(); err != nil {
		return nil, err
	}
	for _, p := range m.pairs {
		key, _ := p.key.(string)
		if err := c.set(key, p.value); err != nil {
			return nil, fmt.Errorf("filter multi_choice_regex: %w", err)
		}
	}
	return func(q *eval.Question, r *responses) {
		for i, s := range r.items {
			var found bool
			r.items[i], found = c.find(q, s)
			r.found = r.found && found
		}
	}, nil
}

func (c *choiceRegex) set(key string, v any) (err error) {
	switch key {
	case "function", "regex_pattern", "group_select", "fallback":
		return nil
	case "ignore_case":
		c.ignoreCase, err = truth(key, v)
	case "ignore_punctuation":
		c.ignorePunctuation, err = truth(key, v)
	case "regexes_to_ignore":
		if v == nil {
			return nil
		}
		if c.remove, err = oneOrMore(key, v); err == nil {
			_, err = c.bare("")
		}
	default:
		return fmt.Errorf("the key %s is not read here", key)
	}
	return err
}

// bare is a text without what the search for a choice ignores.
func (c *choiceRegex) bare(s string) (string, error) {
	for _, pattern := range c.remove {
		var err error
		if s, err = regexReplace(s, pattern, "", 0); err != nil {
			return "", err
		}
	}
	if c.ignoreCase {
		s = python.Lower(s)
	}
	if c.ignorePunctuation {
		s = strings.Map(func(r rune) rune {
			if unicode.IsPunct(r) {
				return -1
			}
			return r
		}, s)
	}
	return s, nil
}

func (c *choiceRegex) find(q *eval.Question, answer string) (string, bool) {
	if s, found := c.own.Find(q, answer); found && s != "" {
		return s, true
	}
	letters := map[string]string{}
	var texts, names []string
	for i, choice := range q.Choices {
		letter := string(rune('A' + i))
		s, err := c.bare(python.Strip(choice))
		if err != nil {
			return c.fallback, false
		}
		texts, names = append(texts, escape(s)), append(names, letter)
		letters[s] = "(" + letter + ")"
	}
	bare, err := c.bare(answer)
	if err != nil {
		return c.fallback, false
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
	return c.fallback, false
}

// match is the match of an expression that the filter picks, "" for none.
func (c *choiceRegex) match(pattern, s string) string {
	none := ""
	f, err := eval.RegexFilter{Regex: pattern, Pick: c.pick, Fallback: &none}.Filter()
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

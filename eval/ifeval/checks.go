package ifeval

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"trit/eval/internal/python"
)

// check reports whether an answer, which is not blank, follows an instruction.
type check func(answer string) bool

// checks make the check of each kind of instruction, from the arguments that the document has for it.
var checks = map[string]func(a *arguments) check{
	"keywords:existence":         (*arguments).keywords,
	"keywords:frequency":         (*arguments).keywordFrequency,
	"keywords:forbidden_words":   (*arguments).forbiddenWords,
	"keywords:letter_frequency":  (*arguments).letterFrequency,
	"language:response_language": (*arguments).language,

	"length_constraints:number_sentences": func(a *arguments) check {
		return a.counted("num_sentences", "relation", func(s string) int { return len(sentencesOf(s)) })
	},
	"length_constraints:number_words": func(a *arguments) check {
		return a.counted("num_words", "relation", func(s string) int { return len(wordPattern.all(s)) })
	},
	"length_constraints:number_paragraphs":        (*arguments).paragraphs,
	"length_constraints:nth_paragraph_first_word": (*arguments).firstWord,

	"detectable_content:number_placeholders": func(a *arguments) check {
		n := a.number("num_placeholders")
		return func(s string) bool { return len(placeholder.all(s)) >= n }
	},
	"detectable_content:postscript": (*arguments).postscript,

	"detectable_format:number_bullet_lists": func(a *arguments) check {
		n := a.number("num_bullets")
		return func(s string) bool { return len(starBullet.all(s))+len(dashBullet.all(s)) == n }
	},
	"detectable_format:constrained_response": fixed(isConstrained),
	"detectable_format:number_highlighted_sections": func(a *arguments) check {
		n := a.number("num_highlights")
		return func(s string) bool { return highlights(s) >= n }
	},
	"detectable_format:multiple_sections": (*arguments).sections,
	"detectable_format:json_format":       fixed(isJSON),
	"detectable_format:title":             fixed(hasTitle),

	"combination:two_responses": fixed(areTwoResponses),
	"combination:repeat_prompt": func(a *arguments) check {
		begin := python.Lower(python.Strip(a.text("prompt_to_repeat")))
		return func(s string) bool { return strings.HasPrefix(python.Lower(python.Strip(s)), begin) }
	},
	"startend:end_checker": func(a *arguments) check {
		end := python.Lower(python.Strip(a.text("end_phrase")))
		return func(s string) bool {
			return strings.HasSuffix(python.Lower(strings.Trim(python.Strip(s), `"`)), end)
		}
	},
	"startend:quotation": fixed(func(s string) bool {
		s = python.Strip(s)
		return len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"'
	}),

	"change_case:capital_word_frequency": func(a *arguments) check {
		return a.counted("capital_frequency", "capital_relation", func(s string) int {
			return len(slices.DeleteFunc(words(s), func(w string) bool { return !isUpper(w) }))
		})
	},
	"change_case:english_capital": fixed(func(s string) bool {
		return isUpper(s) && (language(s) == "en" || language(s) == "")
	}),
	"change_case:english_lowercase": fixed(func(s string) bool {
		return isLower(s) && (language(s) == "en" || language(s) == "")
	}),
	"punctuation:no_comma": fixed(func(s string) bool { return !strings.Contains(s, ",") }),
}

// fixed is a check without arguments.
func fixed(c check) func(*arguments) check { return func(*arguments) check { return c } }

var (
	wordPattern = mustCompile(`\w+`, false)
	placeholder = mustCompile(`\[.*?\]`, false)
	starBullet  = mustCompile(`(?m)^\s*\*[^\*].*$`, false)
	dashBullet  = mustCompile(`(?m)^\s*-.*$`, false)
	divider     = mustCompile(`\s?\*\*\*\s?`, false)
	highlight   = mustCompile(`\*[^\n\*]*\*`, false)
	highlight2  = mustCompile(`\*\*[^\n\*]*\*\*`, false)
	title       = mustCompile(`<<[^\n]+>>`, false)
)

func (a *arguments) keywords() check {
	var all []pattern
	for _, k := range a.texts("keywords") {
		all = append(all, a.pattern("keywords", k))
	}
	return func(s string) bool { return !slices.ContainsFunc(all, func(p pattern) bool { return !p.in(s) }) }
}

func (a *arguments) keywordFrequency() check {
	p := a.pattern("keyword", python.Strip(a.text("keyword")))
	return a.counted("frequency", "relation", func(s string) int { return len(p.all(s)) })
}

func (a *arguments) forbiddenWords() check {
	var all []pattern
	for _, k := range a.texts("forbidden_words") {
		all = append(all, a.pattern("forbidden_words", `\b`+k+`\b`))
	}
	return func(s string) bool { return !slices.ContainsFunc(all, func(p pattern) bool { return p.in(s) }) }
}

// letterFrequency counts any character. Two documents of the set ask for '#' and '!', where the harness
// counts a letter that it draws at random.
func (a *arguments) letterFrequency() check {
	letter := a.text("letter")
	if utf8.RuneCountInString(letter) != 1 {
		a.failf("letter is %q: want one character", letter)
	}
	letter = python.Lower(letter)
	return a.counted("let_frequency", "let_relation", func(s string) int {
		return strings.Count(python.Lower(s), letter)
	})
}

func (a *arguments) language() check {
	want := a.text("language")
	return func(s string) bool { got := language(s); return got == want || got == "" }
}

func (a *arguments) paragraphs() check {
	n := a.number("num_paragraphs")
	return func(s string) bool {
		parts := divider.split(s)
		count := len(parts)
		for i, p := range parts {
			if python.Strip(p) != "" {
				continue
			}
			if i > 0 && i < len(parts)-1 {
				return false
			}
			count--
		}
		return count == n
	}
}

func (a *arguments) firstWord() check {
	n, nth, first := a.number("num_paragraphs"), a.number("nth_paragraph"), python.Lower(a.text("first_word"))
	if nth < 1 || nth > n {
		a.failf("nth_paragraph is %d: want 1 to num_paragraphs, which is %d", nth, n)
	}
	return func(s string) bool {
		parts := strings.Split(s, "\n\n")
		count := 0
		for _, p := range parts {
			if python.Strip(p) != "" {
				count++
			}
		}
		if nth > count {
			return false
		}
		list := strings.FieldsFunc(parts[nth-1], python.Space)
		if len(list) == 0 {
			return false
		}
		word := strings.TrimLeft(strings.TrimLeft(list[0], "'"), `"`)
		if i := strings.IndexAny(word, `.,?!'"`); i >= 0 {
			word = word[:i]
		}
		return count == n && strings.ToLower(word) == first
	}
}

func (a *arguments) postscript() check {
	marker := python.Strip(a.text("postscript_marker"))
	expr := `(?m)\s*` + python.Lower(marker) + `.*$`
	switch marker {
	case "P.P.S":
		expr = `(?m)\s*p\.\s?p\.\s?s.*$`
	case "P.S.":
		expr = `(?m)\s*p\.\s?s\..*$`
	}
	p := a.pattern("postscript_marker", expr)
	return func(s string) bool { return p.in(python.Lower(s)) }
}

func (a *arguments) sections() check {
	n := a.number("num_sections")
	p := a.pattern("section_spliter", `\s?`+python.Strip(a.text("section_spliter"))+`\s?\d+\s?`)
	return func(s string) bool { return len(p.all(s)) >= n }
}

func isConstrained(s string) bool {
	for _, option := range []string{"My answer is yes.", "My answer is no.", "My answer is maybe."} {
		if strings.Contains(s, option) {
			return true
		}
	}
	return false
}

// highlights counts texts between single and between double asterisks. What stands between double ones
// counts twice if it is found both ways.
func highlights(s string) (count int) {
	for _, h := range highlight.all(s) {
		if python.Strip(strings.Trim(h, "*")) != "" {
			count++
		}
	}
	for _, h := range highlight2.all(s) {
		if python.Strip(strings.TrimSuffix(strings.TrimPrefix(h, "**"), "**")) != "" {
			count++
		}
	}
	return count
}

// constant are the numbers that Python's json reads and JSON does not have, where a value may stand.
var constant = mustCompile(`(?<![^\[:,\s])(?:NaN|-?Infinity)(?![^\],}\s])`, false)

func isJSON(s string) bool {
	s = python.Strip(s)
	for _, fence := range []string{"```json", "```Json", "```JSON", "```"} {
		s = strings.TrimPrefix(s, fence)
	}
	s = python.Strip(strings.TrimSuffix(s, "```"))
	return json.Valid([]byte(s)) || json.Valid([]byte(constant.replace(s, "0")))
}

func hasTitle(s string) bool {
	for _, t := range title.all(s) {
		if python.Strip(strings.TrimRight(strings.TrimLeft(t, "<"), ">")) != "" {
			return true
		}
	}
	return false
}

func areTwoResponses(s string) bool {
	var valid []string
	parts := strings.Split(s, "******")
	for i, p := range parts {
		switch p = python.Strip(p); {
		case p != "":
			valid = append(valid, p)
		case i > 0 && i < len(parts)-1:
			return false
		}
	}
	return len(valid) == 2 && valid[0] != valid[1]
}

// counted compares a count with an argument, by the relation that another argument names.
func (a *arguments) counted(number, relation string, count func(string) int) check {
	n := a.number(number)
	switch r := a.text(relation); r {
	case "less than":
		return func(s string) bool { return count(s) < n }
	case "at least":
		return func(s string) bool { return count(s) >= n }
	default:
		a.failf("%s is %q: want \"less than\" or \"at least\"", relation, r)
		return nil
	}
}

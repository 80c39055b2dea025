package bbh

import (
	"regexp"
	"slices"
	"strings"

	"trit/eval"
	"trit/eval/harness"
	"trit/eval/internal/python"
)

// finder makes a filter that picks an answer, the first (0) or the last one (-1).
type finder func(pick int) eval.Filter

// Finders of answers of one form.
var (
	booleans = matching(`\b(True|False)\b`)
	yesOrNo  = matching(`\b(Yes|No|yes|no)\b`)
	validity = matching(`\b(valid|invalid)\b`)
	brackets = matching(`(?<= )([" \[\(<{}>\)\]]+)|([" \[\(<{}>\)\]]+)`)

	plausibility = meaning(`\b(no|not plausible)\b`, `\b(yes|plausible)\b`)
	truthTelling = meaning(`\b(no|does not tell the truth|is not telling the truth)\b`,
		`\b(yes|tells the truth|is telling the truth)\b`)
)

func matching(regex string) finder {
	return func(pick int) eval.Filter { return must(eval.RegexFilter{Regex: regex, Pick: pick}.Filter()) }
}

// letter finds the letter of a choice in parentheses, or the text of a choice.
func letter(pick int) eval.Filter {
	own := eval.RegexFilter{Regex: `(\([A-Z]\))`, Pick: pick}
	return must(harness.ChoiceFilter{RegexFilter: own, IgnoreCase: true, IgnorePunctuation: true}.Filter())
}

var choiceForm = regexp.MustCompile(`\([A-Z]\)([^\n^(]*)`)

// choicesOf are the choices that a question lists.
func choicesOf(input string) (choices []string) {
	for _, m := range choiceForm.FindAllStringSubmatch(input, -1) {
		choices = append(choices, m[1])
	}
	return choices
}

// meaning finds what says no or yes, in any case of letters, and gives that word. What stands for no is
// looked for first.
func meaning(no, yes string) finder {
	find := func(regex string, pick int) eval.Filter { return matching(regex)(pick) }
	return func(pick int) eval.Filter {
		either, says := find(no+"|"+yes, pick), find(no, pick)
		return eval.Filter{Find: func(q *eval.Question, text string) (string, bool) {
			phrase, found := either.Find(q, python.Lower(text))
			if !found {
				return phrase, false
			}
			if _, isNo := says.Find(q, phrase); isNo {
				return "no", true
			}
			return "yes", true
		}}
	}
}

// sortedWords finds the words of the question, each where it stands last.
func sortedWords(int) eval.Filter {
	return eval.Filter{Find: func(q *eval.Question, text string) (string, bool) {
		found := q.Facts.(wordFinder)(text)
		return strings.Join(found, " "), len(found) > 0
	}}
}

// wordFinder finds words of a question in a text.
type wordFinder func(text string) []string

// wordsOf makes a finder of the words behind "List:".
func wordsOf(f *eval.Fields, input string) wordFinder {
	parts := strings.Split(input, "List:")
	if len(parts) < 2 {
		f.Failf("field \"input\" has no words behind \"List:\"")
		return nil
	}
	words := strings.FieldsFunc(parts[1], python.Space)
	for i, w := range words {
		words[i] = `\b` + w + `\b`
	}
	re, err := python.Compile(strings.Join(words, "|"))
	if err != nil {
		f.Failf("field \"input\": %w", err)
		return nil
	}
	return func(text string) (found []string) {
		m, err := re.FindStringMatch(text)
		for ; m != nil && err == nil; m, err = re.FindNextMatch(m) {
			word := m.String()
			found = append(slices.DeleteFunc(found, func(s string) bool { return s == word }), word)
		}
		return found
	}
}

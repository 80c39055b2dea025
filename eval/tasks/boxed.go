package tasks

import (
	"context"
	"strings"

	"trit/eval"
)

// boxedByValue is the filter that takes what is in the last \boxed of an answer, and compares it
// by value. It is no filter of the harness.
var boxedByValue = eval.Filter{
	Name: "boxed-value", Extra: true,
	Find: func(_ *eval.Question, text string) (string, bool) {
		if answer, ok := lastBox(text); ok {
			return answer, true
		}
		return eval.NoAnswer, false
	},
	Judge: func(_ context.Context, _ eval.Sandbox, q *eval.Question, answer string) (eval.Verdict, error) {
		return eval.Right(answer != eval.NoAnswer && sameValue(answer, q.Target)), nil
	},
}

// lastBox is what is in the last \boxed or \fbox of a text, in braces or up to the next space or
// dollar sign. If the braces of the last one do not close, there is none.
func lastBox(text string) (string, bool) {
	start := max(strings.LastIndex(text, `\boxed`), strings.LastIndex(text, `\fbox`))
	if start < 0 {
		return "", false
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(text[start:], `\boxed`), `\fbox`)
	rest = strings.TrimLeft(rest, " \n\t")
	if !strings.HasPrefix(rest, "{") {
		if end := strings.IndexAny(rest, " \n\t$"); end >= 0 {
			rest = rest[:end]
		}
		rest = strings.TrimRight(rest, ".,;")
		return rest, rest != ""
	}
	depth := 0
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++ // \{ is no brace of a group
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				answer := strings.TrimSpace(rest[1:i])
				return answer, answer != ""
			}
		}
	}
	return "", false
}

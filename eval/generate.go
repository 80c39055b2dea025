package eval

import (
	"fmt"
	"slices"
	"strings"

	"trit/lm"
	"trit/setting"
)

// generation makes the request that continues a prompt. It cuts the prompt from the left, so
// that the answer fits into the context, and stops where the harness does. cut is the number
// of tokens that are cut off.
func (e *encoder) generation(text string, until []string, maxTokens int) (r lm.ContinueRequest, cut int, err error) {
	space := e.maxLength - maxTokens
	if space <= 0 {
		return r, 0, setting.Needs("eval.Options.MaxTokens",
			fmt.Sprintf("an answer of %d tokens leaves no space for the prompt in a context of %d", maxTokens, e.maxLength),
			"lower it with {eval.Options.MaxTokens}")
	}
	ids := e.encode(text)
	s := stopper{e: e, ends: e.tok.EOSIDs(), until: until}
	for _, u := range until {
		s.tails = append(s.tails, len(e.tok.Encode(u, false))+2)
	}
	cut = max(0, len(ids)-space)
	return lm.ContinueRequest{Prompt: ids[cut:], MaxTokens: maxTokens, Until: until, Stop: s.stop}, cut, nil
}

// stopper ends generation at a token that ends a text, and at a stop string. It looks for the
// string in the text of the last tokens, two more than the string itself has.
type stopper struct {
	e     *encoder
	ends  []int32
	until []string
	tails []int // by stop string: number of last tokens to look at
}

func (s *stopper) stop(generated []int32) bool {
	n := len(generated)
	if n == 0 {
		return false
	}
	if slices.Contains(s.ends, generated[n-1]) {
		return true
	}
	for i, u := range s.until {
		if strings.Contains(s.e.tok.Decode(generated[max(0, n-s.tails[i]):]), u) {
			return true
		}
	}
	return false
}

// answer is the text of generated tokens, cut at the first occurrence of each stop string.
func (e *encoder) answer(generated []int32, until []string) string {
	ends := e.tok.EOSIDs()
	if i := slices.IndexFunc(generated, func(id int32) bool { return slices.Contains(ends, id) }); i >= 0 {
		generated = generated[:i]
	}
	return cutAt(e.tok.Decode(generated), until)
}

// endedByLength reports whether an answer was ended by nothing but its length: it has as many
// tokens as it may have, and its text goes to the last of them.
func (e *encoder) endedByLength(generated []int32, r *request) bool {
	return len(generated) >= r.generate.MaxTokens && !r.generate.Stop(generated) &&
		e.answer(generated, r.until) == e.tok.Decode(generated)
}

func cutAt(text string, until []string) string {
	for _, u := range until {
		if u != "" {
			text, _, _ = strings.Cut(text, u)
		}
	}
	return text
}

// stops are the task's stop strings and the end of text.
func (t *Task) stops(e *encoder) []string {
	until := slices.Clone(t.Answers.Until)
	if e.end != "" && !slices.Contains(until, e.end) {
		until = append(until, e.end)
	}
	return until
}

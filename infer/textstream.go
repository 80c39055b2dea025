package infer

import (
	"strings"
	"unicode/utf8"
)

// textStream turns the bytes of tokens into text. It holds back bytes that may be the beginning
// of a stop text or belong to an incomplete character.
type textStream struct {
	stop    []string
	emit    func(text string) // gets each new part of the text
	text    strings.Builder   // emitted
	pending []byte            // held back
	reached string            // the stop text that was reached
}

// add takes the bytes of a token, and reports whether the text has reached a stop text.
func (t *textStream) add(b []byte) bool {
	t.pending = append(t.pending, b...)
	first := -1
	for _, s := range t.stop {
		if i := strings.Index(string(t.pending), s); i >= 0 && s != "" && (first < 0 || i < first) {
			first, t.reached = i, s
		}
	}
	if first >= 0 {
		t.release(first)
		t.pending = nil
		return true
	}
	t.release(len(t.pending) - t.held())
	return false
}

// held is the number of bytes at the end of pending that must be held back.
func (t *textStream) held() int {
	n := 0
	for i := 1; i <= min(3, len(t.pending)); i++ { // an incomplete character
		if last := t.pending[len(t.pending)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				n = i
			}
			break
		}
	}
	for _, s := range t.stop { // a prefix of a stop text
		for i := min(len(s)-1, len(t.pending)); i > n; i-- {
			if strings.HasPrefix(s, string(t.pending[len(t.pending)-i:])) {
				n = i
				break
			}
		}
	}
	return n
}

// release emits the first n bytes of pending.
func (t *textStream) release(n int) {
	if n == 0 {
		return
	}
	s := strings.ToValidUTF8(string(t.pending[:n]), "\uFFFD")
	t.pending = t.pending[n:]
	t.text.WriteString(s)
	t.emit(s)
}

// finish emits what is left and returns the whole text.
func (t *textStream) finish() string {
	t.release(len(t.pending))
	return t.text.String()
}

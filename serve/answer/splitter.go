package answer

import (
	"strings"
	"unicode"
)

// kind is what a piece of an answer is.
type kind int

const (
	content kind = iota
	thinking
	calling // the text of a tool call, whole
)

const thinkBegin, thinkEnd = "<think>", "</think>"

// splitter cuts what a model writes into thoughts, content and tool calls. It holds back what may
// be the beginning of a mark, and a tool call until it is whole.
type splitter struct {
	syntax  *syntax
	on      func(kind, string)
	now     kind
	begun   bool   // it is known how the content begins
	behind  bool   // the content comes behind thoughts or a call, and so does space before it
	whole   bool   // the call that is given away has its end
	pending string // not given away yet
}

func newSplitter(s *syntax, thinks bool, on func(kind, string)) *splitter {
	p := &splitter{syntax: s, on: on}
	if thinks {
		p.now = thinking
	}
	return p
}

// mark is a text at which the kind changes.
type mark struct {
	text string
	next kind
}

// marks are those that can come next.
func (p *splitter) marks() []mark {
	switch {
	case p.now == thinking:
		return []mark{{thinkEnd, content}}
	case p.now == calling && p.syntax.end != "":
		return []mark{{p.syntax.end, content}}
	case p.now == calling:
		return nil
	}
	if p.syntax != nil && p.syntax.begin != "" {
		return []mark{{p.syntax.begin, calling}}
	}
	return nil
}

// begin looks at how the content begins, and reports whether enough of it is known.
func (p *splitter) begin() bool {
	text := strings.TrimLeftFunc(p.pending, unicode.IsSpace)
	if p.behind {
		p.pending = text
	}
	switch {
	case strings.HasPrefix(text, thinkBegin):
		p.pending, p.now = text[len(thinkBegin):], thinking
	case strings.HasPrefix(thinkBegin, text): // also of nothing
		return false
	case p.syntax != nil && p.syntax.begin == "" && text[0] == '{':
		p.now = calling // the whole answer is a call
	}
	p.begun = true
	return true
}

// write takes more text.
func (p *splitter) write(text string) {
	p.pending += text
	for p.step() {
	}
}

// step takes pending up to a mark, and reports whether there was one.
func (p *splitter) step() bool {
	if p.now == content && !p.begun && !p.begin() {
		return false
	}
	marks := p.marks()
	at, found := len(p.pending), mark{}
	for _, m := range marks {
		if i := strings.Index(p.pending, m.text); i >= 0 && i < at {
			at, found = i, m
		}
	}
	if found.text == "" {
		p.give(len(p.pending) - p.held(marks))
		return false
	}
	before := p.pending[:at]
	p.pending = p.pending[at+len(found.text):]
	p.whole = p.now == calling
	if found.next == calling {
		before = strings.TrimRightFunc(before, unicode.IsSpace)
	}
	p.put(before)
	if found.next == content {
		p.begun, p.behind = false, true
	}
	p.now = found.next
	return true
}

// held is the number of bytes at the end of pending that cannot be given away yet.
func (p *splitter) held(marks []mark) int {
	if p.now == calling {
		return len(p.pending)
	}
	n := 0
	for _, m := range marks {
		for i := min(len(m.text)-1, len(p.pending)); i > n; i-- {
			if strings.HasPrefix(m.text, p.pending[len(p.pending)-i:]) {
				n = i
			}
		}
	}
	if p.syntax != nil { // space before a call
		rest := p.pending[:len(p.pending)-n]
		n += len(rest) - len(strings.TrimRightFunc(rest, unicode.IsSpace))
	}
	return n
}

// give gives away the first n bytes of pending.
func (p *splitter) give(n int) {
	text := p.pending[:n]
	p.pending = p.pending[n:]
	p.put(text)
}

func (p *splitter) put(text string) {
	if text != "" {
		p.on(p.now, text)
	}
}

// cut drops what there is of a call in an answer that was cut off: half a call is none. forced
// answers are calls and nothing else.
func (p *splitter) cut(forced bool) {
	switch {
	case p.syntax == nil, p.now == thinking:
	case forced, p.now == calling && p.syntax.begin != "":
		p.pending = ""
	case p.now == content:
		for i := min(len(p.syntax.begin)-1, len(p.pending)); i > 1; i-- { // a single < may be anything
			if strings.HasPrefix(p.syntax.begin, p.pending[len(p.pending)-i:]) {
				p.pending = p.pending[:len(p.pending)-i]
				return
			}
		}
	}
}

// finish gives away what is left.
func (p *splitter) finish() {
	p.whole = false
	p.give(len(p.pending))
}

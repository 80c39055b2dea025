package tokenizer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"trit/tokenizer/jinja"
)

// ChatEncoder encodes conversations by a chat template, as EncodeChat does, and tells which of their
// tokens are the assistant's: those that a model learns to write. It may be used from several
// goroutines.
type ChatEncoder struct {
	t           *Tokenizer
	plain, tool *jinja.Template // of conversations without tools and with them
}

// Learned is an encoded conversation.
type Learned struct {
	IDs   []int32
	Learn []bool // of each token: whether it is the assistant's
	Bytes int    // of the assistant's text, without special tokens
}

// TurnError is a conversation whose template does not tell where a message's text begins and ends.
type TurnError struct {
	Message int // from 0; -1: all of them
	Problem string
}

// Error names the message, from 1, and what is wrong.
func (e *TurnError) Error() string {
	if e.Message < 0 {
		return "chat template: " + e.Problem
	}
	return fmt.Sprintf("chat template: message %d: %s", e.Message+1, e.Problem)
}

// ChatEncoder parses the chat template of the model.
func (t *Tokenizer) ChatEncoder() (*ChatEncoder, error) {
	if t.settings.templates.text == "" {
		return nil, ErrNoChatTemplate
	}
	c := t.ChatTemplate()
	plain, err := jinja.Parse(c.Text)
	if err != nil {
		return nil, fmt.Errorf("chat template: %w", err)
	}
	e := &ChatEncoder{t, plain, plain}
	if c.ToolText != "" {
		if e.tool, err = jinja.Parse(c.ToolText); err != nil {
			return nil, fmt.Errorf("chat template %s: %w", toolTemplate, err)
		}
	}
	return e, nil
}

// WithChatTemplate is t with another chat template in the place of all that it has.
func (t *Tokenizer) WithChatTemplate(text string) (*Tokenizer, error) {
	files, err := t.Files()
	if err != nil {
		return nil, err
	}
	files = maps.Clone(files)
	SetChatTemplate(files, text)
	return parseFiles(files)
}

// SetChatTemplate puts a chat template among the files of a tokenizer, in the place of all that they have.
func SetChatTemplate(files map[string][]byte, text string) {
	maps.DeleteFunc(files, func(name string, _ []byte) bool { return strings.HasPrefix(name, templateDir+"/") })
	files[templateFile] = []byte(text)
}

// MarksTurns reports whether the template marks the assistant's text with generation blocks.
func (e *ChatEncoder) MarksTurns() bool { return e.plain.MarksGeneration() }

// Encode encodes a conversation. The first given messages are read and not learned, whoever writes
// them. Where the template has generation blocks, the assistant's text is what they print. Else it is
// what a message adds to the text that ends where the assistant is to speak, up to the special token
// that ends the turn. The error is a *TurnError where that cannot be told, or one of the template.
func (e *ChatEncoder) Encode(r ChatRequest, given int) (Learned, error) {
	whole, err := e.render(r, len(r.Messages), false)
	if err != nil {
		return Learned{}, err
	}
	spans, err := e.spans(r, whole, given)
	if err != nil {
		return Learned{}, err
	}
	l := Learned{}
	for _, s := range spans {
		l.Bytes += e.t.textBytes(whole.Text[s.Start:s.End])
	}
	for _, piece := range e.t.locate(whole.Text) {
		l.IDs = append(l.IDs, piece.id)
		l.Learn = append(l.Learn, slices.ContainsFunc(spans, piece.isIn))
	}
	return l, nil
}

// render lays out the first messages of a conversation, with guards in their strings.
func (e *ChatEncoder) render(r ChatRequest, messages int, prompt bool) (jinja.Result, error) {
	r.Messages, r.AddGenerationPrompt = r.Messages[:messages], prompt
	c, err := e.t.guardedContext(r)
	if err != nil {
		return jinja.Result{}, err
	}
	return e.t.ChatTemplate().renderParsed(e.template(r), c)
}

// template is the one for a conversation.
func (e *ChatEncoder) template(r ChatRequest) *jinja.Template {
	if len(r.Tools) > 0 {
		return e.tool
	}
	return e.plain
}

// spans are the parts of the whole conversation's text that are learned.
func (e *ChatEncoder) spans(r ChatRequest, whole jinja.Result, given int) (spans []jinja.Span, err error) {
	if e.template(r).MarksGeneration() {
		return e.marked(r, whole, given)
	}
	for i := given; i < len(r.Messages); i++ {
		if r.Messages[i].Role != "assistant" {
			continue
		}
		s, err := e.turn(r, whole.Text, i)
		if err != nil {
			return nil, err
		}
		spans = append(spans, s)
	}
	return spans, nil
}

// marked are the spans of generation blocks, without the part of the given messages.
func (e *ChatEncoder) marked(r ChatRequest, whole jinja.Result, given int) (spans []jinja.Span, err error) {
	if whole.Detached > 0 {
		return nil, &TurnError{-1, "it keeps the text of generation blocks in a variable, so their place is not known"}
	}
	begin := 0
	if given > 0 {
		if begin, err = e.beginning(r, whole.Text, given); err != nil {
			return nil, err
		}
	}
	for _, s := range whole.Generation {
		if s.Start = max(s.Start, begin); s.Start < s.End {
			spans = append(spans, s)
		}
	}
	return spans, nil
}

// beginning is where message i begins, behind the words that make the assistant speak.
func (e *ChatEncoder) beginning(r ChatRequest, whole string, i int) (int, error) {
	before, err := e.render(r, i, true)
	if err != nil {
		return 0, err
	}
	if !strings.HasPrefix(whole, before.Text) {
		return 0, &TurnError{i, "the text before it is not what the model reads when it is to write it"}
	}
	return len(before.Text), nil
}

// turn is the part of the text that message i, of the assistant, adds.
func (e *ChatEncoder) turn(r ChatRequest, whole string, i int) (s jinja.Span, err error) {
	upto := whole
	if i < len(r.Messages)-1 {
		result, err := e.render(r, i+1, false)
		if err != nil {
			return s, err
		}
		upto = result.Text
	}
	if s.Start, err = e.beginning(r, upto, i); err != nil {
		return s, err
	}
	if !strings.HasPrefix(whole, upto) {
		return s, &TurnError{i, "it is written in another way once messages follow"}
	}
	s.End = s.Start + len(e.t.turnOf(upto[s.Start:]))
	return s, nil
}

// turnOf is a turn without the space behind the special token at its end, which no model writes
// since its answer has ended.
func (t *Tokenizer) turnOf(text string) string {
	short := strings.TrimRightFunc(text, unicode.IsSpace)
	for _, a := range t.added {
		if a.Special && a.Content != "" && strings.HasSuffix(short, a.Content) {
			return short
		}
	}
	return text
}

// textBytes is the length of guarded text without guards and special tokens.
func (t *Tokenizer) textBytes(text string) (n int) {
	t.raw.split(text, func(part string) {
		n += len(part) - strings.Count(part, guard)*len(guard)
	}, func(id int32, _ int) {
		if a := t.added[id]; !a.Special {
			n += len(a.Content)
		}
	})
	return n
}

// piece is a token with the part of the text that it stands for.
type piece struct {
	id         int32
	start, end int
}

// isIn reports whether a token has a part in a span.
func (p piece) isIn(s jinja.Span) bool {
	return p.start < s.End && (p.end > s.Start || p.start == p.end && p.start > s.Start)
}

// locate is encode of guarded text with the place of each token.
func (t *Tokenizer) locate(text string) (pieces []piece) {
	l := locator{t: t, first: true}
	at := 0
	t.raw.split(text, func(part string) {
		l.part(alignedText(part, at))
		at += len(part)
	}, func(id int32, end int) {
		l.token(id, at, end)
		at = end
	})
	return l.pieces
}

// locator encodes the parts of a text.
type locator struct {
	t      *Tokenizer
	pieces []piece
	first  bool // nothing was encoded yet
}

func (l *locator) token(id int32, start, end int) {
	l.pieces, l.first = append(l.pieces, piece{id, start, end}), false
}

// part encodes text between added tokens that are found before normalisation.
func (l *locator) part(a aligned) {
	a = l.t.alignedNormal(a)
	at := 0
	l.t.normalized.split(a.text, func(part string) {
		l.ordinary(a.slice(at, at+len(part)).without(guard))
		at += len(part)
	}, func(id int32, end int) {
		from := a.source(at, end)
		l.token(id, from[0], from[1])
		at = end
	})
	l.first = false
}

// ordinary encodes text without added tokens.
func (l *locator) ordinary(a aligned) {
	if l.t.foreign {
		whole := a.source(0, len(a.text))
		for _, id := range l.t.encodeForeign(nil, a.text, l.first) {
			l.token(id, whole[0], whole[1])
		}
		return
	}
	for _, f := range l.t.mark {
		a = a.changed(f(a.text, l.first))
	}
	l.first = false
	at := 0
	splitAll(l.t.split, a.text, func(word string) {
		l.word(a.word(at, word))
		at += len(word)
	})
}

// word encodes one word.
func (l *locator) word(a aligned) {
	ids, at := l.t.model.encodeWord(a.text), 0
	for i, id := range ids {
		rest := a.text[at:]
		n := 0
		if l.t.model.byteLevel {
			text := string(l.t.model.text(id))
			n = max(strings.Index(rest, text), 0) + len(text) // bytes that the vocabulary lacks may stand before it
		} else {
			n = ownModel{l.t}.length(rest, l.t.name(id), ids[i+1:])
		}
		end := min(at+n, len(a.text))
		from := a.source(at, end)
		l.token(id, from[0], from[1])
		at = end
	}
}

package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"

	"trit/data/conversation"
	"trit/data/source"
	"trit/setting"
	"trit/tokenizer"
)

// Kind is what the documents of a data set are.
type Kind string

// The kinds.
const (
	Texts Kind = ""     // texts, of which each token is learned, one behind another in the rows of a Loader
	Chat  Kind = "chat" // conversations, of which the assistant's tokens are learned, whole in a row
	// Preferences are pairs of conversations, each in a row: of two rows of a Batch the first is chosen, the
	// second rejected.
	Preferences Kind = "preferences"
)

// TooLong is what becomes of a conversation that is longer than a row.
type TooLong string

// The choices. One of a pair is cut alone; if one of the two is dropped, both are.
const (
	Cut  TooLong = "cut"  // its beginning is kept, if anything in it is learned
	Drop TooLong = "drop" // it is left out
)

// Reasons why rows are left out, keys of Manifest.LeftOut beside those of package conversation.
const (
	emptyRow    = "empty"     // of texts, which Manifest.EmptyRows counts
	noAnswer    = "no_answer" // nothing in it is learned
	tooLong     = "too_long"
	refusedByIt = "template"
)

// reasons are the reasons in words, in the order in which they are told.
var reasons = []struct{ key, words string }{
	{string(conversation.NoConversation), "rows without a conversation (null or empty)"},
	{string(conversation.NoContent), "with a message without content"},
	{string(conversation.SameAnswers), "pairs of equal answers"},
	{noAnswer, "without an answer to learn"},
	{tooLong, "too long"},
	{refusedByIt, "refused by the chat template"},
}

// Reasons are the rows that are left out of conversations and pairs, by reason, in words.
func (m *Manifest) Reasons() (list []string) {
	for _, r := range reasons {
		if n := m.LeftOut[r.key]; n > 0 {
			list = append(list, fmt.Sprintf("%d %s", n, r.words))
		}
	}
	return list
}

func (m *Manifest) refusal() string {
	if m.Refusal == "" {
		return ""
	}
	return ": " + m.Refusal
}

// count counts what became of a row.
func (m *Manifest) count(e entry) {
	if e.cut {
		m.Cut++
	}
	switch e.left {
	case "":
		return
	case emptyRow:
		m.EmptyRows++
		return
	}
	if m.LeftOut == nil {
		m.LeftOut = map[string]int64{}
	}
	m.LeftOut[e.left]++
	if e.refusal != nil && m.Refusal == "" {
		m.Refusal = e.refusal.Error()
	}
}

// note counts what of a conversation is learned.
func (s *SplitInfo) note(d document) {
	if d.learn != nil {
		s.Learned, s.Longest = s.Learned+int64(learnedTargets(d.learn)), max(s.Longest, len(d.ids))
	}
}

// learnedTargets counts the tokens that are learned; the first is none, since nothing predicts it.
func learnedTargets(learn []bool) (n int) {
	for _, yes := range learn[min(1, len(learn)):] {
		if yes {
			n++
		}
	}
	return n
}

// checkKind checks the options of conversations and pairs, and sets TooLong.
func (o *PrepareOptions) checkKind() error {
	if o.Kind == Texts {
		if o.Form != "" || o.Length != 0 || o.TooLong != "" {
			return setting.Needs("data.PrepareOptions.Kind", "{data.PrepareOptions.Length}, {data.PrepareOptions.TooLong} and "+
				"{conversation.Options.Form} are for conversations", "name their kind with {data.PrepareOptions.Kind}")
		}
		return nil
	}
	if len(o.Sets) > 0 || o.Passes > 1 || o.Tokens != 0 || o.Filters.Any() || o.Duplicates.Width() > 0 {
		return setting.Needs("data.PrepareOptions.Kind",
			"sets, filters and duplicates are of texts, and these are conversations", "leave them out")
	}
	if o.TooLong == "" {
		o.TooLong = Cut
	}
	switch {
	case o.Kind != Chat && o.Kind != Preferences:
		return setting.Invalid("data.PrepareOptions.Kind", o.Kind, Chat, Preferences)
	case o.TooLong != Cut && o.TooLong != Drop:
		return setting.Invalid("data.PrepareOptions.TooLong", o.TooLong, Cut, Drop)
	case o.Length < 0 || o.Length == 1:
		return &setting.Error{Field: "data.PrepareOptions.Length", Found: strconv.Itoa(o.Length),
			Wanted: "2 tokens or more, or 0"}
	}
	return nil
}

// chatMaker makes documents of rows with conversations.
type chatMaker struct {
	o        *PrepareOptions
	manifest *Manifest
	encoder  *tokenizer.ChatEncoder // nil: the tokenizer has no chat template
	reader   *conversation.Reader   // made of the first row
}

func newChatMaker(o *PrepareOptions, m *Manifest) (*chatMaker, error) {
	tok, ok := o.Tokenizer.(*tokenizer.Tokenizer)
	if !ok {
		return nil, &setting.Error{Field: "data.PrepareOptions.Tokenizer", Found: "none with chat templates",
			Wanted: "a *tokenizer.Tokenizer for conversations"}
	}
	m.Length, m.TooLong = o.Length, o.TooLong
	c := &chatMaker{o: o, manifest: m}
	if tok.ChatTemplate().Text == "" {
		return c, nil
	}
	var err error
	c.encoder, err = tok.ChatEncoder()
	return c, err
}

// rows hands the rows on and chooses their form by the first.
func (c *chatMaker) rows(rows iter.Seq2[source.Row, error]) iter.Seq2[source.Row, error] {
	return func(yield func(source.Row, error) bool) {
		for row, err := range rows {
			if err == nil && c.reader == nil {
				err = c.begin(row)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func (c *chatMaker) begin(first source.Row) (err error) {
	c.reader, err = conversation.NewReader(first, conversation.Options{
		Form: c.o.Form, Column: c.o.Column, Pairs: c.o.Kind == Preferences,
	})
	if err != nil {
		return err
	}
	m := c.manifest
	m.Form = c.reader.Form()
	m.Fields, m.Unread = c.reader.Fields(first)
	if c.encoder == nil && m.Form != conversation.Text {
		return setting.Needs("tokenizer.Tokenizer.WithChatTemplate", "the tokenizer has no chat template",
			"name one with {tokenizer.Tokenizer.WithChatTemplate}: a file, or the name of a usual one")
	}
	return nil
}

// encode makes documents of a row.
func (c *chatMaker) encode(row source.Row) entry {
	if c.o.Kind == Preferences {
		return c.pair(row)
	}
	talk, left, err := c.reader.Conversation(row)
	if err != nil || left != "" {
		return entry{left: string(left), err: err}
	}
	e := c.documents(row, 0, talk)
	e.heldout = heldOut(identity(talk.Messages)+talk.Text, c.o.Seed, c.o.Holdout)
	return e
}

// pair makes two documents of a row. Pairs with one prompt are in the same split.
func (c *chatMaker) pair(row source.Row) entry {
	pair, left, err := c.reader.Pair(row)
	if err != nil || left != "" {
		return entry{left: string(left), err: err}
	}
	e := c.documents(row, pair.Given, pair.Chosen, pair.Rejected)
	e.heldout = heldOut(identity(pair.Chosen.Messages[:pair.Given]), c.o.Seed, c.o.Holdout)
	return e
}

// identity tells conversations apart.
func identity(messages []tokenizer.Message) string {
	b, err := json.Marshal(messages)
	if err != nil {
		return "" // messages that were read from JSON
	}
	return string(b)
}

// documents encodes conversations that belong together.
func (c *chatMaker) documents(row source.Row, given int, talks ...conversation.Talk) (e entry) {
	for _, talk := range talks {
		d, err := c.document(talk, given)
		var turn *tokenizer.TurnError
		if errors.As(err, &turn) {
			return entry{err: turnError(row, err)}
		}
		if err != nil {
			return entry{left: refusedByIt, refusal: fmt.Errorf("%s: row %d: %w", row.Path, row.Number, err)}
		}
		if learnedTargets(d.learn) == 0 {
			return entry{left: noAnswer}
		}
		if n := c.o.Length; n > 0 && len(d.ids) > n {
			if d = d.cut(n); c.o.TooLong == Drop || learnedTargets(d.learn) == 0 {
				return entry{left: tooLong}
			}
			e.cut = true
		}
		e.documents = append(e.documents, d)
	}
	return e
}

// document encodes one conversation or text.
func (c *chatMaker) document(talk conversation.Talk, given int) (document, error) {
	if c.reader.Form() != conversation.Text {
		l, err := c.encoder.Encode(talk.ChatRequest, given)
		return document{l.IDs, l.Learn, int64(l.Bytes)}, err
	}
	ids := c.o.Tokenizer.EncodeOrdinary(talk.Text)
	if bos := c.o.Tokenizer.BOS(); bos >= 0 {
		ids = slices.Insert(ids, 0, bos)
	}
	if eos := c.o.Tokenizer.EOS(); eos >= 0 {
		ids = append(ids, eos)
	}
	return document{ids, slices.Repeat([]bool{true}, len(ids)), int64(len(talk.Text))}, nil
}

// cut is the beginning of a document. Its text is taken to be spread evenly over what is learned.
func (d document) cut(length int) document {
	short := document{ids: d.ids[:length], learn: d.learn[:length]}
	short.bytes = d.bytes * int64(learnedTargets(short.learn)) / int64(max(learnedTargets(d.learn), 1))
	return short
}

// turnError is the error of a template that does not tell what the assistant says.
func turnError(row source.Row, err error) error {
	return &setting.Error{
		Field: "tokenizer.Tokenizer.WithChatTemplate", Problem: fmt.Sprintf("%s: row %d", row.Path, row.Number), Err: err,
		Remedy: "put {% generation %} and {% endgeneration %} around the assistant's text in a copy of the template, " +
			"and name it with {tokenizer.Tokenizer.WithChatTemplate}",
	}
}

package source

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// Position is a place between two rows of Texts. Reading goes on from one that a Item has named.
type Position struct {
	File   int    `json:"file"` // number of the file, from 0
	Row    int64  `json:"row"`  // rows of the file that lie before it
	Counts Counts `json:"counts"`
}

// Item is a text and the place behind it.
type Item struct {
	Text string
	Row  Row // with fields: the row that the text is of
	Next Position
}

// From is All from a position on. With fields, each text comes with its whole row, and the column must
// be named in full.
func (t *Texts) From(ctx context.Context, at Position, fields bool) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		t.walk(at, func(s *stream) (bool, error) {
			if fields {
				return t.textsOfRows(ctx, s, yield)
			}
			return t.texts(ctx, s, func(text string) bool {
				if !utf8.ValidString(text) {
					t.counts.Invalid++
				}
				return yield(Item{Text: text, Next: t.position()}, nil)
			})
		}, func(err error) { yield(Item{}, err) })
	}
}

// walk reads file after file from a position on, until read wants no more or fails.
func (t *Texts) walk(from Position, read func(s *stream) (more bool, err error), failed func(error)) {
	if err := t.begin(); err != nil {
		failed(err)
		return
	}
	if from != (Position{}) {
		t.counts = from.Counts
	}
	t.row = from.Row
	for t.at = from.File; t.at < len(t.inputs); t.at++ {
		more, err := t.withStream(&t.inputs[t.at], read)
		if err != nil {
			failed(err)
		}
		if err != nil || !more {
			return
		}
		t.row = 0
	}
}

// position is the place behind the row that was read last.
func (t *Texts) position() Position { return Position{t.at, t.row, t.counts} }

// textsOfRows yields the rows of a file that have a text.
func (t *Texts) textsOfRows(ctx context.Context, s *stream, yield func(Item, error) bool) (more bool, err error) {
	column := t.o.Column
	if s.kind == plainKind {
		column = PlainField
	}
	found, seen := t.row > 0, 0
	var first []string
	var failure error
	more, err = t.streamRows(ctx, s, func(r Row) bool {
		value := field(r.Fields, column)
		if seen++; seen == 1 {
			first = r.Names
		}
		if value == nil {
			t.counts.Null++
			found = found || slices.Contains(r.Names, column)
			return found || seen < rowsWithoutColumn
		}
		found = true
		text, holds := t.textOf(s, r, value)
		if holds != "" {
			failure = &FormatError{r.Path, fmt.Sprintf("row %d, column %q", r.Number, column),
				fmt.Sprintf("it holds %s, not text", holds), "name a column of texts"}
			return false
		}
		return yield(Item{text, r, t.position()}, nil)
	})
	if err == nil && failure == nil && !found && seen > 0 {
		failure = &FormatError{s.path, fmt.Sprintf("column %q", column),
			fmt.Sprintf("none of the first %d rows has it", seen), "name one in full: " + strings.Join(first, ", ")}
	}
	if err == nil {
		err = failure
	}
	return more, err
}

// textOf is the text of a row, whose value in JSON it is, or what the row holds instead. It counts a text that is not
// valid UTF-8.
func (t *Texts) textOf(s *stream, r Row, value json.RawMessage) (text, holds string) {
	if r.noText != "" {
		return "", r.noText
	}
	if r.text != nil {
		if !utf8.ValidString(*r.text) {
			t.counts.Invalid++
		}
		return *r.text, ""
	}
	reader := jsonReader{stream: s, value: value}
	found, err := reader.text(value)
	if err != nil {
		return "", jsonType(value)
	}
	if reader.isInvalid(*found) {
		t.counts.Invalid++
	}
	return *found, ""
}

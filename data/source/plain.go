package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// endOfText is the mark that many corpora have between documents.
const endOfText = "<|endoftext|>"

// plain yields the documents of a plain text, without the line ends before and behind them.
// What holds nothing but white space is no document.
func (t *Texts) plain(ctx context.Context, s *stream, yield emit) (more bool, err error) {
	s.skipMark()
	d := newDivider(t.o.documents())
	p := pieces{in: s.in, until: d.until}
	skip := t.row
	t.row = 0
	for n := 1; ; n++ {
		doc, err := d.next(&p)
		if errors.Is(err, errTooLong) {
			return false, &FormatError{s.path, fmt.Sprintf("document %d", n), tooLong(),
				fmt.Sprintf("divide it in another way than by %q", t.o.documents())}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return false, s.failed(err)
		}
		if doc = bytes.Trim(doc, "\r\n"); len(bytes.TrimSpace(doc)) > 0 {
			if t.row++; t.row > skip && !t.emitPlain(doc, yield) {
				return false, nil
			}
		}
		if err != nil && t.row < skip {
			return false, s.shorter(skip, err)
		}
		if err != nil {
			return true, nil
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
	}
}

// emitPlain yields a document.
func (t *Texts) emitPlain(doc []byte, yield emit) bool {
	if bytes.Contains(doc, []byte(endOfText)) {
		t.counts.Marked++
	}
	return yield(string(doc))
}

// divider finds the documents of a text.
type divider struct {
	separator []byte // nil: documents end with a blank line, or with the file
	until     byte   // the last byte of what ends a document
	file      bool   // the file is one document
	doc       []byte
}

func newDivider(documents string) *divider {
	switch documents {
	case BlankLine:
		return &divider{until: '\n'}
	case WholeFile:
		return &divider{until: '\n', file: true}
	case Line:
		documents = "\n"
	}
	return &divider{separator: []byte(documents), until: documents[len(documents)-1]}
}

// next returns the next document, valid until the next call, with io.EOF if it is the last.
func (d *divider) next(p *pieces) ([]byte, error) {
	d.doc = d.doc[:0]
	for {
		piece, err := p.next()
		if err != nil {
			return d.doc, err
		}
		if d.separator == nil && !d.file && len(bytes.TrimSpace(piece)) == 0 {
			if len(d.doc) > 0 {
				return d.doc, nil
			}
			continue
		}
		if len(d.doc)+len(piece) > MaxDocument {
			return nil, errTooLong
		}
		d.doc = append(d.doc, piece...)
		if d.separator != nil && bytes.HasSuffix(d.doc, d.separator) {
			return d.doc[:len(d.doc)-len(d.separator)], nil
		}
	}
}

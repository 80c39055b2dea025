package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// pieces cuts a stream behind each occurrence of a byte.
type pieces struct {
	in    *bufio.Reader
	until byte
	held  []byte // of a piece that is longer than the buffer
	n     int    // number of the last piece, from 1
}

var errTooLong = errors.New("too long")

// next returns a piece with its last byte, valid until the next call, io.EOF after the last
// piece, or errTooLong for one of more than MaxDocument bytes.
func (p *pieces) next() ([]byte, error) {
	p.held = p.held[:0]
	p.n++
	for {
		part, err := p.in.ReadSlice(p.until)
		if len(p.held)+len(part) > MaxDocument {
			return nil, errTooLong
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			p.held = append(p.held, part...)
			continue
		case errors.Is(err, io.EOF) && len(p.held)+len(part) == 0:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case len(p.held) == 0:
			return part, nil
		}
		p.held = append(p.held, part...)
		return p.held, nil
	}
}

// lineFailed is the error of line n of a stream.
func (s *stream) lineFailed(n int, found, hint string) error {
	return &FormatError{s.path, fmt.Sprintf("line %d", n), found, hint}
}

func tooLong() string { return fmt.Sprintf("it is longer than %d MiB", MaxDocument>>20) }

// shorter is the error of a file that ends before the rows that were read of it earlier.
func (s *stream) shorter(rows int64, err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	return &FormatError{s.path, "rows", fmt.Sprintf("%d were read of it before, and now there are fewer", rows),
		"the file has changed: begin anew"}
}

// skipMark leaves out the mark that some editors put before a text.
func (s *stream) skipMark() {
	if head, _ := s.in.Peek(len(utf8BOM)); string(head) == utf8BOM {
		s.in.Discard(len(utf8BOM))
	}
}

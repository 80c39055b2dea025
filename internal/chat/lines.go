package chat

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// Lines is where lines come from. ReadLine shows the prompt where somebody may see it, and
// returns the next line without its end, of whatever length. The error is io.EOF where there
// is none; ErrInterrupt and ErrAbandoned are for the user of a terminal. Close may be called
// while ReadLine waits.
type Lines interface {
	ReadLine(prompt string) (string, error)
	Close() error
}

var (
	// ErrInterrupt is Ctrl-C at an empty line.
	ErrInterrupt = errors.New("interrupted")
	// ErrAbandoned is Ctrl-C at a line with text, which is dropped.
	ErrAbandoned = errors.New("line abandoned")
)

// Pipe reads lines from anything.
type Pipe struct {
	r       *bufio.Reader
	prompts io.Writer
}

// NewPipe reads the lines of r. Prompts go to prompts, which may be nil.
func NewPipe(r io.Reader, prompts io.Writer) *Pipe { return &Pipe{bufio.NewReader(r), prompts} }

// ReadLine implements Lines. A last line may lack its end.
func (p *Pipe) ReadLine(prompt string) (string, error) {
	if p.prompts != nil {
		io.WriteString(p.prompts, prompt)
	}
	line, err := p.r.ReadString('\n')
	if err == io.EOF && line != "" {
		err = nil
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), err
}

// Close implements Lines.
func (p *Pipe) Close() error { return nil }

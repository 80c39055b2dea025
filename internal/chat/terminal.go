package chat

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Terminal reads lines that its user edits, with a history of this talk. The terminal is in
// raw mode only while ReadLine waits, so at other times Ctrl-C is a signal.
type Terminal struct {
	in      *os.File
	out     io.Writer
	keys    *keys
	history history
	mutex   sync.Mutex
	cooked  *term.State // to go back to; nil: not in raw mode
}

// NewTerminal reads from a terminal. What is typed is shown on out, the same terminal.
func NewTerminal(in *os.File, out io.Writer) *Terminal {
	return &Terminal{in: in, out: out, keys: &keys{r: in}}
}

// What a terminal is told so that it marks pasted text, and so that it no longer does.
const (
	markPastes   = "\x1b[?2004h"
	unmarkPastes = "\x1b[?2004l"
)

// ReadLine implements Lines. A line that ended within a pasted text ends with a mark that
// Composer knows.
func (t *Terminal) ReadLine(prompt string) (string, error) {
	if err := t.raw(); err != nil {
		return "", err
	}
	defer t.Close()
	// An editor for each line: Ctrl-C leaves one with the rest of its line.
	editor := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{t.keys, t.out}, prompt)
	editor.History = &t.history
	if width, height, err := term.GetSize(int(t.in.Fd())); err == nil && width > 0 {
		editor.SetSize(width, height)
	}
	line, err := editor.ReadLine()
	if err == nil {
		return line, nil
	}
	if errors.Is(err, io.EOF) && t.keys.interrupt != nil {
		err = t.keys.interrupt
		io.WriteString(t.out, "^C")
	}
	io.WriteString(t.out, "\r\n")
	return "", err
}

func (t *Terminal) raw() error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	state, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return err
	}
	t.cooked = state
	io.WriteString(t.out, markPastes)
	return nil
}

// Close implements Lines: it leaves raw mode.
func (t *Terminal) Close() error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.cooked == nil {
		return nil
	}
	io.WriteString(t.out, unmarkPastes)
	err := term.Restore(int(t.in.Fd()), t.cooked)
	t.cooked = nil
	return err
}

// history is the lines of the talk, the newest last.
type history struct{ lines []string }

// Add implements term.History. Empty lines, and a line that repeats the last one, are no entries.
func (h *history) Add(line string) {
	line = strings.TrimSuffix(line, pastedBreak)
	if n := len(h.lines); strings.TrimSpace(line) != "" && (n == 0 || h.lines[n-1] != line) {
		h.lines = append(h.lines, line)
	}
}

// Len implements term.History.
func (h *history) Len() int { return len(h.lines) }

// At implements term.History: 0 is the newest.
func (h *history) At(i int) string { return h.lines[len(h.lines)-1-i] }

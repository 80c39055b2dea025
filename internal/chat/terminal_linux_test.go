package chat

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// openTerminal opens a pseudo-terminal: what is written to user is typed.
func openTerminal(t *testing.T) (user, terminal *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { user.Close() })
	if err := unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skip(err)
	}
	n, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skip(err)
	}
	if terminal, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR, 0); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return user, terminal
}

// typeIn reads lines of a terminal until the end of the file, which Ctrl-D types.
func typeIn(t *testing.T, text string) (lines []string) {
	t.Helper()
	user, terminal := openTerminal(t)
	go io.Copy(io.Discard, user) // what the terminal shows
	lineReader := NewTerminal(terminal, terminal)
	go func() {
		time.Sleep(50 * time.Millisecond) // until the terminal is in raw mode
		io.WriteString(user, text)
	}()
	before, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	for {
		line, err := lineReader.ReadLine("> ")
		if err == io.EOF {
			break
		}
		if err != nil {
			line = err.Error()
		}
		lines = append(lines, line)
	}
	after, err := term.GetState(int(terminal.Fd()))
	if err != nil || *before != *after {
		t.Errorf("the terminal is left in another mode: %v", err)
	}
	return lines
}

func TestTerminalLines(t *testing.T) {
	long, characters := strings.Repeat("x", 100000), strings.Repeat("añ€𝄞", 3000)
	const paste, end = pasteBegins, pasteEnds
	for _, c := range []struct{ name, typed, want string }{
		{"lines", "one\rtwo\r", "one|two"},
		{"line feeds", "one\ntwo\r\nthree\n", "one|two|three"},
		{"backspace", "abx\x7fc\r", "abc"},
		{"arrows", "ac\x1b[Db\x1bOCd\r", "abcd"},
		{"home and end", "bc\x1b[1~a\x1b[4~d\r", "abcd"},
		{"delete a word", "one two\x17three\r", "one three"},
		{"history", "one\rtwo\r\x1b[A\x1b[A\r", "one|two|one"},
		{"history is edited", "one\r\r\x1b[A!\r", "one||one!"},
		{"a line of 100 kB", long + "\r", long},
		{"characters", characters + "\r", characters},
		{"no UTF-8", "a\xffb\xef\xbf\xbdc\r", "a?b?c"},
		{"a paste", paste + "one\ntwo\r\nthree" + end + "!\r", "one␤|two␤|three!"},
		{"a paste into a line", "say " + paste + "one\rtwo" + end + "\r", "say one␤|two"},
		{"a long paste", paste + long + "\n" + long + end + "\r", long + "␤|" + long},
		{"a paste of control characters", paste + "a\tb\x03\x1b[A\x1b[31mc\x04" + end + "\r", "a\tbc"},
		{"Ctrl-C", "\x03a\x03b\r", "interrupted|line abandoned|b"},
		{"Ctrl-C after a line is deleted", "ab\x15\x03c\r", "interrupted|c"},
		{"Ctrl-D deletes within a line", "ab\x1b[D\x04\r", "a"},
	} {
		got := strings.Join(typeIn(t, c.typed+"\x04"), "|")
		if got != c.want {
			if len(got)+len(c.want) > 500 {
				got, c.want = fmt.Sprintf("%d bytes %.40q", len(got), got), fmt.Sprintf("%d bytes", len(c.want))
			}
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Close while a line is awaited leaves raw mode, as a signal that ends the program needs.
func TestTerminalIsClosedWhileItWaits(t *testing.T) {
	user, terminal := openTerminal(t)
	go io.Copy(io.Discard, user)
	before, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	lines, done := NewTerminal(terminal, terminal), make(chan struct{})
	go func() {
		lines.ReadLine("> ")
		close(done)
	}()
	raw := func() bool {
		s, err := term.GetState(int(terminal.Fd()))
		return err == nil && *s != *before
	}
	for deadline := time.Now().Add(10 * time.Second); !raw(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the terminal is never in raw mode")
		}
	}
	if err := lines.Close(); err != nil || raw() {
		t.Errorf("the terminal stays in raw mode: %v", err)
	}
	io.WriteString(user, "\n")
	<-done
}

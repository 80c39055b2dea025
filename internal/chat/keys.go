package chat

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// keys prepares what a terminal sends for term.Terminal. That has three limits: it drops what
// is typed beyond 4096 characters, but not what is pasted; it ends a line at a line break
// within a pasted text; and bytes that are no UTF-8 stop it for ever. So a long run of
// characters is handed on as pasted, a line break within a paste gets the mark pastedBreak
// before it, and only clean text passes. A Read never goes beyond the end of a line, since
// each line has an editor of its own.
type keys struct {
	r         io.Reader
	out       []byte // for Read
	run       []byte // printable bytes that wait
	escape    []byte // an escape sequence that is not complete
	pasting   bool
	afterCR   bool
	typed     int     // characters of the line, roughly
	presses   []error // what each Ctrl-C in out is
	interrupt error   // the Ctrl-C that the last Read ended with, nil for none
	buffer    [4096]byte
}

const (
	ctrlC     = 3
	ctrlD     = 4
	ctrlU     = 21
	escape    = 27
	backspace = 127

	pasteBegins = "\x1b[200~"
	pasteEnds   = "\x1b[201~"

	// longRun is the length of a run that nobody types at once.
	longRun = 32
	// longLine is a length that is near to the 4096 characters that may be typed.
	longLine = 2000
)

// otherNames are sequences of some terminals for keys that term.Terminal knows by another.
var otherNames = map[string]string{
	"\x1bOA": "\x1b[A", "\x1bOB": "\x1b[B", "\x1bOC": "\x1b[C", "\x1bOD": "\x1b[D",
	"\x1bOH": "\x1b[H", "\x1b[1~": "\x1b[H", "\x1b[7~": "\x1b[H", "\x1bOF": "\x1b[F", "\x1b[4~": "\x1b[F", "\x1b[8~": "\x1b[F",
	"\x1bb": "\x1b[1;3D", "\x1b[1;5D": "\x1b[1;3D", "\x1bf": "\x1b[1;3C", "\x1b[1;5C": "\x1b[1;3C",
}

// Read implements io.Reader.
func (k *keys) Read(p []byte) (int, error) {
	for len(k.out) == 0 {
		n, err := k.r.Read(k.buffer[:])
		for _, b := range k.buffer[:n] {
			k.take(b)
		}
		k.flush(false)
		if err != nil && len(k.out) == 0 {
			return 0, err
		}
	}
	end := min(len(p), len(k.out))
	if i := bytes.IndexAny(k.out[:end], "\r\x03\x04"); i >= 0 {
		end = i + 1
	}
	n := copy(p, k.out[:end])
	k.out = k.out[n:]
	k.interrupt = nil
	if n > 0 && p[n-1] == ctrlC {
		k.interrupt, k.presses = k.presses[0], k.presses[1:]
	}
	return n, nil
}

// take translates a byte.
func (k *keys) take(b byte) {
	afterCR := k.afterCR
	k.afterCR = b == '\r'
	switch {
	case len(k.escape) > 0:
		k.sequence(b)
	case b == escape:
		k.flush(true)
		k.escape = append(k.escape, b)
	case b == '\n' && afterCR:
	case b == '\r' || b == '\n':
		k.lineEnd()
	case b >= ' ' && b != backspace, b == '\t' && k.pasting:
		k.run = append(k.run, b)
	case !k.pasting:
		k.control(b)
	}
}

func (k *keys) lineEnd() {
	k.flush(true)
	if k.pasting {
		k.out = append(k.out, pastedBreak...)
	}
	k.out = append(k.out, '\r')
	k.typed = 0
}

// control passes a control character on.
func (k *keys) control(b byte) {
	k.flush(true)
	switch b {
	case ctrlC:
		press := ErrInterrupt
		if k.typed > 0 {
			press = ErrAbandoned
		}
		k.presses, k.typed = append(k.presses, press), 0
	case ctrlU:
		k.typed = 0
	case backspace:
		k.typed = max(0, k.typed-1)
	}
	k.out = append(k.out, b)
}

// sequence takes the next byte of an escape sequence.
func (k *keys) sequence(b byte) {
	k.escape = append(k.escape, b)
	n, kind := len(k.escape), k.escape[1]
	if n == 2 && (kind == '[' || kind == 'O') || n > 2 && kind == '[' && (b < '@' || b > '~') && n < 32 {
		return
	}
	sequence := string(k.escape)
	k.escape = k.escape[:0]
	switch {
	case sequence == pasteBegins:
		k.pasting = true
	case sequence == pasteEnds:
		k.pasting = false
	case k.pasting:
	case otherNames[sequence] != "":
		k.out = append(k.out, otherNames[sequence]...)
	case kind == '[':
		k.out = append(k.out, sequence...)
	}
}

// flush hands the run on. An incomplete character at its end waits, unless all must go.
func (k *keys) flush(all bool) {
	var text []byte
	n, rest := 0, k.run
	for ; len(rest) > 0 && (all || utf8.FullRune(rest)); n++ {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		switch {
		case r == utf8.RuneError:
			text = append(text, '?')
		case r < 0x80 || r > 0x9f: // without the control characters of Latin-1
			text = utf8.AppendRune(text, r)
		}
	}
	k.run = append(k.run[:0], rest...)
	if k.typed += n; k.pasting || n >= longRun || k.typed > longLine {
		text = append(append([]byte(pasteBegins), text...), pasteEnds...)
	}
	if n > 0 {
		k.out = append(k.out, text...)
	}
}

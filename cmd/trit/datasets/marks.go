package datasets

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The marks of a terminal: green is learned, grey is given, a special token is inverse, and every other
// token is underlined so that their borders show.
const (
	learnedColour = "32"
	givenColour   = "90"
	inverse       = ";7"
	underlined    = ";4"
)

// text is a part as people read it.
func (s *show) text(p part) string {
	learned := 0
	for _, t := range p.Tokens {
		if t.Learned {
			learned++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s: %d tokens, %d learned, %.6g bytes\n", p.Title, len(p.Tokens), learned, p.Bytes)
	for i, t := range p.Tokens {
		if slices.Contains(p.Borders, i) {
			b.WriteString("\n- - border: attention does not go past it\n")
		}
		if s.colour {
			b.WriteString(t.coloured(i))
			continue
		}
		border := i == 0 || slices.Contains(p.Borders, i)
		b.WriteString(t.marked(border, border || !p.Tokens[i-1].Learned, i == len(p.Tokens)-1 ||
			slices.Contains(p.Borders, i+1) || !p.Tokens[i+1].Learned))
	}
	if p.Padding > 0 {
		fmt.Fprintf(&b, "\n- - padding: %d tokens", p.Padding)
	}
	b.WriteString("\n\n")
	return b.String()
}

// marked is a token of a plain text: a bar stands between tokens. first reports whether it is the first
// of its document, begins and ends whether what is learned begins and ends with it.
func (t token) marked(first, begins, ends bool) string {
	text := visible(t.Text, "\\n\n")
	if t.Special {
		text = "«" + text + "»"
	}
	if t.Learned && begins {
		text = "[[" + text
	} else if !first {
		text = "|" + text
	}
	if t.Learned && ends {
		text += "]]"
	}
	return text
}

// coloured is token i on a terminal.
func (t token) coloured(i int) string {
	style := givenColour
	if t.Learned {
		style = learnedColour
	}
	if t.Special {
		style += inverse
	}
	if i%2 == 1 {
		style += underlined
	}
	return "\x1b[" + style + "m" + visible(t.Text, "↵\x1b[0m\n\x1b["+style+"m") + "\x1b[0m"
}

// visible writes control characters, and bytes that are a part of a character, as Go writes them, and
// the end of a line as newLine.
func visible(text, newLine string) string {
	var b strings.Builder
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\n':
			b.WriteString(newLine)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// byteRunes is GPT-2's alphabet: a character for each byte. A printable byte is its own
// character; the others are the characters from U+0100 on.
var byteRunes, runeBytes = makeByteAlphabet()

func makeByteAlphabet() (runes [256]rune, bytes map[rune]byte) {
	bytes = map[rune]byte{}
	next := rune(256)
	for b := range 256 {
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xA1 && b <= 0xAC || b >= 0xAE) {
			r = next
			next++
		}
		runes[b], bytes[r] = r, byte(b)
	}
	return runes, bytes
}

func encodeByteRunes(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(byteRunes[s[i]])
	}
	return b.String()
}

// decodeByteRunes returns the bytes that a name spells in GPT-2's alphabet. A name with other
// characters is returned as it is.
func decodeByteRunes(name string) []byte {
	var out []byte
	for _, r := range name {
		b, ok := runeBytes[r]
		if !ok {
			return []byte(name)
		}
		out = append(out, b)
	}
	return out
}

// lossy is text with a replacement character for each broken UTF-8 sequence. A broken sequence is
// as long as it can be the beginning of a character.
func lossy(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	var out strings.Builder
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			n = brokenLength(b)
		}
		out.WriteRune(r)
		b = b[n:]
	}
	return out.String()
}

// mendBytes replaces each of the last n bytes of b by a replacement character, if together they
// are not UTF-8. Byte tokens made these bytes.
func mendBytes(b []byte, n int) []byte {
	start := len(b) - n
	if utf8.Valid(b[start:]) {
		return b
	}
	return append(b[:start], strings.Repeat(string(utf8.RuneError), n)...)
}

// brokenLength is the number of bytes at the beginning of b, which is broken UTF-8, that could
// begin a character.
func brokenLength(b []byte) int {
	n := 1
	for n < min(len(b), 4) && !utf8.FullRune(b[:n]) {
		n++
	}
	if n > 1 && utf8.FullRune(b[:n]) {
		return n - 1 // the last byte showed that the sequence is broken
	}
	return n
}

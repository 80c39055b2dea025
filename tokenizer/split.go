package tokenizer

import (
	"unicode"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// splitter cuts a text into words and yields them in their order. Together they are the text.
type splitter func(text string, yield func(word string))

// Split patterns for which this package has a scanner, which is faster than a regular expression.
const (
	gpt2Pattern   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	qwen2Pattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// scan makes a splitter of a function that returns the end of the word that begins at byte i.
func scan(end func(s string, i int) int) splitter {
	return func(text string, yield func(string)) {
		for i := 0; i < len(text); {
			j := end(text, i)
			yield(text[i:j])
			i = j
		}
	}
}

// regexSplitter splits by any other pattern. Matches are words, and so is the text between two
// matches.
func regexSplitter(pattern string) (splitter, error) {
	re, err := regexp2.Compile(pattern, regexp2.None)
	if err != nil {
		return nil, err
	}
	return func(text string, yield func(string)) {
		runes := []rune(text)
		at := 0
		emit := func(end int) {
			if end > at {
				yield(string(runes[at:end]))
				at = end
			}
		}
		for m, _ := re.FindRunesMatch(runes); m != nil; m, _ = re.FindNextMatch(m) {
			emit(m.Index)
			emit(m.Index + m.Length)
		}
		emit(len(runes))
	}, nil
}

// digitSplitter cuts out digits, one by one or in runs.
func digitSplitter(individual bool) splitter {
	return scan(func(s string, i int) int {
		first, n := utf8.DecodeRuneInString(s[i:])
		if individual && unicode.IsNumber(first) {
			return i + n
		}
		return run(s, i, func(r rune) bool { return unicode.IsNumber(r) == unicode.IsNumber(first) })
	})
}

// punctuationSplitter cuts out punctuation marks, in runs or one by one.
func punctuationSplitter(runs bool) splitter {
	return scan(func(s string, i int) int {
		first, n := utf8.DecodeRuneInString(s[i:])
		if !runs && isPunctuation(first) {
			return i + n
		}
		return run(s, i, func(r rune) bool { return isPunctuation(r) == isPunctuation(first) })
	})
}

// isPunctuation reports whether r is punctuation, or ASCII that is neither letter, digit,
// space nor control character.
func isPunctuation(r rune) bool {
	return unicode.IsPunct(r) || r < unicode.MaxASCII && unicode.IsSymbol(r)
}

// onByteRunes runs a splitter on the characters that stand for the bytes of a text.
func onByteRunes(s splitter) splitter {
	return func(text string, yield func(string)) {
		s(encodeByteRunes(text), func(word string) { yield(string(decodeByteRunes(word))) })
	}
}

// run is the end of the longest run of runes from i on that satisfy is.
func run(s string, i int, is func(rune) bool) int {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if !is(r) {
			break
		}
		i += n
	}
	return i
}

func isSymbol(r rune) bool {
	return !unicode.IsSpace(r) && !unicode.IsLetter(r) && !unicode.IsNumber(r)
}

func isNewline(r rune) bool { return r == '\r' || r == '\n' }

// contraction is the length of a contraction at i, such as 're; 0 if there is none.
func contraction(s string, i int, fold bool) int {
	if i+1 >= len(s) || s[i] != '\'' {
		return 0
	}
	if fold {
		if r, n := utf8.DecodeRuneInString(s[i+1:]); r == 'ſ' { // folds to s
			return 1 + n
		}
	}
	lower := func(j int) byte {
		if j >= len(s) {
			return 0
		}
		if c := s[j]; fold && c >= 'A' && c <= 'Z' {
			return c + 32
		}
		return s[j]
	}
	a, b := lower(i+1), lower(i+2)
	switch {
	case a == 's' || a == 't' || a == 'm' || a == 'd':
		return 2
	case a == 'r' && b == 'e' || a == 'v' && b == 'e' || a == 'l' && b == 'l':
		return 3
	}
	return 0
}

// gpt2End is the end of the word at i under gpt2Pattern.
func gpt2End(s string, i int) int {
	if n := contraction(s, i, false); n > 0 {
		return i + n
	}
	j := i
	if s[i] == ' ' && i+1 < len(s) {
		j++
	}
	r, _ := utf8.DecodeRuneInString(s[j:])
	switch {
	case unicode.IsLetter(r):
		return run(s, j, unicode.IsLetter)
	case unicode.IsNumber(r):
		return run(s, j, unicode.IsNumber)
	case !unicode.IsSpace(r):
		return run(s, j, isSymbol)
	}
	return spacesEnd(s, i)
}

// llama3End is the end of the word at i under llama3Pattern.
func llama3End(s string, i int) int { return wordEnd(s, i, 3) }

// qwen2End is the end of the word at i under qwen2Pattern.
func qwen2End(s string, i int) int { return wordEnd(s, i, 1) }

// wordEnd is the end of the word at i under a pattern whose numbers have at most a number of
// digits.
func wordEnd(s string, i, digits int) int {
	if n := contraction(s, i, true); n > 0 {
		return i + n
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	if unicode.IsLetter(r) {
		return run(s, i, unicode.IsLetter)
	}
	if unicode.IsNumber(r) {
		count := 0
		return run(s, i, func(r rune) bool { count++; return count <= digits && unicode.IsNumber(r) })
	}
	if next, _ := utf8.DecodeRuneInString(s[i+n:]); !isNewline(r) && i+n < len(s) && unicode.IsLetter(next) {
		return run(s, i+n, unicode.IsLetter)
	}
	j := i
	if r == ' ' {
		j++
	}
	if end := run(s, j, isSymbol); end > j {
		return run(s, end, isNewline)
	}
	spaces := run(s, i, unicode.IsSpace)
	for k := spaces; k > i; k-- {
		if s[k-1] == '\n' || s[k-1] == '\r' {
			return k
		}
	}
	return spacesEnd(s, i)
}

// spacesEnd is the end of \s+(?!\S)|\s+ at i: a run of spaces, without its last space if a word
// follows, but with at least one space.
func spacesEnd(s string, i int) int {
	end := run(s, i, unicode.IsSpace)
	if end == len(s) {
		return end
	}
	_, n := utf8.DecodeLastRuneInString(s[i:end])
	if end-n > i {
		return end - n
	}
	return end
}

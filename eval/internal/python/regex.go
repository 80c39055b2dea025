package python

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// regexTimeout bounds one search: an expression of a user may backtrack without end.
const regexTimeout = 5 * time.Second

// Compile compiles an expression with the rules of Python's re: regexp2 has look-around, and a $
// that also matches before a last line break.
func Compile(pattern string) (*regexp2.Regexp, error) {
	translated, err := Regex(pattern)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", pattern, err)
	}
	re, err := regexp2.Compile(translated, regexp2.None)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", pattern, err)
	}
	re.MatchTimeout = regexTimeout
	return re, nil
}

// Regex translates a regular expression of Python's re into the syntax of regexp2, which is
// .NET's, where both give it another meaning or regexp2 has none for it: \Z, {,n}, named groups,
// \s and \w, and brackets within a class. It refuses escapes that are not Python's, which regexp2
// would take. Word boundaries keep .NET's meaning, which differs for combining marks alone.
// Source: the chapter Regular Expression Syntax of Python's module re.
func Regex(pattern string) (string, error) {
	t := regexTranslator{rest: pattern, groups: map[string]int{}}
	for t.rest != "" {
		if err := t.next(); err != nil {
			return "", err
		}
	}
	return t.out.String(), nil
}

// regexTranslator walks through a pattern.
type regexTranslator struct {
	rest    string
	out     strings.Builder
	groups  map[string]int // numbers of named groups
	count   int            // of groups so far
	inClass bool
	atFirst bool // of a class, where ] stands for itself
}

// Members of the classes \s and \w in brackets: Python takes four more separators and NEL for
// spaces, and all numbers, and no marks and no punctuation but _, for parts of words.
const (
	spaceMembers = `\s\x1c-\x1f\x85`
	wordMembers  = `\p{L}\p{N}_`
)

// take moves n bytes of the pattern to the output as they are.
func (t *regexTranslator) take(n int) {
	t.out.WriteString(t.rest[:n])
	t.rest = t.rest[n:]
}

// put writes text for the next n bytes of the pattern.
func (t *regexTranslator) put(n int, text string) {
	t.out.WriteString(text)
	t.rest = t.rest[n:]
}

func (t *regexTranslator) next() error {
	first := t.atFirst
	t.atFirst = false
	switch c := t.rest[0]; {
	case c == '\\':
		return t.escape()
	case t.inClass && c == '[':
		t.put(1, `\[`)
	case t.inClass:
		t.inClass = c != ']' || first
		t.take(1)
	case c == '[':
		t.inClass, t.atFirst = true, true
		t.take(1)
		if strings.HasPrefix(t.rest, "^") {
			t.take(1)
		}
	case c == '(':
		return t.group()
	case strings.HasPrefix(t.rest, "{,"):
		t.put(2, t.lowest())
	default:
		t.take(1)
	}
	return nil
}

// lowest is the beginning of a count without its lower bound, which is 0, or of a text in braces.
func (t *regexTranslator) lowest() string {
	digits := strings.TrimLeft(t.rest[2:], "0123456789")
	if strings.HasPrefix(digits, "}") {
		return "{0,"
	}
	return "{,"
}

// group translates the beginning of a group.
func (t *regexTranslator) group() error {
	switch {
	case strings.HasPrefix(t.rest, "(?P<"):
		name, _, ok := strings.Cut(t.rest[len("(?P<"):], ">")
		if !ok {
			return fmt.Errorf("the group %.20q has no end of its name", t.rest)
		}
		t.count++
		t.groups[name] = t.count
		t.put(len("(?P<")+len(name)+1, "(")
	case strings.HasPrefix(t.rest, "(?P="):
		name, _, _ := strings.Cut(t.rest[len("(?P="):], ")")
		number, ok := t.groups[name]
		if !ok {
			return fmt.Errorf("there is no group %q before its repetition", name)
		}
		t.put(len("(?P=")+len(name)+1, `\k<`+strconv.Itoa(number)+">")
	case strings.HasPrefix(t.rest, "(?<") && !strings.HasPrefix(t.rest, "(?<=") && !strings.HasPrefix(t.rest, "(?<!"),
		strings.HasPrefix(t.rest, "(?'"):
		return fmt.Errorf("the group %.20q is not Python's: it names groups with (?P<NAME>...)", t.rest)
	case strings.HasPrefix(t.rest, "(?"):
		t.take(2)
	default:
		t.count++
		t.take(1)
	}
	return nil
}

// escape translates a backslash and what follows it.
func (t *regexTranslator) escape() error {
	r, size := utf8.DecodeRuneInString(t.rest[1:])
	size++
	switch {
	case r == 's', r == 'w':
		t.put(size, t.class(map[rune]string{'s': spaceMembers, 'w': wordMembers}[r]))
	case (r == 'S' || r == 'W') && !t.inClass:
		t.put(size, "[^"+map[rune]string{'S': spaceMembers, 'W': wordMembers}[r]+"]")
	case r == 'Z' && !t.inClass:
		t.put(size, `\z`)
	case r > unicode.MaxASCII || r == '_': // Python: the character itself
		t.put(size, t.rest[1:size])
	case unicode.IsLetter(r) && !strings.ContainsRune("AbBdDSWafnrtvxu", r):
		return fmt.Errorf(`the escape \%c is not one of Python's that are known here`, r)
	default:
		t.take(size)
	}
	return nil
}

// class is the members of a class, in brackets of their own unless they stand in some.
func (t *regexTranslator) class(members string) string {
	if t.inClass {
		return members
	}
	return "[" + members + "]"
}

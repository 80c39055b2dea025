package setting

import "strings"

// Note is a remark for people. It may name options by their fields in braces, like the remedy of
// an Error.
type Note string

// String is the remark with options named by their fields without the package.
func (n Note) String() string { return named(string(n), shortName) }

// Text is the remark in which each option has the name that the function name returns for its
// field.
func (n Note) Text(name func(field string) string) string { return named(string(n), name) }

// MarshalText is String.
func (n Note) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// Texts replaces the fields in remarks by names, as Text does, so that the remarks are printed and
// marshalled with these names.
func Texts(notes []Note, name func(field string) string) []Note {
	out := make([]Note, len(notes))
	for i, n := range notes {
		out[i] = Note(n.Text(name))
	}
	return out
}

// Join is the remarks in one text, with the separator between them.
func Join(notes []Note, separator string) string {
	texts := make([]string, len(notes))
	for i, n := range notes {
		texts[i] = n.String()
	}
	return strings.Join(texts, separator)
}

// named replaces the fields in braces by names.
func named(text string, name func(field string) string) string {
	return braced.ReplaceAllStringFunc(text, func(s string) string { return name(s[1 : len(s)-1]) })
}

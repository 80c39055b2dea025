package setting

import "strings"

// Note is a remark for people that may name options by their fields in braces, as the remedy
// of an Error does.
type Note string

// String is the remark with the options under their short names.
func (n Note) String() string { return named(string(n), shortName) }

// Text is the remark with the options called by name.
func (n Note) Text(name func(field string) string) string { return named(string(n), name) }

// MarshalText is String.
func (n Note) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// Texts replaces each remark by its Text, so that it is printed and marshalled with these names.
func Texts(notes []Note, name func(field string) string) []Note {
	out := make([]Note, len(notes))
	for i, n := range notes {
		out[i] = Note(n.Text(name))
	}
	return out
}

// Join returns the texts of the remarks, with the separator between them.
func Join(notes []Note, separator string) string {
	texts := make([]string, len(notes))
	for i, n := range notes {
		texts[i] = n.String()
	}
	return strings.Join(texts, separator)
}

// named puts names in the place of the fields in braces.
func named(text string, name func(field string) string) string {
	return braced.ReplaceAllStringFunc(text, func(s string) string { return name(s[1 : len(s)-1]) })
}

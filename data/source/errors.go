package source

import "fmt"

// FormatError is a file that breaks its format.
type FormatError struct {
	Path  string // the file
	Field string // the part of it
	Found string // what it holds, and what it has to hold
	Hint  string // what to do
}

// Error names the file, the field, what was found and what to do.
func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: %s: %s: %s", e.Path, e.Field, e.Found, e.Hint)
}

// KindError is a file that is of another kind than those that are read.
type KindError struct {
	Path string // the file
	Kind string // what it is: "a tar archive"
	Hint string // what to do
}

// Error names the file, what it is and what to do.
func (e *KindError) Error() string { return fmt.Sprintf("%s: this is %s: %s", e.Path, e.Kind, e.Hint) }

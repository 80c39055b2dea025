package data

import "fmt"

// FormatError says what is wrong with a file and what to do about it.
type FormatError struct {
	Path  string // the file
	Field string // the part of it
	Found string // what it holds, against what was expected
	Hint  string // what to do
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%s: %s: %s; %s", e.Path, e.Field, e.Found, e.Hint)
}

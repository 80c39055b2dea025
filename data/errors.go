package data

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

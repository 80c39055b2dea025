// Package setting has errors and notes about options: that an option has a wrong value, or that
// setting it would solve a problem. They name an option by its Go field, in braces:
// {convert.Options.Overwrite}. A front end replaces the fields by its own names, such as flags
// of a command line (see Text).
package setting

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Error is the error of an option that has a wrong value or must be set. Its text is the problem,
// the cause, what is wanted and the remedy, as far as they are set.
type Error struct {
	Field   string   // the option, such as "convert.Options.Type"
	Found   string   // its value
	Wanted  string   // a right value, in words
	Choices []string // the right values, if they are few and Wanted is ""
	// Problem says what is wrong, in the place of Field and Found: "model.gguf exists".
	Problem string
	// Remedy says what to do, with fields in braces: "{convert.Options.Overwrite} replaces it".
	Remedy string
	Err    error // the cause; may be nil
}

// Invalid is the error of an option whose value, found, is none of the choices.
func Invalid[T ~string](field string, found T, choices ...T) *Error {
	e := &Error{Field: field, Found: fmt.Sprintf("%q", string(found))}
	for _, c := range choices {
		e.Choices = append(e.Choices, string(c))
	}
	return e
}

// Needs is the error of a problem that an option solves, as remedy says; see Error.
func Needs(field, problem, remedy string) *Error {
	return &Error{Field: field, Problem: problem, Remedy: remedy}
}

// Error is the text, with options named by their fields without the package.
func (e *Error) Error() string { return e.text(shortName) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

func (e *Error) text(name func(field string) string) string {
	problem := e.Problem
	if problem == "" {
		problem = fmt.Sprintf("{%s} is %s", e.Field, e.Found)
	}
	parts := []string{problem}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	if wanted := e.wanted(); wanted != "" {
		parts = append(parts, "want "+wanted)
	}
	if e.Remedy != "" {
		parts = append(parts, e.Remedy)
	}
	return named(strings.Join(parts, ": "), name)
}

func (e *Error) wanted() string {
	if e.Wanted != "" || len(e.Choices) == 0 {
		return e.Wanted
	}
	if n := len(e.Choices) - 1; n > 0 {
		return strings.Join(e.Choices[:n], ", ") + " or " + e.Choices[n]
	}
	return e.Choices[0]
}

var braced = regexp.MustCompile(`\{[a-z0-9]+\.[A-Za-z0-9.]+\}`)

// shortName is a field without its package: Options.Type.
func shortName(field string) string {
	_, short, _ := strings.Cut(field, ".")
	return short
}

// Text is the text of an error in which each option has the name that the function name returns
// for its field. It finds the errors of this package anywhere in the tree of wrapped errors.
func Text(err error, name func(field string) string) string {
	text := err.Error()
	for _, e := range all(err) {
		text = strings.ReplaceAll(text, e.Error(), e.text(name))
	}
	return text
}

// all lists the errors of this package in the tree of err, outer errors first.
func all(err error) (list []*Error) {
	if e, ok := err.(*Error); ok {
		list = append(list, e)
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		if inner := wrapper.Unwrap(); inner != nil {
			list = append(list, all(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range wrapper.Unwrap() {
			list = append(list, all(inner)...)
		}
	}
	return list
}

// As returns the first Error in the tree of err, nil if there is none.
func As(err error) *Error {
	var e *Error
	errors.As(err, &e)
	return e
}

// Package setting has the errors by which a package tells its caller that an option is wrong or
// would help. Errors name options by their Go fields, {convert.Options.Overwrite}; a front end
// replaces these by its own names, such as flags of a command line (see Text).
package setting

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Error is an option that cannot be what it is, or that has to be set.
type Error struct {
	Field   string   // of the option that decides: "convert.Options.Type"
	Found   string   // its value
	Wanted  string   // what it has to be, in words
	Choices []string // the values it may have, if they are few
	// Problem is what is wrong, if it is not the value of Field: "model.gguf exists".
	Problem string
	// Remedy is the way out; fields stand in braces: "{convert.Options.Overwrite} replaces it".
	Remedy string
	Err    error // the cause; may be nil
}

// Invalid is the error of a value that is none of the choices.
func Invalid[T ~string](field string, found T, choices ...T) *Error {
	e := &Error{Field: field, Found: fmt.Sprintf("%q", string(found))}
	for _, c := range choices {
		e.Choices = append(e.Choices, string(c))
	}
	return e
}

// Needs is the error of a problem that an option solves; see Error.Remedy.
func Needs(field, problem, remedy string) *Error {
	return &Error{Field: field, Problem: problem, Remedy: remedy}
}

// Error names options by their fields.
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

// Text is the text of an error in which the options are called by name, wherever in the
// tree of wrapped errors they are.
func Text(err error, name func(field string) string) string {
	text := err.Error()
	for _, e := range all(err) {
		text = strings.ReplaceAll(text, e.Error(), e.text(name))
	}
	return text
}

// all lists the errors of this package in the tree of err, the outermost first.
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

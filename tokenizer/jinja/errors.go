package jinja

import "fmt"

// SyntaxError is a template that does not parse.
type SyntaxError struct {
	Line    int // of the template, from 1
	Problem string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("template line %d: syntax error: %s", e.Line, e.Problem)
}

// RuntimeError is a template that fails while it renders. Kind is the name of Python's
// exception: TypeError, UndefinedError, SecurityError and the like. TemplateError is what
// raise_exception makes.
type RuntimeError struct {
	Line    int // of the template, from 1; 0 = unknown
	Kind    string
	Problem string
}

func (e *RuntimeError) Error() string {
	return fmt.Sprintf("template line %d: %s: %s", e.Line, e.Kind, e.Problem)
}

// LimitError is a template that wants more time or memory than Limits grant.
type LimitError struct {
	Line  int    // of the template, from 1; 0 = unknown
	Limit string // what is limited
	Max   int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("template line %d: more than %d %s", e.Line, e.Max, e.Limit)
}

// fail ends the parsing or rendering. Inside the package errors are panics with one of
// the types above, as in text/template; catch makes them errors again.
func fail(kind, format string, args ...any) {
	panic(&RuntimeError{Kind: kind, Problem: fmt.Sprintf(format, args...)})
}

func typeError(format string, args ...any)  { fail("TypeError", format, args...) }
func valueError(format string, args ...any) { fail("ValueError", format, args...) }

// catch stores the failure of the running function in err; line is where it arose unless
// the failure knows better. Every other panic goes on.
func catch(err *error, line func() int) {
	switch e := recover().(type) {
	case nil:
	case *SyntaxError:
		*err = e
	case *RuntimeError:
		if e.Line == 0 {
			e.Line = line()
		}
		*err = e
	case *LimitError:
		if e.Line == 0 {
			e.Line = line()
		}
		*err = e
	default:
		panic(e)
	}
}

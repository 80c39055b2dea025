package jinja

import (
	"fmt"
)

// Limits bound what a template may use; zero fields mean the defaults.
type Limits struct {
	Steps       int // expressions, items and short pieces of text that are worked on
	OutputBytes int // of the rendered text
	ValueBytes  int // of all values that the template makes, taken together
	Depth       int // of calls and expressions within one another
}

// The default Limits: a render takes a second or two and about 150 MB at most. A long
// conversation with tools needs a hundredth of these.
const (
	maxSteps       = 10_000_000
	maxOutputBytes = 32 << 20
	maxValueBytes  = 128 << 20
	maxDepth       = 2000
)

// Limits that do not depend on the caller.
const (
	maxSourceBytes = 1 << 20 // of a template; published ones have at most 30 KB
	maxNesting     = 200     // of brackets and blocks in the source
	maxChain       = 1000    // of operators that follow one another in an expression
	maxRange       = 100_000 // items of range(), as in jinja2's sandbox
	maxIntBits     = 14_300  // of an integer; Python prints at most 4300 digits
	maxDigits      = 4300    // of a number in the source or in a string
	stepBytes      = 64      // bytes of text that count as one step
	itemBytes      = 16      // bytes that an item of a list counts as
)

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		value *int
		other int
	}{{&l.Steps, maxSteps}, {&l.OutputBytes, maxOutputBytes}, {&l.ValueBytes, maxValueBytes}, {&l.Depth, maxDepth}} {
		if *f.value <= 0 {
			*f.value = f.other
		}
	}
	return l
}

// step takes n steps.
func (m *machine) step(n int) {
	if m.steps -= n; m.steps < 0 {
		panic(&LimitError{Limit: "steps", Max: m.limits.Steps})
	}
}

// alloc accounts for n bytes of values before they are made.
func (m *machine) alloc(n int) {
	if n < 0 || n > m.bytes {
		panic(&LimitError{Limit: "bytes of values", Max: m.limits.ValueBytes})
	}
	m.bytes -= n
	m.step(n / stepBytes)
}

// items accounts for a list of n items.
func (m *machine) items(n int) {
	if n > maxValueBytes {
		n = maxValueBytes // the product must not overflow
	}
	m.alloc(n * itemBytes)
	m.step(n)
}

// text accounts for a string that was made of text already accounted for.
func (m *machine) text(s string) string {
	m.alloc(len(s))
	return s
}

// enter goes one level deeper; leave must follow.
func (m *machine) enter() {
	m.step(1)
	if m.depth++; m.depth > m.limits.Depth {
		panic(&LimitError{Limit: "calls and expressions within one another", Max: m.limits.Depth})
	}
}

func (m *machine) leave() { m.depth-- }

// SyntaxError is a template that does not parse.
type SyntaxError struct {
	Line    int // of the template, from 1
	Problem string
}

// Error is the line and what is wrong there.
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

// Error is the line, the kind and what went wrong.
func (e *RuntimeError) Error() string {
	return fmt.Sprintf("template line %d: %s: %s", e.Line, e.Kind, e.Problem)
}

// LimitError is a template that wants more time or memory than Limits grant.
type LimitError struct {
	Line  int    // of the template, from 1; 0 = unknown
	Limit string // what is limited
	Max   int
}

// Error is the line and the limit.
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

package jinja

import (
	"math/big"
	"strings"
	"unicode"
)

// test is {{ v is name(a) }}.
func (m *machine) test(name string, v any, a args) bool {
	m.step(1)
	t := tests[name]
	if t == nil {
		fail("TemplateRuntimeError", "No test named '%s'.", name)
	}
	return t(m, v, a)
}

var tests map[string]func(m *machine, v any, a args) bool

func init() {
	tests = map[string]func(m *machine, v any, a args) bool{
		"odd":         remainder(1),
		"even":        remainder(0),
		"divisibleby": testDivisible,
		"defined":     plain(func(v any) bool { return !isUndefined(v) }),
		"undefined":   plain(isUndefined),
		"none":        plain(func(v any) bool { return v == nil }),
		"boolean":     plain(func(v any) bool { _, ok := v.(bool); return ok }),
		"true":        plain(func(v any) bool { return v == true }),
		"false":       plain(func(v any) bool { return v == false }),
		"integer":     plain(isInteger),
		"float":       plain(func(v any) bool { _, ok := v.(float64); return ok }),
		"string":      plain(func(v any) bool { _, ok := asString(v); return ok }),
		"escaped":     plain(func(v any) bool { _, ok := v.(markup); return ok }),
		"mapping":     plain(isMapping),
		"number":      plain(isNumber),
		"callable":    plain(isCallable),
		"sequence":    plain(isSequence),
		"iterable":    func(m *machine, v any, a args) bool { a.positional("iterable", 0, 0); return m.iterate(v) != nil },
		"lower":       func(m *machine, v any, _ args) bool { return isCased(m.str(v), unicode.IsLower) },
		"upper":       func(m *machine, v any, _ args) bool { return isCased(m.str(v), unicode.IsUpper) },
		"sameas":      func(_ *machine, v any, a args) bool { return sameAs(v, a.bind("sameas", "other", required)[0]) },
		"filter":      func(_ *machine, v any, _ args) bool { s, _ := asString(v); return filters[s] != nil },
		"test":        func(_ *machine, v any, _ args) bool { s, _ := asString(v); return tests[s] != nil },
		"in":          func(m *machine, v any, a args) bool { return m.contains(a.bind("in", "seq", required)[0], v) },
	}
	for op, names := range map[string]string{
		"==": "== eq equalto", "!=": "!= ne", "<": "< lt lessthan", "<=": "<= le", ">": "> gt greaterthan", ">=": ">= ge",
	} {
		for name := range strings.FieldsSeq(names) {
			tests[name] = func(m *machine, v any, a args) bool {
				return m.compare(op, v, a.positional(name, 1, 1)[0])
			}
		}
	}
}

// plain is a test without arguments.
func plain(f func(v any) bool) func(*machine, any, args) bool {
	return func(_ *machine, v any, a args) bool {
		a.positional("test", 0, 0)
		return f(v)
	}
}

func isUndefined(v any) bool { _, ok := v.(*undefined); return ok }

func isInteger(v any) bool {
	switch v.(type) {
	case int, *big.Int:
		return true
	}
	return false
}

// remainder is the test that a number is n more than an even one.
func remainder(n int) func(*machine, any, args) bool {
	return func(m *machine, v any, a args) bool {
		a.positional("test", 0, 0)
		return m.equal(m.binary("%", v, 2), n)
	}
}

// isSequence reports whether the value has a length and can be indexed.
func isSequence(v any) bool {
	switch v.(type) {
	case *dictView, *loopValue:
		return false
	}
	_, ok := length(v)
	return ok
}

// sameAs is Python's is, where small values of equal type and content are one.
func sameAs(a, b any) bool {
	if isUndefined(a) && isUndefined(b) {
		return a == b
	}
	return a == b && typeName(a) == typeName(b)
}

func testDivisible(m *machine, v any, a args) bool {
	return m.equal(m.binary("%", v, a.bind("divisibleby", "num", required)[0]), 0)
}

package jinja

import (
	"math"
	"slices"
	"strings"
)

// getattr is obj.name: an attribute or else an item, as the sandbox gives them.
func (m *machine) getattr(of any, name string) any {
	if v, ok := m.attribute(of, name); ok {
		return m.safe(of, name, v)
	}
	if v, ok := m.item(of, name); ok {
		return v
	}
	return m.missing(of, name)
}

// getitem is obj[key]: an item or else an attribute.
func (m *machine) getitem(of, key any) any {
	if v, ok := m.item(of, key); ok {
		return v
	}
	if name, ok := asString(key); ok {
		if v, ok := m.attribute(of, name); ok {
			return m.safe(of, name, v)
		}
	}
	return m.missing(of, key)
}

// missing is the undefined value of what an object lacks.
func (m *machine) missing(of, key any) *undefined {
	name, ok := asString(key)
	owner := typeName(of) + " object"
	if of == nil {
		owner = "None"
	}
	if !ok {
		return m.undefined(owner + " has no element " + reprScalar(key))
	}
	return m.undefined(Quote(owner) + " has no attribute " + Quote(name))
}

// modifying are the methods that the immutable sandbox refuses.
var modifying = map[string][]string{
	"list": {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"},
	"dict": {"clear", "pop", "popitem", "setdefault", "update"},
}

// safe is v, or the undefined value that the sandbox has in place of private attributes
// and of methods that change an object.
func (m *machine) safe(of any, name string, v any) any {
	if !strings.HasPrefix(name, "_") && !slices.Contains(modifying[typeName(of)], name) {
		return v
	}
	problem := "access to attribute " + Quote(name) + " of " + Quote(typeName(of)) + " object is unsafe."
	return &undefined{kind: "SecurityError", problem: problem, strict: m.dialect.Plain}
}

// attribute is Python's getattr().
func (m *machine) attribute(of any, name string) (any, bool) {
	if u, ok := of.(*undefined); ok && !isDunder(name) {
		u.use()
	}
	switch x := of.(type) {
	case *namespace:
		return x.attrs.get(name)
	case *object:
		return x.attr(name)
	case *loopValue:
		return x.attribute(name)
	case *closure:
		return x.attribute(m, name)
	case *tuple:
		if i := slices.Index(x.fields, name); i >= 0 {
			return x.items[i], true
		}
	case *rangeValue:
		if i := slices.Index([]string{"start", "stop", "step"}, name); i >= 0 {
			return []int{x.start, x.stop, x.step}[i], true
		}
	}
	if name == "__class__" || name == "__doc__" {
		return nil, true
	}
	if slices.Contains(modifying[typeName(of)], name) {
		return nil, true
	}
	return m.method(of, name)
}

func isDunder(name string) bool {
	return strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__")
}

// item is Python's obj[key]; false where that raises a TypeError or LookupError.
func (m *machine) item(of, key any) (any, bool) {
	switch x := of.(type) {
	case *undefined:
		x.use()
	case *dict:
		if _, ok := hashKey(key); !ok {
			return nil, false
		}
		return x.get(key)
	case *list:
		return at(key, len(x.items), func(i int) any { return x.items[i] })
	case *tuple:
		return at(key, len(x.items), func(i int) any { return x.items[i] })
	case *rangeValue:
		return at(key, x.n, x.item)
	}
	text, ok := asString(of)
	if !ok {
		return nil, false
	}
	m.step(len(text) / stepBytes)
	if isASCII(text) {
		return at(key, len(text), func(i int) any { return text[i : i+1] })
	}
	runes := m.runes(text)
	return at(key, len(runes), func(i int) any { return string(runes[i]) })
}

// runes are the characters of a text.
func (m *machine) runes(text string) []rune {
	m.alloc(4 * len(text))
	return []rune(text)
}

// at is the item of an index, which may count from the end.
func at(key any, n int, item func(i int) any) (any, bool) {
	i, ok := toInt(key)
	if !ok {
		return nil, false
	}
	if i < 0 {
		i += n
	}
	if i < 0 || i >= n {
		return nil, false
	}
	return item(i), true
}

// slice is start:stop:step; nil = not given.
type slice struct{ start, stop, step any }

// bounds are the slice's first index, its step and its number of items, of n items.
func (s *slice) bounds(n int) (start, step, count int) {
	start, stop, step := s.indices(n)
	if step > 0 {
		return start, step, max(0, (stop-start-1)/step+1) * boolInt(stop > start)
	}
	return start, step, max(0, (start-stop-1)/-step+1) * boolInt(start > stop)
}

// indices is Python's slice.indices(n).
func (s *slice) indices(n int) (start, stop, step int) {
	step = 1
	if s.step != nil {
		step = sliceIndex(s.step)
	}
	if step == 0 {
		valueError("slice step cannot be zero")
	}
	step = max(step, -math.MaxInt)
	low, high := 0, n
	if step < 0 {
		low, high = -1, n-1
	}
	clamp := func(v any, none int) int {
		if v == nil {
			return none
		}
		i := sliceIndex(v)
		if i < 0 {
			i += n
		}
		return min(max(i, low), high)
	}
	if step > 0 {
		return clamp(s.start, low), clamp(s.stop, high), step
	}
	return clamp(s.start, high), clamp(s.stop, low), step
}

func sliceIndex(v any) int {
	i, ok := toInt(v)
	if !ok {
		typeError("slice indices must be integers or None or have an __index__ method")
	}
	return i
}

// sliced is the part of a value that a slice names.
func (m *machine) sliced(of any, s *slice) any {
	switch x := of.(type) {
	case *undefined:
		x.use()
	case *list:
		return &list{m.part(x.items, s)}
	case *tuple:
		return &tuple{items: m.part(x.items, s)}
	case *rangeValue:
		start, step, n := s.bounds(x.n)
		_, stop, _ := s.indices(x.n)
		return &rangeValue{x.start + start*x.step, x.start + stop*x.step, step * x.step, n}
	}
	text, ok := asString(of)
	if !ok {
		typeError("'%s' object is not subscriptable", typeName(of))
	}
	m.step(len(text) / stepBytes)
	return sameKind(of, m.partOfText(text, s))
}

func (m *machine) part(items []any, s *slice) []any {
	start, step, n := s.bounds(len(items))
	m.items(n)
	out := make([]any, n)
	for i := range out {
		out[i] = items[start+i*step]
	}
	return out
}

func (m *machine) partOfText(text string, s *slice) string {
	if isASCII(text) {
		start, step, n := s.bounds(len(text))
		if step == 1 {
			return text[start : start+n] // shares memory
		}
		m.alloc(n)
		out := make([]byte, n)
		for i := range out {
			out[i] = text[start+i*step]
		}
		return string(out)
	}
	runes := m.runes(text)
	start, step, n := s.bounds(len(runes))
	out := make([]rune, n)
	for i := range out {
		out[i] = runes[start+i*step]
	}
	return string(out)
}

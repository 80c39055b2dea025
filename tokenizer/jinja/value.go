package jinja

import (
	"math/big"
	"slices"
	"unicode/utf8"
)

// Values are nil (None), bool, int, *big.Int (beyond int), float64, string, markup, and
// pointers to the types below. A template cannot change a list, tuple or dict.

// markup is text marked as safe HTML, as the filters e and safe make it.
type markup string

// undefined is the value of what does not exist. kind is the exception of its use. A strict one
// can only be tested and replaced: it has no truth, no text, no items and no equal.
type undefined struct {
	kind, problem string
	strict        bool
}

type (
	list  struct{ items []any }
	tuple struct {
		items  []any
		fields []string // names of the items; nil = none
	}
	rangeValue struct{ start, stop, step, n int }
	namespace  struct{ attrs *dict }
	dictView   struct {
		of   *dict
		kind string // keys, values or items
	}
	// function is a callable: a function, a method with its object, or a class.
	function struct {
		name string
		call func(m *machine, a args) any
	}
	// iterator yields items once. It is what Python calls a generator or an iterator.
	iterator struct {
		kind string
		next func() (any, bool)
	}
	// object is a thing with attributes: cycler, joiner and self.
	object struct {
		name string
		attr func(name string) (any, bool)
		call func(m *machine, a args) any // nil = not callable
	}
)

// args are the arguments of a call.
type args struct {
	pos   []any
	named *dict // nil = none
}

func (m *machine) undefined(problem string) *undefined {
	return &undefined{"UndefinedError", problem, m.dialect.Plain}
}

func (m *machine) undefinedName(name string) *undefined {
	return m.undefined("'" + name + "' is undefined")
}

// use fails with the error of using an undefined value.
func (u *undefined) use() { fail(u.kind, "%s", u.problem) }

// look fails where a strict value is not even looked at.
func (u *undefined) look() {
	if u.strict {
		u.use()
	}
}

// smallInt is n as an int where it fits.
func smallInt(n *big.Int) any {
	if n.IsInt64() {
		return int(n.Int64())
	}
	if n.BitLen() > maxIntBits {
		panic(&LimitError{Limit: "bits of an integer", Max: maxIntBits})
	}
	return n
}

// isTrue is Python's bool().
func isTrue(v any) bool {
	switch x := v.(type) {
	case nil:
		return false
	case *undefined:
		x.look()
		return false
	case bool:
		return x
	case int:
		return x != 0
	case float64:
		return x != 0
	case *big.Int:
		return x.Sign() != 0
	}
	if n, ok := length(v); ok {
		return n > 0
	}
	return true
}

// length is Python's len(), where the value has one.
func length(v any) (int, bool) {
	switch x := v.(type) {
	case *undefined:
		x.look()
		return 0, true
	case string:
		return runeCount(x), true
	case markup:
		return runeCount(string(x)), true
	case *list:
		return len(x.items), true
	case *tuple:
		return len(x.items), true
	case *dict:
		return len(x.keys), true
	case *dictView:
		return len(x.of.keys), true
	case *rangeValue:
		return x.n, true
	case *loopValue:
		return x.length(), true
	}
	return 0, false
}

// typeName is the name of the value's type in Python.
func typeName(v any) string {
	switch x := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case markup:
		return "Markup"
	case *undefined:
		return "Undefined"
	case *list:
		return "list"
	case *tuple:
		return "tuple"
	case *dict:
		return "dict"
	case *dictView:
		return "dict_" + x.kind
	case *rangeValue:
		return "range"
	case *namespace:
		return "Namespace"
	case *iterator:
		return x.kind
	case *object:
		return x.name
	case *closure:
		return "Macro"
	case *loopValue:
		return "LoopContext"
	case *slice:
		return "slice"
	}
	return "function"
}

// asString is the text of a str or Markup.
func asString(v any) (string, bool) {
	switch x := v.(type) {
	case string:
		return x, true
	case markup:
		return string(x), true
	}
	return "", false
}

// sameKind is text as a value of the type of v: Markup makes Markup.
func sameKind(v any, text string) any {
	if _, ok := v.(markup); ok {
		return markup(text)
	}
	return text
}

func isMapping(v any) bool { _, ok := v.(*dict); return ok }

func isNumber(v any) bool {
	switch v.(type) {
	case bool, int, *big.Int, float64:
		return true
	}
	return false
}

func isCallable(v any) bool {
	switch x := v.(type) {
	case *undefined, *function, *closure, *loopValue:
		return true
	case *object:
		return x.call != nil
	}
	return false
}

// dict is a Python dict: it keeps the order in which keys came first.
type dict struct {
	keys, values []any
	index        map[any]int // by hash key
}

func newDict() *dict { return &dict{index: map[any]int{}} }

func (d *dict) get(key any) (any, bool) {
	if d == nil {
		return nil, false
	}
	h, ok := hashKey(key)
	if !ok {
		typeError("unhashable type: '%s'", typeName(key))
	}
	i, ok := d.index[h]
	if !ok {
		return nil, false
	}
	return d.values[i], true
}

func (d *dict) set(key, value any) {
	h, ok := hashKey(key)
	if !ok {
		typeError("unhashable type: '%s'", typeName(key))
	}
	if i, ok := d.index[h]; ok {
		d.values[i] = value
		return
	}
	d.index[h] = len(d.keys)
	d.keys, d.values = append(d.keys, key), append(d.values, value)
}

// without is a copy of d that lacks a key.
func (d *dict) without(key string) *dict {
	out := newDict()
	for i, k := range d.keys {
		if k != any(key) {
			out.set(k, d.values[i])
		}
	}
	return out
}

func (d *dict) pair(i int) any { return &tuple{items: []any{d.keys[i], d.values[i]}} }

// Hash keys of values that Go's == does not compare as Python's does.
type (
	noneKey      struct{}
	undefinedKey struct{}
	bigKey       struct{ digits string }
	pairKey      struct{ first, rest any } // a tuple is a chain of pairs
)

// hashKey is a Go map key that is the same for values that Python holds equal.
func hashKey(v any) (any, bool) {
	switch x := v.(type) {
	case nil:
		return noneKey{}, true
	case *undefined:
		x.look()
		return undefinedKey{}, true
	case bool:
		return boolInt(x), true
	case markup:
		return string(x), true
	case float64:
		if x == float64(int(x)) && x > -1e15 && x < 1e15 {
			return int(x), true
		}
		return x, true
	case *big.Int:
		return bigKey{x.String()}, true
	case *tuple:
		return hashTuple(x.items)
	case *list, *dict, *dictView, *slice:
		return nil, false
	}
	return v, true
}

func hashTuple(items []any) (any, bool) {
	var chain any
	for _, item := range slices.Backward(items) {
		h, ok := hashKey(item)
		if !ok {
			return nil, false
		}
		chain = pairKey{h, chain}
	}
	return pairKey{"tuple", chain}, true
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// iterate is Python's iter(); nil where the value cannot be iterated over.
func (m *machine) iterate(v any) *iterator {
	switch x := v.(type) {
	case *undefined:
		x.look()
		return overItems("iterator", nil)
	case string:
		return overRunes(x)
	case markup:
		return overRunes(string(x))
	case *list:
		return m.counted("list_iterator", len(x.items), func(i int) any { return x.items[i] })
	case *tuple:
		return m.counted("tuple_iterator", len(x.items), func(i int) any { return x.items[i] })
	case *dict:
		return m.counted("dict_keyiterator", len(x.keys), func(i int) any { return x.keys[i] })
	case *dictView:
		return m.counted("dict_"+x.kind+"iterator", len(x.of.keys), x.item)
	case *rangeValue:
		return m.counted("range_iterator", x.n, x.item)
	case *iterator:
		return x
	case *loopValue:
		return x.iterator()
	}
	return nil
}

// mustIterate is iterate, with Python's error.
func (m *machine) mustIterate(v any) *iterator {
	it := m.iterate(v)
	if it == nil {
		typeError("'%s' object is not iterable", typeName(v))
	}
	return it
}

func (v *dictView) item(i int) any {
	switch v.kind {
	case "keys":
		return v.of.keys[i]
	case "values":
		return v.of.values[i]
	}
	return v.of.pair(i)
}

func (r *rangeValue) item(i int) any { return r.start + i*r.step }

// counted iterates over n items, each of which is a step.
func (m *machine) counted(kind string, n int, item func(i int) any) *iterator {
	i := -1
	return &iterator{kind, func() (any, bool) {
		m.step(1)
		if i++; i >= n {
			i = n - 1 // stays at the end
			return nil, false
		}
		return item(i), true
	}}
}

func overItems(kind string, items []any) *iterator {
	return &iterator{kind, func() (any, bool) {
		if len(items) == 0 {
			return nil, false
		}
		v := items[0]
		items = items[1:]
		return v, true
	}}
}

func overRunes(s string) *iterator {
	return &iterator{"str_iterator", func() (any, bool) {
		if s == "" {
			return nil, false
		}
		_, n := utf8.DecodeRuneInString(s)
		c := s[:n]
		s = s[n:]
		return c, true
	}}
}

// all are the items of a value, in a slice that the caller owns.
func (m *machine) all(v any) []any {
	var out []any
	it := m.mustIterate(v)
	for item, ok := it.next(); ok; item, ok = it.next() {
		m.items(1)
		out = append(out, item)
	}
	return out
}

// runeCount is len() of a str.
func runeCount(s string) int { return utf8.RuneCountInString(s) }

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

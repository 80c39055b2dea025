package jinja

import (
	"cmp"
	"math"
	"math/big"
	"strings"
)

// equal is Python's ==.
func (m *machine) equal(a, b any) bool {
	m.enter()
	defer m.leave()
	for _, v := range []any{a, b} {
		if u, ok := v.(*undefined); ok {
			u.look()
		}
	}
	if isNumber(a) && isNumber(b) {
		return compareNumbers(a, b) == 0
	}
	if x, ok := asString(a); ok {
		y, ok := asString(b)
		m.step(min(len(x), len(y)) / stepBytes)
		return ok && x == y
	}
	switch x := a.(type) {
	case *list:
		y, ok := b.(*list)
		return ok && m.equalItems(x.items, y.items)
	case *tuple:
		y, ok := b.(*tuple)
		return ok && m.equalItems(x.items, y.items)
	case *dict:
		y, ok := b.(*dict)
		return ok && m.equalDicts(x, y)
	case *undefined:
		_, ok := b.(*undefined)
		return ok
	case *dictView:
		return m.equalViews(x, b)
	case *rangeValue:
		y, ok := b.(*rangeValue)
		return ok && x.n == y.n && (x.n == 0 || x.start == y.start && (x.n == 1 || x.step == y.step))
	}
	return a == b
}

// equalViews compares the keys or items of dicts as sets.
func (m *machine) equalViews(a *dictView, b any) bool {
	y, ok := b.(*dictView)
	if !ok || a.kind == "values" || y.kind != a.kind || len(a.of.keys) != len(y.of.keys) {
		return ok && a == y
	}
	for i := range a.of.keys {
		if !m.contains(y, a.item(i)) {
			return false
		}
	}
	return true
}

func (m *machine) equalItems(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !m.equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

func (m *machine) equalDicts(a, b *dict) bool {
	if len(a.keys) != len(b.keys) {
		return false
	}
	for i, k := range a.keys {
		if v, ok := b.get(k); !ok || !m.equal(a.values[i], v) {
			return false
		}
	}
	return true
}

// compareNumbers orders two numbers exactly; 2 = not comparable, with a NaN.
func compareNumbers(a, b any) int {
	if x, ok := a.(int); ok {
		if y, ok := b.(int); ok {
			return cmp.Compare(x, y)
		}
	}
	x, isInt := toBig(a)
	y, areInts := toBig(b)
	if isInt && areInts {
		return x.Cmp(y)
	}
	f, isFloat := a.(float64)
	g, areFloats := b.(float64)
	switch {
	case math.IsNaN(f) || math.IsNaN(g):
		return 2
	case isFloat && areFloats:
		return cmp.Compare(f, g)
	case isFloat:
		return big.NewFloat(f).Cmp(new(big.Float).SetInt(y))
	}
	return new(big.Float).SetInt(x).Cmp(big.NewFloat(g))
}

// order is the order of two values as < needs it; 2 = a NaN is among them.
func (m *machine) order(op string, a, b any) int {
	m.enter()
	defer m.leave()
	for _, v := range []any{a, b} {
		if u, ok := v.(*undefined); ok {
			u.use()
		}
	}
	if isNumber(a) && isNumber(b) {
		return compareNumbers(a, b)
	}
	if x, ok := asString(a); ok {
		if y, ok := asString(b); ok {
			m.step(min(len(x), len(y)) / stepBytes)
			return strings.Compare(x, y)
		}
	}
	switch x := a.(type) {
	case *list:
		if y, ok := b.(*list); ok {
			return m.orderItems(op, x.items, y.items)
		}
	case *tuple:
		if y, ok := b.(*tuple); ok {
			return m.orderItems(op, x.items, y.items)
		}
	}
	typeError("'%s' not supported between instances of '%s' and '%s'", op, typeName(a), typeName(b))
	return 0
}

func (m *machine) orderItems(op string, a, b []any) int {
	for i := range min(len(a), len(b)) {
		if !m.equal(a[i], b[i]) {
			return m.order(op, a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

// compare is a comparison operator.
func (m *machine) compare(op string, a, b any) bool {
	switch op {
	case "==":
		return m.equal(a, b)
	case "!=":
		return !m.equal(a, b)
	case "in":
		return m.contains(b, a)
	case "not in":
		return !m.contains(b, a)
	}
	o := m.order(op, a, b)
	switch {
	case o == 2:
		return false
	case op == "<":
		return o < 0
	case op == "<=":
		return o <= 0
	case op == ">":
		return o > 0
	}
	return o >= 0
}

// contains is Python's in.
func (m *machine) contains(in, v any) bool {
	if text, ok := asString(in); ok {
		part, ok := asString(v)
		if !ok {
			typeError("'in <string>' requires string as left operand, not %s", typeName(v))
		}
		m.step(len(text) / stepBytes)
		return strings.Contains(text, part)
	}
	switch x := in.(type) {
	case *dict:
		_, ok := x.get(v)
		return ok
	case *dictView:
		switch pair, ok := v.(*tuple); {
		case x.kind == "keys":
			_, ok := x.of.get(v)
			return ok
		case x.kind == "items" && ok && len(pair.items) == 2:
			value, ok := x.of.get(pair.items[0])
			return ok && m.equal(value, pair.items[1])
		}
	}
	it := m.iterate(in)
	if it == nil {
		typeError("argument of type '%s' is not iterable", typeName(in))
	}
	for item, ok := it.next(); ok; item, ok = it.next() {
		if m.equal(item, v) {
			return true
		}
	}
	return false
}

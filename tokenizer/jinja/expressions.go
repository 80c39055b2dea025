package jinja

import (
	"math"
	"slices"
)

// frame is where a piece of a template runs.
type frame struct {
	m     *machine
	scope *scope
	out   *buffer
}

// scope holds variables; what it lacks is looked for in the scope around it.
type scope struct {
	outer  *scope
	names  []string
	values []any
	index  map[string]int // of names, where there are many
}

const manyNames = 8

// find is the index of a variable of this scope, -1 where it has none.
func (s *scope) find(name string) int {
	if s.index != nil {
		if i, ok := s.index[name]; ok {
			return i
		}
		return -1
	}
	return slices.Index(s.names, name)
}

func (s *scope) get(name string) (any, bool) {
	for ; s != nil; s = s.outer {
		if i := s.find(name); i >= 0 {
			return s.values[i], true
		}
	}
	return nil, false
}

func (s *scope) set(name string, v any) {
	if i := s.find(name); i >= 0 {
		s.values[i] = v
		return
	}
	s.names, s.values = append(s.names, name), append(s.values, v)
	if s.index != nil {
		s.index[name] = len(s.names) - 1
	} else if len(s.names) > manyNames {
		s.index = map[string]int{}
		for i, n := range s.names {
			s.index[n] = i
		}
	}
}

// inner is the frame with a scope of its own.
func (f *frame) inner() *frame { return &frame{f.m, &scope{outer: f.scope}, f.out} }

func (f *frame) eval(e expr) any {
	f.m.enter()
	v := e.eval(f)
	f.m.leave()
	return v
}

// evalAll evaluates expressions one after another.
func (f *frame) evalAll(exprs []expr) []any {
	f.m.items(len(exprs))
	out := make([]any, len(exprs))
	for i, e := range exprs {
		out[i] = f.eval(e)
	}
	return out
}

func (n *constExpr) eval(*frame) any { return n.value }

func (n *piped) eval(*frame) any { return n.text }

func (n *nameExpr) eval(f *frame) any {
	if v, ok := f.scope.get(n.name); ok {
		if v == any(unset{}) {
			return f.m.undefinedName(n.name)
		}
		return v
	}
	if n.name == "self" {
		return f.m.self()
	}
	return f.m.undefinedName(n.name)
}

func (n *listExpr) eval(f *frame) any {
	items := f.evalAll(n.items)
	if n.isTuple {
		return &tuple{items: items}
	}
	return &list{items}
}

func (n *dictExpr) eval(f *frame) any {
	f.m.items(8 * len(n.keys))
	d := newDict()
	for i, k := range n.keys {
		key := f.eval(k)
		f.m.line = n.line
		d.set(key, f.eval(n.values[i]))
	}
	return d
}

func (n *attrExpr) eval(f *frame) any {
	of := f.eval(n.of)
	f.m.line = n.line
	return f.m.getattr(of, n.name)
}

func (n *itemExpr) eval(f *frame) any {
	of, key := f.eval(n.of), f.eval(n.key)
	f.m.line = n.line
	if s, ok := key.(*slice); ok {
		return f.m.sliced(of, s)
	}
	return f.m.getitem(of, key)
}

func (n *sliceExpr) eval(f *frame) any {
	var v [3]any
	for i, e := range n.bounds {
		if e != nil {
			v[i] = f.eval(e)
		}
	}
	return &slice{v[0], v[1], v[2]}
}

func (n *callExpr) eval(f *frame) any { return n.call(f, nil) }

// call calls; a macro writes to out instead of making a value where out is not nil.
func (n *callExpr) call(f *frame, out *buffer) any {
	callee := f.eval(n.callee)
	a := f.args(&n.args)
	f.m.line = n.line
	return f.m.call(callee, a, out)
}

func (f *frame) args(n *argExprs) args {
	a := args{pos: f.evalAll(n.pos)}
	if len(n.names) > 0 || n.restNamed != nil {
		a.named = newDict()
	}
	for i, name := range n.names {
		a.named.set(name, f.eval(n.named[i]))
	}
	if n.rest != nil {
		a.pos = append(a.pos, f.m.all(f.eval(n.rest))...)
	}
	if n.restNamed != nil {
		f.addNamed(a.named, f.eval(n.restNamed))
	}
	return a
}

// addNamed adds the arguments after **.
func (f *frame) addNamed(named *dict, v any) {
	d, ok := v.(*dict)
	if !ok {
		typeError("argument after ** must be a mapping, not %s", typeName(v))
	}
	for i, k := range d.keys {
		name, ok := k.(string)
		if _, twice := named.get(k); twice || !ok {
			typeError("keywords must be strings, and each may come once: %s", name)
		}
		named.set(k, d.values[i])
	}
}

func (n *filterExpr) eval(f *frame) any {
	v := f.eval(n.value)
	a := f.args(&n.args)
	f.m.line = n.line
	return f.m.filter(n.name, v, a)
}

func (n *testExpr) eval(f *frame) any {
	v := f.eval(n.value)
	a := f.args(&n.args)
	f.m.line = n.line
	return f.m.test(n.name, v, a)
}

func (n *condExpr) eval(f *frame) any {
	if isTrue(f.eval(n.test)) {
		return f.eval(n.then)
	}
	if n.otherwise == nil {
		// Never strict, in jinja2 too.
		const problem = "the inline if-expression evaluated to false and no else section was defined"
		return &undefined{kind: "UndefinedError", problem: problem}
	}
	return f.eval(n.otherwise)
}

func (n *logicExpr) eval(f *frame) any {
	left := f.eval(n.left)
	if isTrue(left) == n.isOr {
		return left
	}
	return f.eval(n.right)
}

func (n *notExpr) eval(f *frame) any { return !isTrue(f.eval(n.of)) }

func (n *compareExpr) eval(f *frame) any {
	left := f.eval(n.first)
	for i, op := range n.ops {
		right := f.eval(n.operands[i])
		f.m.line = n.line
		if !f.m.compare(op, left, right) {
			return false
		}
		left = right
	}
	return true
}

func (n *concatExpr) eval(f *frame) any {
	parts := make([]string, len(n.items))
	for i, item := range n.items {
		parts[i] = f.m.str(f.eval(item))
	}
	return f.m.join(parts, "")
}

func (n *unaryExpr) eval(f *frame) any {
	v := f.eval(n.of)
	f.m.line = n.line
	if u, ok := v.(*undefined); ok {
		u.use()
	}
	op := "-"
	if n.op == "+" {
		op = "+"
	}
	if x, ok := v.(float64); ok && n.op == "-" {
		return -x
	}
	r, ok := arithmetic(op, 0, v)
	if !ok {
		typeError("bad operand type for unary %s: '%s'", n.op, typeName(v))
	}
	return r
}

func (n *binaryExpr) eval(f *frame) any {
	left, right := f.eval(n.left), f.eval(n.right)
	f.m.line = n.line
	return f.m.binary(n.op, left, right)
}

func (m *machine) binary(op string, left, right any) any {
	if v, ok := arithmetic(op, left, right); ok {
		return v
	}
	text, isText := asString(left)
	if op == "%" && isText {
		return sameKind(left, m.percent(text, right))
	}
	for _, v := range []any{left, right} {
		if u, ok := v.(*undefined); ok {
			u.use()
		}
	}
	var v any
	switch op {
	case "+":
		v = m.add(left, right)
	case "*":
		if _, ok := toInt(left); ok {
			left, right = right, left
		}
		if n, ok := toInt(right); ok {
			v = m.repeat(left, max(n, 0))
		}
	}
	if v == nil {
		typeError("unsupported operand type(s) for %s: '%s' and '%s'", op, typeName(left), typeName(right))
	}
	return v
}

// add joins texts, lists and tuples; nil for other types.
func (m *machine) add(left, right any) any {
	switch x := left.(type) {
	case *list:
		if y, ok := right.(*list); ok {
			m.items(len(x.items) + len(y.items))
			return &list{append(x.items[:len(x.items):len(x.items)], y.items...)}
		}
		return nil
	case *tuple:
		if y, ok := right.(*tuple); ok {
			m.items(len(x.items) + len(y.items))
			return &tuple{items: append(x.items[:len(x.items):len(x.items)], y.items...)}
		}
		return nil
	}
	x, ok := asString(left)
	y, also := asString(right)
	if !ok || !also {
		return nil
	}
	_, leftSafe := left.(markup)
	_, rightSafe := right.(markup)
	if leftSafe || rightSafe {
		return markup(m.join([]string{m.escape(left), m.escape(right)}, ""))
	}
	return m.join([]string{x, y}, "")
}

// repeat is a text, list or tuple n times; nil for other types.
func (m *machine) repeat(v any, n int) any {
	if text, ok := asString(v); ok {
		return sameKind(v, m.repeatText(text, n))
	}
	switch x := v.(type) {
	case *list:
		return &list{m.repeatItems(x.items, n)}
	case *tuple:
		return &tuple{items: m.repeatItems(x.items, n)}
	}
	return nil
}

// times is n times size, or what no limit allows.
func times(n, size int) int {
	if size > 0 && n > math.MaxInt32 {
		return math.MaxInt
	}
	return n * size
}

func (m *machine) repeatItems(items []any, n int) []any {
	total := times(n, len(items))
	m.items(total)
	out := make([]any, 0, total)
	for len(out) < total {
		out = append(out, items...)
	}
	return out
}

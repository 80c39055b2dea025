package jinja

import (
	"strings"
)

// Span is a part of the output: bytes from Start up to End.
type Span struct{ Start, End int }

// buffer takes text that a template prints.
type buffer struct {
	text     strings.Builder
	limit    int    // of bytes; 0 = none but that on values
	spans    []Span // of generation blocks
	captured bool   // the text becomes a value, and its place in the output is not known
}

// print appends text.
func (m *machine) print(out *buffer, s string) {
	if out.limit > 0 && out.text.Len()+len(s) > out.limit {
		panic(&LimitError{Limit: "bytes of output", Max: out.limit})
	}
	if out.limit == 0 {
		m.alloc(len(s))
	}
	m.step(1 + len(s)/stepBytes)
	out.text.WriteString(s)
}

// run executes statements in turn until one of them breaks or continues a loop.
func (f *frame) run(body []stmt) signal {
	f.m.enter()
	defer f.m.leave()
	for _, s := range body {
		f.m.step(1)
		if signal := s.exec(f); signal != signalNone {
			return signal
		}
	}
	return signalNone
}

// capture runs statements in a scope of their own, and returns what they print.
func (f *frame) capture(body []stmt) (string, signal) {
	out := &buffer{captured: true}
	signal := (&frame{f.m, &scope{outer: f.scope}, out}).run(body)
	return out.text.String(), signal
}

func (n *dataStmt) exec(f *frame) signal {
	f.m.print(f.out, n.text)
	return signalNone
}

func (n *printStmt) exec(f *frame) signal {
	f.m.line = n.line
	var v any
	if c, ok := n.value.(*callExpr); ok {
		v = c.call(f, f.out)
	} else {
		v = f.eval(n.value)
	}
	f.m.print(f.out, f.m.str(v))
	return signalNone
}

func (n printsStmt) exec(f *frame) signal {
	for _, p := range n {
		p.exec(f)
	}
	return signalNone
}

func (n signalStmt) exec(*frame) signal { return signal(n) }

func (n *setStmt) exec(f *frame) signal {
	f.m.line = n.line
	v := f.eval(n.value)
	f.m.line = n.line
	f.assign(n.target, v)
	return signalNone
}

func (n *setBlock) exec(f *frame) signal {
	text, signal := f.capture(n.body)
	if signal == signalNone {
		f.assign(n.target, f.pipe(n.line, n.text, n.filter, text))
	}
	return signal
}

// pipe is text after the filters of a block.
func (f *frame) pipe(line int, p *piped, filter expr, text string) any {
	f.m.line = line
	return f.eval(withText(filter, p, text))
}

// withText is the filters over text in the place of p, which others may run too.
func withText(e expr, p *piped, text string) expr {
	if e == expr(p) {
		return &constExpr{text}
	}
	f := *e.(*filterExpr)
	f.value = withText(f.value, p, text)
	return &f
}

// assign gives targets their values.
func (f *frame) assign(t target, v any) {
	if !t.tuple {
		f.assignName(t.names[0], v)
		return
	}
	it := f.m.iterate(v)
	if it == nil {
		typeError("cannot unpack non-iterable %s object", typeName(v))
	}
	items := make([]any, 0, len(t.names))
	for item, ok := it.next(); ok; item, ok = it.next() {
		if len(items) == len(t.names) {
			valueError("too many values to unpack (expected %d)", len(t.names))
		}
		items = append(items, item)
	}
	if len(items) < len(t.names) {
		valueError("not enough values to unpack (expected %d, got %d)", len(t.names), len(items))
	}
	for i, name := range t.names {
		f.assignName(name, items[i])
	}
}

func (f *frame) assignName(t targetName, v any) {
	switch {
	case t.inner != nil:
		f.assign(*t.inner, v)
	case t.attribute == "":
		f.scope.set(t.name, v)
	default:
		of, _ := f.scope.get(t.name)
		ns, ok := of.(*namespace)
		if !ok {
			fail("TemplateRuntimeError", "cannot assign attribute on non-namespace object")
		}
		ns.attrs.set(t.attribute, v)
	}
}

func (n *ifStmt) exec(f *frame) signal {
	for _, b := range n.branches {
		f.m.line = b.line
		if isTrue(f.eval(b.test)) {
			return f.run(b.body)
		}
	}
	return f.run(n.otherwise)
}

func (n *withStmt) exec(f *frame) signal {
	inner := f.inner()
	for i, t := range n.targets {
		f.m.line = n.line
		inner.assign(t, f.eval(n.values[i]))
	}
	return inner.run(n.body)
}

func (n *autoescapeStmt) exec(f *frame) signal {
	f.m.line = n.line
	if isTrue(f.eval(n.on)) {
		fail("NotImplementedError", "autoescape is not supported: chat templates make plain text")
	}
	return f.inner().run(n.body)
}

func (n *blockStmt) exec(f *frame) signal {
	f.m.line = n.line
	if n.required {
		fail("TemplateRuntimeError", "Required block '%s' not found", n.name)
	}
	outer := f.m.top
	if n.scoped {
		outer = f.scope
	}
	return (&frame{f.m, &scope{outer: outer}, f.out}).run(n.body)
}

func (n *includeStmt) exec(f *frame) signal {
	f.m.line = n.line
	fail("TypeError", "{%% %s %%} is not supported: a chat template stands alone, there is no loader", n.word)
	return signalNone
}

func (n *macroStmt) exec(f *frame) signal {
	f.m.items(64) // it keeps its scope
	f.scope.set(n.macro.name, &closure{n.macro, f.scope})
	return signalNone
}

func (n *callStmt) exec(f *frame) signal {
	f.m.line = n.line
	callee := f.eval(n.call.callee)
	a := f.args(&n.call.args)
	if a.named == nil {
		a.named = newDict()
	}
	if _, twice := a.named.get("caller"); twice {
		typeError("got multiple values for keyword argument 'caller'")
	}
	f.m.items(64)
	a.named.set("caller", &closure{n.macro, f.scope})
	f.m.line = n.line
	f.m.print(f.out, f.m.mustText(f.m.call(callee, a, f.out)))
	return signalNone
}

func (n *filterStmt) exec(f *frame) signal {
	text, signal := f.capture(n.body)
	if signal == signalNone {
		f.m.print(f.out, f.m.mustText(f.pipe(n.line, n.text, n.filter, text)))
	}
	return signal
}

func (n *generationStmt) exec(f *frame) signal {
	f.m.line = n.line
	start := f.out.text.Len()
	(&closure{n.macro, f.scope}).invoke(f.m, args{}, f.out)
	if f.out.captured {
		f.m.detached++
	} else {
		f.out.spans = append(f.out.spans, Span{start, f.out.text.Len()})
	}
	return signalNone
}

// loopValue is the variable loop.
type loopValue struct {
	m         *machine
	items     any
	it        *iterator
	index0    int
	current   any
	before    any
	after     any
	hasAfter  bool
	known     int // length; -1 = not known yet
	changed   *tuple
	recursive func(items any, depth0 int, out *buffer) string // nil = not recursive
	depth0    int
}

func (n *forStmt) exec(f *frame) signal {
	f.m.line = n.line
	return n.run(f, f.eval(n.items), 0)
}

// run runs the loop over items; depth0 counts the recursive loops around.
func (n *forStmt) run(f *frame, items any, depth0 int) signal {
	f.m.line = n.line
	if n.test != nil {
		items = n.filtered(f, f.m.mustIterate(items))
	}
	l := &loopValue{m: f.m, items: items, it: f.m.mustIterate(items), index0: -1, known: -1, depth0: depth0}
	if n.recursive {
		l.recursive = func(items any, depth0 int, out *buffer) string {
			return f.m.captureTo(out, func(out *buffer) { n.run(&frame{f.m, f.scope, out}, items, depth0) })
		}
	}
	completed := false
	for v, ok := l.next(); ok; v, ok = l.next() {
		inner := f.inner()
		inner.scope.set("loop", l)
		inner.assign(n.target, v)
		signal := inner.run(n.body)
		completed = completed || signal == signalNone
		if signal == signalBreak {
			break
		}
		f.m.line = n.line
	}
	if !completed { // a first iteration that breaks or continues counts as none, in jinja2
		return f.inner().run(n.otherwise)
	}
	return signalNone
}

// filtered are the items that the loop's if lets through.
func (n *forStmt) filtered(f *frame, it *iterator) *iterator {
	return &iterator{"generator", func() (any, bool) {
		for v, ok := it.next(); ok; v, ok = it.next() {
			inner := f.inner()
			inner.assign(n.target, v)
			if isTrue(inner.eval(n.test)) {
				return v, true
			}
		}
		return nil, false
	}}
}

// next goes on to the next item.
func (l *loopValue) next() (any, bool) {
	l.m.step(1)
	v, ok := l.peek()
	if !ok {
		return nil, false
	}
	l.hasAfter, l.after = false, nil
	l.index0++
	l.before, l.current = l.current, v
	return v, true
}

// peek looks at the next item.
func (l *loopValue) peek() (any, bool) {
	if !l.hasAfter {
		l.after, l.hasAfter = l.it.next()
	}
	return l.after, l.hasAfter
}

func (l *loopValue) length() int {
	if l.known >= 0 {
		return l.known
	}
	n, ok := length(l.items)
	if !ok {
		rest := l.m.all(l.it)
		l.it = overItems(l.it.kind, rest)
		n = len(rest) + l.index0 + 1 + boolInt(l.hasAfter)
	}
	l.known = n
	return n
}

// iterator goes on with the loop, and yields items with the loop.
func (l *loopValue) iterator() *iterator {
	return &iterator{"LoopContext", func() (any, bool) {
		v, ok := l.next()
		return &tuple{items: []any{v, l}}, ok
	}}
}

func (l *loopValue) attribute(name string) (any, bool) {
	switch name {
	case "index":
		return l.index0 + 1, true
	case "index0":
		return l.index0, true
	case "first":
		return l.index0 == 0, true
	case "last":
		_, ok := l.peek()
		return !ok, true
	case "length":
		return l.length(), true
	case "revindex":
		return l.length() - l.index0, true
	case "revindex0":
		return l.length() - l.index0 - 1, true
	case "depth":
		return l.depth0 + 1, true
	case "depth0":
		return l.depth0, true
	case "previtem":
		if l.index0 == 0 {
			return l.m.undefined("there is no previous item"), true
		}
		return l.before, true
	case "nextitem":
		if v, ok := l.peek(); ok {
			return v, true
		}
		return l.m.undefined("there is no next item"), true
	case "cycle":
		return &function{"cycle", l.cycle}, true
	case "changed":
		return &function{"changed", l.isChanged}, true
	}
	return nil, false
}

func (l *loopValue) cycle(_ *machine, a args) any {
	if len(a.pos) == 0 {
		typeError("no items for cycling given")
	}
	return a.pos[l.index0%len(a.pos)]
}

func (l *loopValue) isChanged(m *machine, a args) any {
	now := &tuple{items: a.pos}
	if l.changed != nil && m.equal(l.changed, now) {
		return false
	}
	l.changed = now
	return true
}

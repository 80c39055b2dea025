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

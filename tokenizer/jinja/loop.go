package jinja

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
			return &undefined{"UndefinedError", "there is no previous item"}, true
		}
		return l.before, true
	case "nextitem":
		if v, ok := l.peek(); ok {
			return v, true
		}
		return &undefined{"UndefinedError", "there is no next item"}, true
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

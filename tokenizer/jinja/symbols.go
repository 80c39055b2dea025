package jinja

import "maps"

// jinja2 decides before it renders which scope a name belongs to. One consequence shows:
// in a scope that assigns to a name, and does not read it itself before, loops, macros and
// the like within the scope see the name undefined until it is assigned, even where the
// context has a variable of that name. This file finds these names as jinja2's idtracking
// module does.

// nameEvent is a use of a name in a scope, or an if with what happens in its branches.
type nameEvent struct {
	kind     byte // load, store, parameter or branches
	name     string
	branches [][]nameEvent
}

const (
	eventLoad byte = iota
	eventStore
	eventParameter
	eventBranches
)

// names are the uses of names in a scope, in order, and the scopes within it.
type names struct {
	events []nameEvent
	inner  []*names
	unset  []string // names that are undefined until they are assigned
}

// in parses a part of the template that belongs to the scope n.
func (p *parser) in(n *names, parse func()) {
	outer := p.names
	p.names = n
	parse()
	p.names = outer
}

// newNames makes a scope within the current one.
func (p *parser) newNames() *names {
	n := &names{}
	p.names.inner = append(p.names.inner, n)
	return n
}

func (p *parser) note(kind byte, name string) {
	p.names.events = append(p.names.events, nameEvent{kind: kind, name: name})
}

// noteTarget notes assignments. An attribute of a namespace reads the namespace.
func (p *parser) noteTarget(kind byte, t target) {
	for _, n := range t.names {
		switch {
		case n.inner != nil:
			p.noteTarget(kind, *n.inner)
		case n.attribute != "":
			p.note(eventLoad, n.name)
		default:
			p.note(kind, n.name)
		}
	}
}

// branch parses a part of the template whose uses of names are apart; it returns them.
func (p *parser) branch(parse func()) []nameEvent {
	outer := p.names.events
	p.names.events = nil
	parse()
	events := p.names.events
	p.names.events = outer
	return events
}

func (p *parser) noteBranches(branches ...[]nameEvent) {
	p.names.events = append(p.names.events, nameEvent{kind: eventBranches, branches: branches})
}

// unsetStmt begins the body of a scope.
type unsetStmt struct{ names *names }

func (s *unsetStmt) exec(f *frame) signal {
	for _, name := range s.names.unset {
		f.scope.set(name, unset{})
	}
	return signalNone
}

// symbols is what is known of the names of a scope.
type symbols struct {
	outer *symbols
	loads map[string]byte // where a name's first value comes from
	store map[string]bool
	work  *int
}

const (
	fromContext byte = iota // or from an outer scope
	fromNowhere
	fromParameter
)

// maxNameWork bounds the copies that ifs make of the names of their scopes.
const maxNameWork = 2_000_000

// resolve finds the unset names of n and of the scopes within it.
func (n *names) resolve(outer *symbols, work *int) {
	s := &symbols{outer, map[string]byte{}, map[string]bool{}, work}
	s.visit(n.events)
	for name, from := range s.loads {
		if from == fromNowhere {
			n.unset = append(n.unset, name)
		}
	}
	for _, inner := range n.inner {
		inner.resolve(s, work)
	}
}

// known reports whether the scope or one around it has the name.
func (s *symbols) known(name string) bool {
	for ; s != nil; s = s.outer {
		*s.work++
		if _, ok := s.loads[name]; ok {
			return true
		}
	}
	return false
}

func (s *symbols) visit(events []nameEvent) {
	for _, e := range events {
		if *s.work > maxNameWork {
			panic(&LimitError{Line: 1, Limit: "names in scopes and conditions", Max: maxNameWork})
		}
		switch e.kind {
		case eventLoad:
			if !s.known(e.name) {
				s.loads[e.name] = fromContext
			}
		case eventStore:
			s.assign(e.name)
		case eventParameter:
			s.store[e.name], s.loads[e.name] = true, fromParameter
		case eventBranches:
			s.visitBranches(e.branches)
		}
	}
}

func (s *symbols) assign(name string) {
	s.store[name] = true
	if _, ok := s.loads[name]; ok {
		return
	}
	s.loads[name] = fromNowhere
	if s.outer.known(name) {
		s.loads[name] = fromContext
	}
}

// visitBranches visits the branches of an if: what only they assign may come from outside.
func (s *symbols) visitBranches(branches [][]nameEvent) {
	var after []*symbols
	stored := map[string]bool{}
	for _, events := range branches {
		*s.work += len(s.loads) + len(s.store)
		b := &symbols{s.outer, maps.Clone(s.loads), maps.Clone(s.store), s.work}
		b.visit(events)
		maps.Copy(stored, b.store)
		after = append(after, b)
	}
	for name := range s.store {
		delete(stored, name)
	}
	for _, b := range after {
		maps.Copy(s.loads, b.loads)
		maps.Copy(s.store, b.store)
	}
	for name := range stored {
		s.loads[name] = fromContext
	}
}

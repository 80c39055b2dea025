package grammar

import (
	"encoding/binary"
	"slices"
	"sync"
)

// machine reads bytes by a grammar. It is a deterministic automaton whose states are made when
// they are first reached. A state is a set of stacks; a stack is what is still to come in each
// rule that has been entered. The machine is shared by all answers of its grammar.
type machine struct {
	g     *rules
	vocab *vocabulary

	mu      sync.Mutex
	stacks  []frame
	stackID map[frame]int32
	states  []*state
	stateID map[string]int32
	masks   int // number of masks that are kept
}

// frame is a place in an alternative of a rule, and the stack below it; 0 is the empty stack.
type frame struct {
	rule, alternative, at int32
	below                 int32
}

// state is a set of stacks, each of which expects a byte.
type state struct {
	stacks []int32
	accept bool       // the form may end here
	next   [256]int32 // 0: not known yet, dead: no way on
	mask   []uint64   // tokens that may come; nil: not computed
}

const (
	dead      = 1
	start     = 2       // the first state
	maxStates = 1 << 15 // a machine with more is replaced
	maxMasks  = 1 << 11 // with more, it forgets all
)

func newMachine(g *rules, root int32, v *vocabulary) *machine {
	m := &machine{
		g: g, vocab: v, stacks: make([]frame, 1), stackID: map[frame]int32{},
		states: []*state{nil, {}}, stateID: map[string]int32{},
	}
	var set closure
	set.enter(m, root, 0)
	m.intern(&set)
	return m
}

// isFull reports whether the machine has so many states that new answers get a new machine.
func (m *machine) isFull() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.states) > maxStates
}

// stack is the number of a stack.
func (m *machine) stack(f frame) int32 {
	if id, ok := m.stackID[f]; ok {
		return id
	}
	id := int32(len(m.stacks))
	m.stacks, m.stackID[f] = append(m.stacks, f), id
	return id
}

// closure collects the stacks of a state.
type closure struct {
	stacks []int32
	accept bool
	seen   map[frame]bool
}

// enter adds the beginnings of a rule above a stack.
func (c *closure) enter(m *machine, rule, below int32) {
	for a := range m.g.list[rule] {
		c.add(m, frame{rule, int32(a), 0, below})
	}
}

// add adds a stack, or what it becomes until a byte is expected.
func (c *closure) add(m *machine, f frame) {
	if c.seen[f] {
		return
	}
	if c.seen == nil {
		c.seen = map[frame]bool{}
	}
	c.seen[f] = true
	sequence := m.g.list[f.rule][f.alternative]
	switch {
	case int(f.at) == len(sequence) && f.below == 0:
		c.accept = true
	case int(f.at) == len(sequence):
		c.add(m, m.stacks[f.below])
	case sequence[f.at].rule < 0:
		c.stacks = append(c.stacks, m.stack(f))
	default:
		below := f
		below.at++
		// What is at its end needs no place of its own: repetitions do not grow the stack.
		if id := f.below; int(below.at) < len(sequence) {
			c.enter(m, sequence[f.at].rule, m.stack(below))
		} else {
			c.enter(m, sequence[f.at].rule, id)
		}
	}
}

// intern is the number of the state of a closure.
func (m *machine) intern(c *closure) int32 {
	if len(c.stacks) == 0 && !c.accept {
		return dead
	}
	slices.Sort(c.stacks)
	key := make([]byte, 1, 1+4*len(c.stacks))
	if c.accept {
		key[0] = 1
	}
	for _, id := range c.stacks {
		key = binary.LittleEndian.AppendUint32(key, uint32(id))
	}
	if id, ok := m.stateID[string(key)]; ok {
		return id
	}
	id := int32(len(m.states))
	m.states, m.stateID[string(key)] = append(m.states, &state{stacks: c.stacks, accept: c.accept}), id
	return id
}

// step is the state after a byte.
func (m *machine) step(from int32, b byte) int32 {
	s := m.states[from]
	if s.next[b] != 0 {
		return s.next[b]
	}
	if from == dead {
		return dead
	}
	var set closure
	lo, hi := byte(0), byte(255) // the bytes around b that all stacks take for the same
	for _, id := range s.stacks {
		f := m.stacks[id]
		switch it := m.g.list[f.rule][f.alternative][f.at]; {
		case b < it.lo:
			hi = min(hi, it.lo-1)
		case b > it.hi:
			lo = max(lo, it.hi+1)
		default:
			lo, hi = max(lo, it.lo), min(hi, it.hi)
			f.at++
			set.add(m, f)
		}
	}
	next := m.intern(&set)
	for i := int(lo); i <= int(hi); i++ {
		s.next[i] = next
	}
	return next
}

// maskOf is the tokens that may come in a state, without those that end an answer.
func (m *machine) maskOf(id int32) []uint64 {
	s := m.states[id]
	if s.mask == nil {
		if m.masks++; m.masks > maxMasks {
			for _, other := range m.states[start:] {
				other.mask = nil
			}
			m.masks = 1
		}
		s.mask = m.vocab.mask(m, id)
	}
	return s.mask
}

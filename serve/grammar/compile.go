package grammar

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"sync"

	"trit/lm"
)

// Compiler makes constraints for the tokens of one vocabulary. It keeps the grammars that it has
// compiled lately, with the masks that answers have needed. Any number of goroutines may use it.
type Compiler struct {
	vocab *vocabulary
	bytes Vocabulary

	mu   sync.Mutex
	kept map[[32]byte]*kept
	tick int
}

// kept is a compiled grammar.
type kept struct {
	m    *machine
	root int32
	used int
}

// maxKept is the number of grammars that a compiler keeps.
const maxKept = 64

// NewCompiler makes a compiler. It reads the whole vocabulary.
func NewCompiler(v Vocabulary) *Compiler {
	return &Compiler{vocab: newVocabulary(v), bytes: v, kept: map[[32]byte]*kept{}}
}

// New makes the constraint of one answer, which the tokens in ends may end where the form allows
// it. It fails with Error if the source is wrong or not supported.
func (c *Compiler) New(s Source, ends []int32) (lm.Constraint, error) {
	m, err := c.compile(s)
	if err != nil {
		return nil, err
	}
	return &constraint{m: m, bytes: c.bytes, ends: ends, at: start}, nil
}

// compile compiles a source, or finds it among those that are kept.
func (c *Compiler) compile(s Source) (*machine, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, &Error{Text: "the schema is no JSON"}
	}
	key := sha256.Sum256(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick++
	if k := c.kept[key]; k != nil {
		k.used = c.tick
		if k.m.isFull() {
			k.m = newMachine(k.m.g, k.root, c.vocab)
		}
		return k.m, nil
	}
	g := &rules{}
	var root int32
	if err := guard(func() (err error) { root, err = s.build(g); return err }); err != nil {
		return nil, err
	}
	if err := g.finish(root); err != nil {
		return nil, err
	}
	k := &kept{m: newMachine(g, root, c.vocab), root: root, used: c.tick}
	c.kept[key] = k
	c.forget()
	return k.m, nil
}

// forget drops the grammar that was not used for longest, if there are too many.
func (c *Compiler) forget() {
	if len(c.kept) <= maxKept {
		return
	}
	var oldest [32]byte
	used := c.tick + 1
	for key, k := range c.kept {
		if k.used < used {
			oldest, used = key, k.used
		}
	}
	delete(c.kept, oldest)
}

// build makes the rules of a source and returns the first one.
func (s *Source) build(g *rules) (root int32, err error) {
	var body item
	switch {
	case s.JSON:
		body, err = newSchemas(g, json.RawMessage(`{"type":"object","additionalProperties":true}`)).root()
	case s.Schema != nil:
		body, err = newSchemas(g, s.Schema).root()
	case s.GBNF != "":
		body, err = parseGBNF(g, s.GBNF)
	}
	if err != nil {
		return 0, err
	}
	if s.Trigger != "" {
		return s.triggered(g, body), nil
	}
	whole := slices.Concat(text(s.Before), []item{body}, text(s.After))
	if s.GBNF == "" && s.Before == "" { // tokens of words often begin with a space
		whole = slices.Insert(whole, 0, g.optional(text(" ")...))
	}
	return g.oneOf(whole).rule, nil
}

// triggered makes the form hold behind each Trigger: a rule for each number of bytes of Trigger
// that the text ends with.
func (s *Source) triggered(g *rules, body item) int32 {
	n := len(s.Trigger)
	free := make([]int32, n)
	for i := range free {
		free[i] = g.reserve()
	}
	space := g.oneOf(g.repeat([]item{g.oneOf(text(" "), text("\n"))}, 0, 2))
	inside := slices.Concat([]item{space, body, space}, text(s.After), []item{{rule: free[0]}})
	for i := range free {
		alternatives := [][]item{nil}
		for b := range 256 {
			next := s.matched(i, byte(b))
			it := item{-1, byte(b), byte(b)}
			if last := len(alternatives) - 1; next == 0 && last > 0 && extends(alternatives[last], it, free[0]) {
				alternatives[last][0].hi = byte(b)
				continue
			}
			if next == n {
				alternatives = append(alternatives, slices.Concat([]item{it}, inside))
			} else {
				alternatives = append(alternatives, []item{it, {rule: free[next]}})
			}
		}
		g.set(free[i], alternatives...)
	}
	return free[0]
}

// extends reports whether an alternative is a range of bytes before rule that it continues.
func extends(alternative []item, it item, rule int32) bool {
	return len(alternative) == 2 && alternative[1].rule == rule && alternative[0].hi+1 == it.lo
}

// matched is the number of bytes of Trigger that a text ends with which ended with n of them,
// after another byte.
func (s *Source) matched(n int, b byte) int {
	end := s.Trigger[:n] + string([]byte{b})
	for k := min(len(end), len(s.Trigger)); k > 0; k-- {
		if end[len(end)-k:] == s.Trigger[:k] {
			return k
		}
	}
	return 0
}

// constraint is the form of one answer.
type constraint struct {
	m     *machine
	bytes Vocabulary
	ends  []int32
	at    int32
	mask  []uint64 // memory
}

// Mask implements lm.Constraint.
func (c *constraint) Mask() []uint64 {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	c.mask = append(c.mask[:0], c.m.maskOf(c.at)...)
	if c.m.states[c.at].accept || !slices.ContainsFunc(c.mask, func(w uint64) bool { return w != 0 }) {
		for _, id := range c.ends {
			if int(id)/64 < len(c.mask) {
				c.mask[id/64] |= 1 << (id % 64)
			}
		}
	}
	return c.mask
}

// Accept implements lm.Constraint.
func (c *constraint) Accept(id int32) {
	c.m.mu.Lock()
	defer c.m.mu.Unlock()
	for _, b := range c.bytes.TokenBytes(id) {
		c.at = c.m.step(c.at, b)
	}
}

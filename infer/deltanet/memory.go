// Package deltanet computes gated delta nets (Gated Delta Networks, arXiv:2412.06464) with the short
// causal convolution before them, as Qwen3-Next and Qwen3.5 have them, and keeps what a sequence
// remembers in such a layer.
//
// A head keeps a matrix S, a value for each key. The token at position t with key k and query q, both
// of length 1, value v, decay d and strength b changes it, and reads it:
//
//	S = d S + k u,  u = b (v - (d S) k),  o = S q / sqrt(keys)
//
// S itself changes every Block positions only. Between, a token computes with S as it was at the
// beginning of its block and with the keys and the u of the tokens since, which is the same sum in
// another order:
//
//	u = b (v - w0 S k - sum over i of wi (ki.k) ui),  wi = the product of the decays since i
//
// So the tokens of a block that come together share the products with S, a token has the same bits
// alone, in a draft and in a prompt, and a sequence can be cut anywhere in its last block.
package deltanet

import (
	"math"
	"slices"
	"sync/atomic"

	"trit/model"
)

// Block is the number of positions after which the state changes.
const Block = 32

const (
	// checkpointEvery is the distance of states that are kept while a text is read.
	checkpointEvery = 256
	// maxKept is the most states that are kept for going back.
	maxKept = 4
)

// state is what there is to remember of all positions before one. It does not change once it is
// shared.
type state struct {
	at     int
	s      []float32   // [value heads][values][keys]; nil: all are 0
	tail   []float32   // [kernel-1][channels], the last inputs of the convolution
	shared atomic.Bool // reports whether others hold it too, or it is kept
}

// block is the positions since a state, at most Block of them.
type block struct {
	base    *state
	rows    int
	inputs  []float32 // [Block][channels], of the convolution
	keys    []float32 // [key heads][Block][keys]
	updates []float32 // [value heads][Block][values], the u
	decays  []float32 // [value heads][Block]
}

// Memory is what one sequence remembers in one layer.
type Memory struct {
	shape    *model.DeltaNet
	current  *block
	previous *block // the block before it, while a draft may be cut back into it
	kept     []kept // ascending
	plan     []segment
}

// kept is a state that is kept for going back.
type kept struct {
	*state
	asked bool // by Keep: others are rather dropped
}

// New makes the memory of an empty sequence.
func New(shape *model.DeltaNet) *Memory {
	m := &Memory{shape: shape}
	m.current = m.newBlock(m.newState())
	return m
}

func (m *Memory) newState() *state {
	return &state{tail: make([]float32, (m.shape.Kernel-1)*m.shape.ConvDim())}
}

func (m *Memory) newBlock(base *state) *block {
	d := m.shape
	return &block{
		base: base, inputs: make([]float32, Block*d.ConvDim()), keys: make([]float32, Block*d.KeyDim()),
		updates: make([]float32, Block*d.ValueDim()), decays: make([]float32, Block*d.ValueHeads),
	}
}

// stateBytes and blockBytes are the memory of one state and of one block of a layer.
func stateBytes(d *model.DeltaNet) int {
	return 4 * (d.ValueDim()*d.HeadDim + (d.Kernel-1)*d.ConvDim())
}

func blockBytes(d *model.DeltaNet) int {
	return 4 * Block * (d.ConvDim() + d.KeyDim() + d.ValueDim() + d.ValueHeads)
}

// Bytes is the most memory that a layer takes of a sequence of n tokens, without drafts: its block and
// state, the next state while it is made, and those that are kept.
func Bytes(d *model.DeltaNet, n int) int {
	return blockBytes(d) + (2+min(maxKept, 1+n/checkpointEvery))*stateBytes(d)
}

// DraftBytes is what drafts take beside Bytes.
func DraftBytes(d *model.DeltaNet) int { return blockBytes(d) + stateBytes(d) }

// Len is the number of tokens that the memory holds.
func (m *Memory) Len() int { return m.current.end() }

func (b *block) end() int { return b.base.at + b.rows }

// Reach returns the largest position up to n from which the memory can go on.
func (m *Memory) Reach(n int) int {
	switch {
	case n >= m.current.base.at:
		return min(n, m.current.end())
	case m.previous != nil && n >= m.previous.base.at:
		return min(n, m.previous.end())
	}
	if i := m.keptBefore(n); i >= 0 {
		return m.kept[i].at
	}
	return 0
}

// keptBefore is the index of the last kept state of at most n tokens, -1 for none.
func (m *Memory) keptBefore(n int) int {
	for i, s := range slices.Backward(m.kept) {
		if s.at <= n {
			return i
		}
	}
	return -1
}

// Truncate forgets all but the first n tokens; n must be a position that Reach returned.
func (m *Memory) Truncate(n int) {
	if n < m.current.base.at && m.previous != nil && n >= m.previous.base.at {
		m.current = m.previous
	}
	m.previous = nil
	i := m.keptBefore(n)
	m.kept = m.kept[:i+1]
	switch {
	case n >= m.current.base.at:
		m.current.rows = n - m.current.base.at
	case i >= 0:
		m.current.base, m.current.rows = m.kept[i].state, 0
	default:
		m.current.base, m.current.rows = m.newState(), 0
	}
}

// CopyPrefix makes the memory that of the first n tokens of another one; n must be a position that its
// Reach returned. States are shared, and those of a block are copied.
func (m *Memory) CopyPrefix(from *Memory, n int) {
	m.previous = nil
	m.kept = slices.Clone(from.kept[:from.keptBefore(n)+1])
	source := from.current
	switch {
	case n >= source.base.at:
	case from.previous != nil && n >= from.previous.base.at:
		source = from.previous
	case len(m.kept) > 0:
		m.current.base, m.current.rows = m.kept[len(m.kept)-1].state, 0
		return
	default:
		m.current.base, m.current.rows = m.newState(), 0
		return
	}
	source.base.shared.Store(true)
	m.current.base = source.base
	m.current.copyRows(source, n-source.base.at, m.shape)
}

// copyRows copies the first n positions of a block.
func (b *block) copyRows(from *block, n int, d *model.DeltaNet) {
	b.rows = n
	copy(b.inputs, from.inputs[:n*d.ConvDim()])
	for h := range d.KeyHeads {
		copy(b.keysOf(h, d), from.keysOf(h, d)[:n*d.HeadDim])
	}
	for h := range d.ValueHeads {
		copy(b.updatesOf(h, d), from.updatesOf(h, d)[:n*d.HeadDim])
		copy(b.decays[h*Block:][:Block], from.decays[h*Block:][:n])
	}
}

func (b *block) keysOf(head int, d *model.DeltaNet) []float32 {
	return b.keys[head*Block*d.HeadDim:][:Block*d.HeadDim]
}

func (b *block) updatesOf(head int, d *model.DeltaNet) []float32 {
	return b.updates[head*Block*d.HeadDim:][:Block*d.HeadDim]
}

// Keep makes the state before the current block one that the memory can come back to. Where there are
// too many of them, it drops the one that leaves the smallest gap.
func (m *Memory) Keep() {
	base := m.current.base
	switch i := m.keptBefore(base.at); {
	case i >= 0 && m.kept[i].at == base.at:
		m.kept[i].asked = true
	case base.at > 0:
		m.keep(base, true)
	}
}

// askedGap is how many times as large the gap counts that a state leaves which Keep was asked for.
const askedGap = 8

func (m *Memory) keep(s *state, asked bool) {
	s.shared.Store(true)
	m.kept = append(m.kept, kept{s, asked})
	if len(m.kept) <= maxKept {
		return
	}
	drop, least, before := 0, math.MaxInt, 0
	for i, x := range m.kept[:maxKept] {
		gap := m.kept[i+1].at - before
		if x.asked {
			gap *= askedGap
		}
		if gap < least {
			drop, least = i, gap
		}
		before = x.at
	}
	m.kept = slices.Delete(m.kept, drop, drop+1)
}

// Parts calls yield with what the memory holds, and with its bytes. A part that several memories share
// is equal in all of them.
func (m *Memory) Parts(yield func(part any, bytes int) bool) {
	parts := []*state{m.current.base}
	for _, b := range []*block{m.current, m.previous} {
		if b != nil && !yield(b, blockBytes(m.shape)) {
			return
		}
	}
	if m.previous != nil {
		parts = append(parts, m.previous.base)
	}
	for _, s := range m.kept {
		if !slices.Contains(parts, s.state) {
			parts = append(parts, s.state)
		}
	}
	for _, s := range parts {
		if !yield(s, stateBytes(m.shape)) {
			return
		}
	}
}

package infer

import (
	"cmp"
	"slices"
)

// sequence is tokens to read.
type sequence struct {
	ids     []int32
	first   int // position from which on it asks what follows
	request int
	common  int // tokens in common with the sequence before it in their order
}

// family is the sequences [lo,hi), which a session reads one after the other.
type family struct {
	lo, hi int
	tokens int // to be read
}

// stage is families that begin with the same base tokens, which are computed before them.
type stage struct {
	base     int
	families []family
}

const (
	// familyTokens is up to how many tokens sequences that share little stay together: more
	// would leave sessions without work at the end, less would share less.
	familyTokens = 64
	// A beginning is worth a stage where it is as long as stageBase and what follows it
	// fills some passes.
	stageBase, stageTokens = 32, 2 * maxBatch
)

// planner cuts sorted sequences, whose common beginnings are the branches of a tree.
type planner struct {
	list   []sequence
	sums   []int // tokens that the sequences before each have more than those before them
	stages []stage
}

// plan sorts sequences and cuts them into stages, a longer beginning after the shorter one
// that it goes on from.
func plan(list []sequence) []stage {
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b sequence) int { return slices.Compare(a.ids, b.ids) })
	p := &planner{list: list, sums: make([]int, len(list)+1), stages: []stage{{}}}
	for i := range list {
		if i > 0 {
			list[i].common = common(list[i-1].ids, list[i].ids)
		}
		p.sums[i+1] = p.sums[i] + len(list[i].ids) - list[i].common
	}
	p.divide(0, len(list), 0)
	stages := slices.DeleteFunc(p.stages, func(s stage) bool { return len(s.families) == 0 })
	for _, s := range stages {
		slices.SortStableFunc(s.families, func(a, b family) int { return cmp.Compare(b.tokens, a.tokens) })
	}
	return stages
}

// tokens is how many the sequences [lo,hi) have after the first base ones.
func (p *planner) tokens(lo, hi, base int) int {
	return len(p.list[lo].ids) - base + p.sums[hi] - p.sums[lo+1]
}

// divide adds the sequences [lo,hi) to a stage, or to new ones.
func (p *planner) divide(lo, hi, at int) {
	branch, asked := len(p.list[lo].ids), p.list[lo].first
	for _, q := range p.list[lo+1 : hi] {
		branch, asked = min(branch, q.common), min(asked, q.first)
	}
	shared, beyond := min(branch, asked)-p.stages[at].base, p.tokens(lo, hi, branch)
	switch {
	case beyond <= familyTokens, shared >= stageBase && beyond < stageTokens:
		p.add(lo, hi, at)
		return
	case shared >= stageBase:
		p.stages = append(p.stages, stage{base: p.stages[at].base + shared})
		at = len(p.stages) - 1
	}
	for i := lo + 1; i <= hi; i++ {
		if i == hi || p.list[i].common == branch {
			p.child(lo, i, at)
			lo = i
		}
	}
}

// child divides a branch further, where it is more than one sequence.
func (p *planner) child(lo, hi, at int) {
	if hi == lo+1 {
		p.add(lo, hi, at)
		return
	}
	p.divide(lo, hi, at)
}

// add adds a family, or makes the one before it larger.
func (p *planner) add(lo, hi, at int) {
	st := &p.stages[at]
	if n := len(st.families); n > 0 {
		last := &st.families[n-1]
		if tokens := p.tokens(last.lo, hi, st.base); last.hi == lo && tokens <= familyTokens {
			last.hi, last.tokens = hi, tokens
			return
		}
	}
	st.families = append(st.families, family{lo, hi, p.tokens(lo, hi, st.base)})
}

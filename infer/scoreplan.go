package infer

import (
	"cmp"
	"slices"

	"trit/lm"
)

// sequence is the input of a request.
type sequence struct {
	ids     []int32
	first   int // the request asks about the tokens after the positions from first on
	request int // index of the request
	common  int // length of the longest common prefix with the sequence before it
}

// branch is the sequences [lo,hi), which a session reads one after the other.
type branch struct {
	lo, hi int
	tokens int // number of tokens to read
}

// stage is branches with a common prefix of base tokens, which the trunk holds before the
// branches are read.
type stage struct {
	base     int
	branches []branch
}

const (
	// branchTokens limits the tokens of sequences that stay together although they share
	// little. A larger limit would leave sessions without work at the end, a smaller one
	// would share less.
	branchTokens = 64
	// A prefix gets a stage of its own if it has at least stageBase tokens and the sequences
	// have at least stageTokens after it, which fill some passes.
	stageBase, stageTokens = 32, 2 * maxBatch
)

// planner cuts sorted sequences into stages and branches. Their common prefixes form a tree.
type planner struct {
	list   []sequence
	sums   []int // sums[i]: nodes of the tree of the sequences before i, tokens in common counted once
	stages []stage
}

// plan sorts the sequences and cuts them into stages. A stage comes after each stage whose
// prefix its own prefix begins with.
func plan(list []sequence) []stage {
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b sequence) int { return slices.Compare(a.ids, b.ids) })
	p := &planner{list: list, sums: make([]int, len(list)+1), stages: []stage{{}}}
	for i := range list {
		if i > 0 {
			list[i].common = lm.CommonPrefix(list[i-1].ids, list[i].ids)
		}
		p.sums[i+1] = p.sums[i] + len(list[i].ids) - list[i].common
	}
	p.divide(0, len(list), 0)
	stages := slices.DeleteFunc(p.stages, func(s stage) bool { return len(s.branches) == 0 })
	for _, s := range stages {
		slices.SortStableFunc(s.branches, func(a, b branch) int { return cmp.Compare(b.tokens, a.tokens) })
	}
	return stages
}

// tokens is the number of tokens that a session reads for the sequences [lo,hi) after their
// first base tokens.
func (p *planner) tokens(lo, hi, base int) int {
	return len(p.list[lo].ids) - base + p.sums[hi] - p.sums[lo+1]
}

// divide adds the sequences [lo,hi) to the stage with the index at, or to new stages if they
// share a long prefix.
func (p *planner) divide(lo, hi, at int) {
	prefix, asked := len(p.list[lo].ids), p.list[lo].first
	for _, q := range p.list[lo+1 : hi] {
		prefix, asked = min(prefix, q.common), min(asked, q.first)
	}
	shared, beyond := min(prefix, asked)-p.stages[at].base, p.tokens(lo, hi, prefix)
	switch {
	case beyond <= branchTokens, shared >= stageBase && beyond < stageTokens:
		p.add(lo, hi, at)
		return
	case shared >= stageBase:
		p.stages = append(p.stages, stage{base: p.stages[at].base + shared})
		at = len(p.stages) - 1
	}
	for i := lo + 1; i <= hi; i++ {
		if i == hi || p.list[i].common == prefix {
			p.child(lo, i, at)
			lo = i
		}
	}
}

// child adds the sequences [lo,hi), which share a longer prefix: a single one to stage at,
// several by divide.
func (p *planner) child(lo, hi, at int) {
	if hi == lo+1 {
		p.add(lo, hi, at)
		return
	}
	p.divide(lo, hi, at)
}

// add adds the sequences [lo,hi) to a stage: to its last branch if that stays short, else as a
// new branch.
func (p *planner) add(lo, hi, at int) {
	st := &p.stages[at]
	if n := len(st.branches); n > 0 {
		last := &st.branches[n-1]
		if tokens := p.tokens(last.lo, hi, st.base); last.hi == lo && tokens <= branchTokens {
			last.hi, last.tokens = hi, tokens
			return
		}
	}
	st.branches = append(st.branches, branch{lo, hi, p.tokens(lo, hi, st.base)})
}

package engine

import (
	"cmp"
	"slices"
	"sync"

	"trit/infer"
	"trit/lm"
)

// prefixes are sessions of answers that have ended, for prompts that begin as they do. Sessions
// share the blocks of what they have in common, and a block counts once. Nobody writes to a kept
// session: its blocks may be read without the lock.
type prefixes struct {
	mu    sync.Mutex
	list  []*prefix   // sorted by keys, then by tokens
	uses  map[any]int // number of kept sessions that hold a block
	bytes int
	clock int
}

// prefix is a kept session.
type prefix struct {
	key  int // of the variant that computed it; others cannot go on from it
	s    *infer.Session
	used int // by the clock of prefixes
}

// longest returns the session of a variant from which most of ids can be taken over, and how many tokens those are; nil
// and 0 for none. It also returns how many tokens any session has in common with ids, which are more where a model has
// recurrent layers.
func (p *prefixes) longest(key int, ids []int32) (s *infer.Session, n, common int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.find(key, ids)
	var best *prefix
	for _, i := range []int{at - 1, at} { // the list is sorted: nobody shares more than a neighbour
		if i < 0 || i >= len(p.list) || p.list[i].key != key {
			continue
		}
		s := p.list[i].s
		equal := lm.CommonPrefix(s.Tokens(), ids)
		common = max(common, equal)
		if reach := s.Reach(equal); reach > n {
			best, n = p.list[i], reach
		}
	}
	if best == nil {
		return nil, 0, common
	}
	p.clock++
	best.used = p.clock
	return best.s, n, common
}

// find is the index of the first session that does not come before ids of a variant.
func (p *prefixes) find(key int, ids []int32) int {
	at, _ := slices.BinarySearchFunc(p.list, ids, func(x *prefix, ids []int32) int {
		return cmp.Or(cmp.Compare(x.key, key), slices.Compare(x.s.Tokens(), ids))
	})
	return at
}

// add keeps a session of a variant. One that holds the beginning of another is not worth its memory.
func (p *prefixes) add(key int, s *infer.Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := s.Tokens()
	at := p.find(key, ids)
	is := func(i int) bool { return i >= 0 && i < len(p.list) && p.list[i].key == key }
	if len(ids) == 0 || is(at) && begins(p.list[at].s.Tokens(), ids) {
		return
	}
	if is(at-1) && begins(ids, p.list[at-1].s.Tokens()) {
		at--
		p.remove(at)
	}
	p.clock++
	p.list = slices.Insert(p.list, at, &prefix{key, s, p.clock})
	if p.uses == nil {
		p.uses = map[any]int{}
	}
	for block, bytes := range s.Blocks() {
		if p.uses[block]++; p.uses[block] == 1 {
			p.bytes += bytes
		}
	}
}

// begins reports whether ids begin with the tokens of prefix.
func begins(ids, prefix []int32) bool { return lm.CommonPrefix(ids, prefix) == len(prefix) }

func (p *prefixes) remove(at int) {
	for block, bytes := range p.list[at].s.Blocks() {
		if p.uses[block]--; p.uses[block] == 0 {
			delete(p.uses, block)
			p.bytes -= bytes
		}
	}
	p.list = slices.Delete(p.list, at, at+1)
}

// drop forgets the sessions of a variant.
func (p *prefixes) drop(key int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at := p.find(key, nil); at < len(p.list) && p.list[at].key == key; {
		p.remove(at)
	}
}

// shrink drops the sessions that were not used for longest until the rest takes at most limit
// bytes.
func (p *prefixes) shrink(limit int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.bytes > limit && len(p.list) > 0 {
		oldest := 0
		for i, x := range p.list {
			if x.used < p.list[oldest].used {
				oldest = i
			}
		}
		p.remove(oldest)
	}
}

// size is how many bytes the sessions take.
func (p *prefixes) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes
}

// sessions are those of a variant that are kept now, in a fixed order.
func (p *prefixes) sessions(key int) (list []*infer.Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.list {
		if x.key == key {
			list = append(list, x.s)
		}
	}
	return list
}

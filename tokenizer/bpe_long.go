package tokenizer

import "container/heap"

// mergeLong is mergeAll for long words. It keeps a queue of possible merges and a linked list of
// symbols, so that n symbols take time of order n log n.
func (m *bpe) mergeLong(symbols []int32) []int32 {
	l := &symbolList{ids: symbols, next: make([]int, len(symbols)), prev: make([]int, len(symbols)), merges: m.merges}
	for i := range symbols {
		l.next[i], l.prev[i] = i+1, i-1
	}
	for i := range len(symbols) - 1 {
		l.propose(i)
	}
	heap.Init(&l.queue)
	for l.queue.Len() > 0 {
		l.apply(heap.Pop(&l.queue).(candidate))
	}
	out := symbols[:0]
	for i := 0; i < len(l.next); i = l.next[i] {
		out = append(out, l.ids[i])
	}
	return out
}

// candidate is a merge that was possible when it was queued.
type candidate struct {
	merge
	at   int
	pair pair
}

type candidates []candidate

func (q candidates) Len() int      { return len(q) }
func (q candidates) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q candidates) Less(i, j int) bool {
	return q[i].rank < q[j].rank || q[i].rank == q[j].rank && q[i].at < q[j].at
}
func (q *candidates) Push(x any) { *q = append(*q, x.(candidate)) }
func (q *candidates) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// symbolList is a linked list of symbols, and the queue of their merges.
type symbolList struct {
	ids        []int32 // -1 = merged into its left neighbour
	next, prev []int
	merges     map[pair]merge
	queue      candidates
}

// propose queues the merge of symbol i with the next one, and reports whether there is one.
func (l *symbolList) propose(i int) bool {
	if i < 0 || l.next[i] >= len(l.ids) {
		return false
	}
	p := pair{l.ids[i], l.ids[l.next[i]]}
	c, ok := l.merges[p]
	if ok {
		l.queue = append(l.queue, candidate{c, i, p})
	}
	return ok
}

// apply does a merge unless its symbols have changed since.
func (l *symbolList) apply(c candidate) {
	right := l.next[c.at]
	if l.ids[c.at] != c.pair.left || right >= len(l.ids) || l.ids[right] != c.pair.right {
		return
	}
	l.ids[c.at], l.ids[right] = c.id, -1
	l.next[c.at] = l.next[right]
	if l.next[c.at] < len(l.ids) {
		l.prev[l.next[c.at]] = c.at
	}
	for _, i := range []int{c.at, l.prev[c.at]} {
		if l.propose(i) {
			heap.Fix(&l.queue, len(l.queue)-1)
		}
	}
}

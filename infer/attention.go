package infer

import (
	"math"
	"sync"

	"trit/bitlinear/kernel/attention"
	"trit/bitlinear/kernel/vector"
)

// Attention works in tasks. A row of a task is one token in one query head; a task holds the
// rows of a few tokens in all query heads that share a KV head, and goes through the session's
// blocks of positions in their order. Each key and value that is read serves all rows, and
// only the scores of one block are kept. Every block gives a softmax of its own, and these are
// merged in the order of the blocks. The result of a row depends neither on the other rows nor
// on the thread that computes it, so a token has the same bits alone, in a draft, in a prompt
// and beside other sessions.
const (
	maxRows   = 128 // most rows of a task: its scores stay in the cache of a core
	splitRows = 64  // up to this number of rows, each block of positions is a task of its own
	tileRows  = 8   // rows of a tile: they read the values of all positions that the last one sees
)

// attentionTask is n tokens of a session, in the query heads that share one KV head.
type attentionTask struct {
	s      *Session
	row, n int             // the rows [row,row+n) of the batch
	at     int             // position of the first token
	head   int             // KV head
	lo, hi int             // the blocks [lo,hi) of positions
	result *partialSoftmax // for a join; nil: the task writes the final result
}

// attentionTasks are the tasks of a batch; they are the same for all layers.
type attentionTasks struct {
	list    []attentionTask
	joins   []join
	work    int               // estimate of the multiplications
	results []*partialSoftmax // kept from batch to batch
	used    int               // number of results in use
}

// join is the tasks [first,first+n), which hold the same rows and different blocks. Their
// results are merged.
type join struct{ first, n int }

// stretch is consecutive tokens of a session, rows of the batch.
type stretch struct {
	s     *Session
	at, n int // position of the first token, and number of tokens
}

// stretches cuts the spans into stretches of wanted rows, which must be sorted. If wanted is
// nil, each span is one stretch.
func stretches(spans []span, wanted []int) (list []stretch) {
	row := 0
	for _, sp := range spans {
		at, n := sp.s.Len(), len(sp.ids)
		if wanted == nil {
			list = append(list, stretch{sp.s, at, n})
		}
		for last := -2; len(wanted) > 0 && wanted[0] < row+n; wanted = wanted[1:] {
			if wanted[0] != last+1 {
				list = append(list, stretch{s: sp.s, at: at + wanted[0] - row})
			}
			last = wanted[0]
			list[len(list)-1].n++
		}
		row += n
	}
	return list
}

// plan cuts the batch into tasks.
func (t *attentionTasks) plan(m *Model, batch []stretch) {
	c, row := &m.config, 0
	t.list, t.joins, t.work, t.used = t.list[:0], t.joins[:0], 0, 0
	step := max(1, maxRows/m.groupSize())
	for _, st := range batch {
		for first := 0; first < st.n; first += step {
			task := attentionTask{s: st.s, row: row + first, n: min(step, st.n-first), at: st.at + first}
			t.work += task.n * (task.at + task.n) * c.QDim()
			for task.head = range c.NumKeyValueHeads {
				t.add(m, task)
			}
		}
		row += st.n
	}
}

// add adds a task. If it has few rows, it adds a task for each block instead, and their join.
func (t *attentionTasks) add(m *Model, task attentionTask) {
	task.hi = (task.at + task.n + blockPositions - 1) / blockPositions
	rows, blocks := task.n*m.groupSize(), task.hi
	if rows > splitRows || blocks == 1 {
		t.list = append(t.list, task)
		return
	}
	t.joins = append(t.joins, join{len(t.list), blocks})
	for b := range blocks {
		task.lo, task.hi, task.result = b, b+1, t.result(rows, padded(m.config.HeadDim))
		t.list = append(t.list, task)
	}
}

// result is memory for a result, which no other task of the batch uses.
func (t *attentionTasks) result(rows, wide int) *partialSoftmax {
	if t.used == len(t.results) {
		t.results = append(t.results, new(partialSoftmax))
	}
	s := t.results[t.used]
	t.used++
	s.grow(rows, wide)
	return s
}

// attend computes grouped-query causal attention of all rows over the caches of a slot.
func (p *pass) attend(slot int) {
	t := &p.tasks
	// Another thread pays from about 2^14 multiplications on.
	grain := max(1, len(t.list)*1<<14/max(1, t.work))
	p.m.pool.Chunks(len(t.list), grain, func(lo, hi int) {
		g := groups.Get().(*group)
		defer groups.Put(g)
		for i := lo; i < hi; i++ {
			p.attendTask(g, slot, &t.list[i])
		}
	})
	p.m.pool.Chunks(len(t.joins), grain, func(lo, hi int) {
		for _, j := range t.joins[lo:hi] {
			p.join(t.list[j.first:][:j.n])
		}
	})
}

func (p *pass) attendTask(g *group, slot int, t *attentionTask) {
	g.load(p, t)
	total := t.result
	if total == nil {
		total = &g.total
		total.grow(g.rows, g.wide)
	}
	scale := p.m.attentionScale()
	g.attend(t.s.cache[slot], t.lo, scale, total)
	for b := t.lo + 1; b < t.hi; b++ {
		g.part.grow(g.rows, g.wide)
		g.attend(t.s.cache[slot], b, scale, &g.part)
		total.merge(&g.part, scale)
	}
	if t.result == nil {
		p.finish(t, total)
	}
}

// join merges the results of tasks of the same rows into the result of the first task.
func (p *pass) join(tasks []attentionTask) {
	total := tasks[0].result
	for _, t := range tasks[1:] {
		total.merge(t.result, p.m.attentionScale())
	}
	p.finish(&tasks[0], total)
}

// finish writes the weighted means of the values of a task's rows.
func (p *pass) finish(t *attentionTask, total *partialSoftmax) {
	c := &p.m.config
	size := p.m.groupSize()
	for r, sum := range total.sum {
		at := (t.row+r/size)*c.QDim() + (t.head*size+r%size)*c.HeadDim
		dst := p.att[at:][:c.HeadDim]
		clear(dst)
		vector.Axpy(1/sum, total.row(r)[:c.HeadDim], dst)
	}
}

// groupSize is the number of query heads that share a KV head.
func (m *Model) groupSize() int { return m.config.NumAttentionHeads / m.config.NumKeyValueHeads }

func (m *Model) attentionScale() float32 { return float32(1 / math.Sqrt(float64(m.config.HeadDim))) }

// group is the rows of a task, ordered by token and then by head, with its working memory.
type group struct {
	head, rows, wide int
	q                []float32 // [rows, dim]
	seen             []int     // number of positions that each row sees
	start            int       // first position of the current block
	first            int       // first row that sees a position of the current block
	scores           []float32 // [rows, blockPositions]
	out              []float32 // [rows, wide]
	panel            []float32 // memory for a panel of the cache as float32
	part, total      partialSoftmax
}

// groups keeps the memory from call to call.
var groups = sync.Pool{New: func() any { return new(group) }}

// load copies the queries of a task and sets what its rows see.
func (g *group) load(p *pass, t *attentionTask) {
	c, size := &p.m.config, p.m.groupSize()
	g.head, g.rows, g.wide = t.head, t.n*size, padded(c.HeadDim)
	g.q, g.seen = grow(g.q, g.rows*c.HeadDim), grow(g.seen, g.rows)
	g.scores = grow(g.scores, g.rows*blockPositions)
	g.panel = grow(g.panel, max(c.HeadDim, blockPositions)*attention.PanelCols)
	width := size * c.HeadDim
	for i := range t.n {
		copy(g.q[i*width:][:width], p.q[(t.row+i)*c.QDim()+t.head*width:])
	}
	for r := range g.seen {
		g.seen[r] = t.at + r/size + 1
	}
}

// count is the number of positions of the current block that row r sees.
func (g *group) count(r int) int { return min(g.seen[r]-g.start, blockPositions) }

// attend writes the partial softmax of all rows over a block to dst.
func (g *group) attend(c kvCache, block int, scale float32, dst *partialSoftmax) {
	g.start, g.first, g.out = block*blockPositions, 0, dst.out
	for ; g.count(g.first) <= 0; g.first++ {
		dst.sum[g.first] = 0
	}
	c.scores(g, block)
	for r := g.first; r < g.rows; r++ {
		dst.top[r], dst.sum[r] = g.softmax(r, scale)
	}
	c.weightedSums(g, block)
}

// softmax replaces the scores of row r by e^(scale*(score-top)), and returns top, the largest
// score, and the sum. Positions that the row does not see, but other rows of its tile do, get
// 0.
func (g *group) softmax(r int, scale float32) (top, sum float32) {
	row, n := g.scores[r*blockPositions:][:blockPositions], g.count(r)
	last := min(g.rows, g.first+(r-g.first)/tileRows*tileRows+tileRows) - 1
	whole := (n + 15) &^ 15 // of registers
	for i := n; i < whole; i++ {
		row[i] = float32(math.Inf(-1))
	}
	clear(row[whole:max(whole, g.count(last))])
	top = vector.Max(row[:whole])
	return top, vector.ExpScaled(row[:whole], scale, top)
}

// scaleScores multiplies the scores by the factors of their positions, [heads][positions]. It
// changes nothing if factors is nil.
func (g *group) scaleScores(factors []float32, positions int) {
	if factors == nil {
		return
	}
	for r := g.first; r < g.rows; r++ {
		row := g.scores[r*blockPositions:][:g.count(r)]
		vector.ScaledProduct(row, factors[g.head*positions:][:len(row)], row, 1)
	}
}

// partialSoftmax is the softmax of rows over some positions, before the division by its sum.
type partialSoftmax struct {
	wide int
	top  []float32 // [rows], the largest score
	sum  []float32 // [rows], the sum of e^(scale*(score-top)); 0 if the row sees none of the positions
	out  []float32 // [rows, wide], the sum of values with these weights
}

func (s *partialSoftmax) grow(rows, wide int) {
	s.wide, s.top, s.sum, s.out = wide, grow(s.top, rows), grow(s.sum, rows), grow(s.out, rows*wide)
}

func (s *partialSoftmax) row(r int) []float32 { return s.out[r*s.wide:][:s.wide] }

// merge adds the result of later positions to s, and overwrites later.
func (s *partialSoftmax) merge(later *partialSoftmax, scale float32) {
	for r, sum := range later.sum {
		if sum == 0 {
			continue
		}
		mine, other := s.row(r), later.row(r)
		if factor := vector.Exp(scale * (later.top[r] - s.top[r])); factor <= 1 {
			vector.Axpy(factor, other, mine)
			s.sum[r] += factor * sum
			continue
		}
		factor := vector.Exp(scale * (s.top[r] - later.top[r]))
		vector.Axpy(factor, mine, other)
		copy(mine, other)
		s.top[r], s.sum[r] = later.top[r], sum+factor*s.sum[r]
	}
}

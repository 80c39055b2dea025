package infer

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"trit/lm"
)

// Score implements lm.Model. An input may be as long as the model's context. A request that
// cannot be scored is an error that names it, before any is scored.
func (s *Scorer) Score(ctx context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	c := &scoring{s: s, requests: requests, scores: make([]lm.ScoreResult, len(requests))}
	for i, r := range requests {
		if err := s.checkRequest(r); err != nil {
			return nil, fmt.Errorf("request %d: %w", i, err)
		}
		first := len(r.Input) - len(r.Targets)
		c.sequences = append(c.sequences, sequence{ids: r.Input, first: first, request: i})
		c.scores[i].Greedy = true
		s.effort.Requested += int64(len(r.Input))
	}
	short, long := c.byFactors()
	for i, list := range [][]sequence{short, long} {
		if len(list) == 0 {
			continue
		}
		s.useFactors(i == 1)
		c.sequences = list
		for _, st := range plan(list) {
			if err := c.run(ctx, st); err != nil {
				return nil, err
			}
		}
	}
	return c.scores, nil
}

// byFactors divides the sequences into those that are computed with the short factors of
// longrope, all of any other model, and those with the long ones.
func (c *scoring) byFactors() (short, long []sequence) {
	for _, q := range c.sequences {
		if c.s.m.rope.long(len(q.ids)) {
			long = append(long, q)
		} else {
			short = append(short, q)
		}
	}
	return short, long
}

// checkRequest returns why a request cannot be scored.
func (s *Scorer) checkRequest(r lm.ScoreRequest) error {
	if len(r.Targets) == 0 || len(r.Targets) > len(r.Input) {
		return fmt.Errorf("%d targets after %d tokens: want at least one, and no more than tokens",
			len(r.Targets), len(r.Input))
	}
	if err := s.checkSequence(r.Input, 0); err != nil {
		return err
	}
	return s.m.checkIDs(r.Targets)
}

// scoring is the state of one call of Score.
type scoring struct {
	s         *Scorer
	requests  []lm.ScoreRequest
	sequences []sequence // sorted
	scores    []lm.ScoreResult
	stage     stage // the current one, with the branches that no session has taken
}

// run scores the branches of a stage.
func (c *scoring) run(ctx context.Context, st stage) error {
	c.stage = st
	longest := 0
	for _, b := range st.branches {
		for _, q := range c.sequences[b.lo:b.hi] {
			longest = max(longest, len(q.ids))
		}
	}
	if st.base > 0 {
		if err := c.s.growTrunk(c.sequences[st.branches[0].lo].ids, st.base, longest); err != nil {
			return err
		}
	}
	if err := c.s.reserve(longest, st.base); err != nil {
		return err
	}
	walks := make([]walk, len(c.s.sessions))
	for i, session := range c.s.sessions {
		walks[i] = &scoreWalk{c: c, session: session}
	}
	return c.s.run(ctx, walks, false, c.take)
}

// scoreWalk takes a session through the sequences of branches. These are sorted: the prefix
// that a sequence shares with the one before it is the longest that it shares with any
// before it.
type scoreWalk struct {
	c       *scoring
	session *Session
	at, end int     // current sequence, and the end of its branch
	left    []int32 // its tokens that are still to be read
	wants   []want  // the questions about these tokens, by position
}

// want is a sequence that asks about the token after a position.
type want struct{ position, sequence int }

func (w *scoreWalk) next() (*Session, []int32, error) {
	for len(w.left) == 0 {
		if w.at+1 < w.end {
			w.at++
			w.goOn(w.c.sequences[w.at].common)
			continue
		}
		branches := w.c.stage.branches
		if len(branches) == 0 {
			return nil, nil, nil
		}
		w.c.stage.branches = branches[1:]
		w.at, w.end = branches[0].lo, branches[0].hi
		if err := w.begin(); err != nil {
			return nil, nil, err
		}
	}
	return w.session, w.left, nil
}

// begin goes to the first sequence of a branch. It keeps the prefix that the session holds
// already, up to the first position that a sequence of the branch asks about.
func (w *scoreWalk) begin() error {
	list := w.c.sequences[w.at:w.end]
	from, err := w.c.s.begin(w.session, list[0].ids, w.c.stage.base)
	if err != nil {
		return err
	}
	along := len(list[0].ids) // the first sequence
	for i, q := range list {
		if i > 0 {
			along = min(along, q.common)
		}
		if q.first < along {
			from = min(from, q.first)
		}
	}
	w.goOn(from)
	return nil
}

// goOn reads the current sequence from a position on. The sequences after it in the branch
// do not read again what they share with it, so their questions about that are asked now.
func (w *scoreWalk) goOn(from int) {
	q := w.c.sequences[w.at]
	w.session.Truncate(from)
	w.left, w.wants = q.ids[from:], w.wants[:0]
	along := len(q.ids)
	for i := w.at; i < w.end; i++ {
		q := w.c.sequences[i]
		if i > w.at {
			along = min(along, q.common)
		}
		if along <= from {
			break
		}
		for p := max(from, q.first); p < along; p++ {
			w.wants = append(w.wants, want{p, i})
		}
	}
	slices.SortStableFunc(w.wants, func(a, b want) int { return cmp.Compare(a.position, b.position) })
}

func (w *scoreWalk) read(list []question, row, n int) []question {
	at := w.session.Len() // position of the row
	i := 0
	for ; i < len(w.wants) && w.wants[i].position < at+n; i++ {
		x := w.wants[i]
		q := w.c.sequences[x.sequence]
		target := w.c.requests[q.request].Targets[x.position-q.first]
		list = append(list, question{row + x.position - at, target, q.request})
	}
	w.left, w.wants = w.left[n:], w.wants[i:]
	return list
}

// take adds an answer to the score of its request. The answers of a request come in the
// order of its targets, so that the sum has the same bits always.
func (c *scoring) take(q question, a answer) {
	score := &c.scores[q.to]
	score.LogProb += a.logProb
	score.Greedy = score.Greedy && a.likeliest == q.id
}

package infer

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"trit/lm"
)

// Score implements lm.Model. An input may be as long as the model's context length. If a request
// cannot be scored, Score returns an error that names it, and scores none.
func (s *Scorer) Score(ctx context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	c := &scoring{s: s, requests: requests, scores: make([]lm.ScoreResult, len(requests))}
	if err := c.score(ctx); err != nil {
		return nil, err
	}
	return c.scores, nil
}

// ScoreTokens implements lm.TokenScorer, as Score does.
func (s *Scorer) ScoreTokens(ctx context.Context, requests []lm.ScoreRequest) ([][]lm.TokenLogProbs, error) {
	c := &scoring{s: s, requests: requests, scores: make([]lm.ScoreResult, len(requests))}
	c.tokens = make([][]lm.TokenLogProbs, len(requests))
	if err := c.score(ctx); err != nil {
		return nil, err
	}
	return c.tokens, nil
}

// score scores all requests.
func (c *scoring) score(ctx context.Context) error {
	for i, r := range c.requests {
		if err := c.s.CheckScore(r); err != nil {
			return fmt.Errorf("request %d: %w", i, err)
		}
		first := len(r.Input) - len(r.Targets)
		c.sequences = append(c.sequences, sequence{ids: r.Input, first: first, request: i})
		c.scores[i].Greedy = true
		c.s.effort.Requested += int64(len(r.Input))
	}
	short, long := c.byFactors()
	for i, list := range [][]sequence{short, long} {
		if len(list) == 0 {
			continue
		}
		c.s.useFactors(i == 1)
		c.sequences = list
		for _, st := range plan(list) {
			if err := c.run(ctx, st); err != nil {
				return err
			}
		}
	}
	return nil
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

// CheckScore returns why a request cannot be scored.
func (s *Scorer) CheckScore(r lm.ScoreRequest) error {
	if len(r.Targets) == 0 || len(r.Targets) > len(r.Input) {
		return fmt.Errorf("%d targets for %d input tokens: want at least one, and no more than input tokens",
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
	tokens    [][]lm.TokenLogProbs // by request; nil: nobody asks for them
	stage     stage                // the current one, with the branches that no walk has begun
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
	return c.s.run(ctx, walks, false, c.addAnswer)
}

// scoreWalk takes a session through the sequences of one branch after the other. The sequences
// of a branch are sorted, so none before it shares a longer prefix with a sequence than the one
// right before it.
type scoreWalk struct {
	c       *scoring
	session *Session
	at, end int               // current sequence, and the end of its branch
	left    []int32           // its tokens that are still to be read
	pending []pendingQuestion // the questions about these tokens, by position
}

// pendingQuestion is the question of a sequence about the token after a position.
type pendingQuestion struct{ position, sequence int }

func (w *scoreWalk) next() (*Session, []int32, error) {
	for len(w.left) == 0 {
		if w.at+1 < w.end {
			w.at++
			w.readFrom(w.c.sequences[w.at].common)
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

// begin goes to the first sequence of a branch. The session keeps the prefix that it holds
// already, up to the first position that a sequence of the branch asks about.
func (w *scoreWalk) begin() error {
	list := w.c.sequences[w.at:w.end]
	from, err := w.c.s.begin(w.session, list[0].ids, w.c.stage.base)
	if err != nil {
		return err
	}
	shared := len(list[0].ids) // the first sequence
	for i, q := range list {
		if i > 0 {
			shared = min(shared, q.common)
		}
		if q.first < shared {
			from = min(from, q.first)
		}
	}
	w.readFrom(from)
	return nil
}

// readFrom makes the session read the current sequence from a position on. The later sequences
// of the branch do not read the prefix that they share with it again, so their questions about
// this prefix are asked now.
func (w *scoreWalk) readFrom(from int) {
	q := w.c.sequences[w.at]
	w.session.Truncate(from)
	w.left, w.pending = q.ids[from:], w.pending[:0]
	shared := len(q.ids)
	for i := w.at; i < w.end; i++ {
		q := w.c.sequences[i]
		if i > w.at {
			shared = min(shared, q.common)
		}
		if shared <= from {
			break
		}
		for p := max(from, q.first); p < shared; p++ {
			w.pending = append(w.pending, pendingQuestion{p, i})
		}
	}
	slices.SortStableFunc(w.pending, func(a, b pendingQuestion) int { return cmp.Compare(a.position, b.position) })
}

func (w *scoreWalk) read(list []question, row, n int) []question {
	at := w.session.Len() // position of the row
	i := 0
	for ; i < len(w.pending) && w.pending[i].position < at+n; i++ {
		x := w.pending[i]
		q := w.c.sequences[x.sequence]
		target := w.c.requests[q.request].Targets[x.position-q.first]
		list = append(list, question{row: row + x.position - at, id: target, to: q.request, top: w.c.tokens != nil})
	}
	w.left, w.pending = w.left[n:], w.pending[i:]
	return list
}

// addAnswer adds an answer to the score of its request. The answers of a request come in the
// order of its targets, so that the sum always has the same bits.
func (c *scoring) addAnswer(q question, a answer) {
	score := &c.scores[q.to]
	score.LogProb += a.logProb
	score.Greedy = score.Greedy && a.likeliest == q.id
	if q.top {
		c.tokens[q.to] = append(c.tokens[q.to], lm.TokenLogProbs{
			LogProb: lm.LogProb{ID: q.id, LogProb: a.logProb}, Top: []lm.LogProb{{ID: a.likeliest, LogProb: a.topLogProb}},
		})
	}
}

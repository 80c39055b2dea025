package infer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// ScoreRequest asks how likely Targets are: the tokens that follow each of the last
// len(Targets) tokens of Input.
type ScoreRequest struct{ Input, Targets []int32 }

// Score is the sum of ln p over the targets of a request, and whether each of them was the
// likeliest token.
type Score struct {
	LogProb float64
	Greedy  bool
}

// Score scores requests, of which each may be as long as the model's context.
func (s *Scorer) Score(ctx context.Context, requests []ScoreRequest) ([]Score, error) {
	c := &scoring{s: s, requests: requests, scores: make([]Score, len(requests))}
	for i, r := range requests {
		if err := s.checkRequest(r); err != nil {
			return nil, fmt.Errorf("request %d: %w", i, err)
		}
		c.sequences = append(c.sequences, sequence{ids: r.Input, first: len(r.Input) - len(r.Targets), request: i})
		c.scores[i].Greedy = true
		s.effort.Requested += int64(len(r.Input))
	}
	for _, st := range plan(c.sequences) {
		if err := c.run(ctx, st); err != nil {
			return nil, err
		}
	}
	return c.scores, nil
}

func (s *Scorer) checkRequest(r ScoreRequest) error {
	if len(r.Targets) == 0 || len(r.Targets) > len(r.Input) {
		return fmt.Errorf("%d targets after %d tokens: want at least one, and no more than tokens", len(r.Targets), len(r.Input))
	}
	if err := s.checkSequence(r.Input, 0); err != nil {
		return err
	}
	return s.m.checkIDs(r.Targets)
}

// scoring is a call of Score.
type scoring struct {
	s         *Scorer
	requests  []ScoreRequest
	sequences []sequence // sorted
	scores    []Score
	stage     stage // at hand, with the families that no session has taken
}

// run scores the families of a stage.
func (c *scoring) run(ctx context.Context, st stage) error {
	c.stage = st
	longest := 0
	for _, f := range st.families {
		for _, q := range c.sequences[f.lo:f.hi] {
			longest = max(longest, len(q.ids))
		}
	}
	if st.base > 0 {
		if err := c.s.growTrunk(c.sequences[st.families[0].lo].ids, st.base, longest); err != nil {
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

// scoreWalk takes a session through the sequences of families. These are sorted, so what
// one shares with any before it shares with the last.
type scoreWalk struct {
	c       *scoring
	session *Session
	at, end int     // sequence at hand, and the end of its family
	left    []int32 // of it to be read
	wants   []want  // of these tokens, by their positions
}

// want is a sequence that asks what follows a position.
type want struct{ position, sequence int }

func (w *scoreWalk) next() (*Session, []int32, error) {
	for len(w.left) == 0 {
		if w.at+1 < w.end {
			w.at++
			w.goOn(w.c.sequences[w.at].common)
			continue
		}
		families := w.c.stage.families
		if len(families) == 0 {
			return nil, nil, nil
		}
		w.c.stage.families = families[1:]
		w.at, w.end = families[0].lo, families[0].hi
		if err := w.begin(); err != nil {
			return nil, nil, err
		}
	}
	return w.session, w.left, nil
}

// begin goes to the first sequence of a family. It reads again what the session knows from
// the first position that is asked about.
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

// goOn goes on with the sequence at hand from a position on. What the following ones share
// of it they will not read again, so their questions about it are asked now.
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
	at := w.session.Len() // of the row
	i := 0
	for ; i < len(w.wants) && w.wants[i].position < at+n; i++ {
		x := w.wants[i]
		q := w.c.sequences[x.sequence]
		list = append(list, question{row + x.position - at, w.c.requests[q.request].Targets[x.position-q.first], q.request})
	}
	w.left, w.wants = w.left[n:], w.wants[i:]
	return list
}

// take adds an answer to the score of its request, whose targets come in their order.
func (c *scoring) take(q question, a answer) {
	score := &c.scores[q.to]
	score.LogProb += a.logProb
	score.Greedy = score.Greedy && a.likeliest == q.id
}

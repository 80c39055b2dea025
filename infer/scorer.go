package infer

import (
	"context"
	"fmt"

	"trit/lm"
)

// Scorer scores and continues many sequences of a model. It computes a prefix that several
// sequences share only once, and takes tokens of many sequences through the layers together. A
// result has the same bits alone and beside others, in any order, and with any number of
// threads. A Scorer is for one goroutine.
type Scorer struct {
	m        *Model
	bytes    int // limit of the KV caches of sessions
	pass     pass
	trunk    *Session // holds the prefix that the sequences of a stage share
	sessions []*Session
	long     bool // of the sessions, see useFactors
	head     headSums
	turn     func() (limit int, done func()) // see TakeTurns
	effort   ScorerEffort
}

var (
	_ lm.Model = (*Scorer)(nil)
	_ lm.Meter = (*Scorer)(nil)

	_ lm.TokenScorer = (*Scorer)(nil)
)

// ScorerEffort counts what a Scorer has done.
type ScorerEffort struct {
	Requested int64 // tokens of all inputs, prompts and continuations
	Computed  int64 // tokens that went through the layers
	Rows      int64 // computed tokens whose logits were needed
	Passes    int64
}

// DefaultScorerBytes is the memory for KV caches that NewScorer(0) takes.
const DefaultScorerBytes = 1 << 30

// maxSessions is the most sequences that are read together. The answers of a multiple-choice
// task have few tokens each, and 64 of them fill a pass.
const maxSessions = 64

// NewScorer makes a scorer. The KV caches of the sequences that are read together take at most
// bytes (0: DefaultScorerBytes), so fewer long sequences than short ones are read together, but
// at least one. The cache of their common prefix takes memory beside these.
func (m *Model) NewScorer(bytes int) *Scorer {
	if bytes <= 0 {
		bytes = DefaultScorerBytes
	}
	return &Scorer{m: m, bytes: bytes, pass: newPass(m), head: headSums{m: m}, turn: alone}
}

// alone is the turn of what shares the processors with nobody.
func alone() (limit int, done func()) { return maxBatch, func() {} }

// TakeTurns makes the scorer call turn before each pass over the weights. turn waits until others
// let it compute, and returns the most tokens of the pass, 1 to MaxPass, and what is called after
// it.
func (s *Scorer) TakeTurns(turn func() (limit int, done func())) { s.turn = turn }

// Effort is what the scorer has done so far.
func (s *Scorer) Effort() ScorerEffort { return s.effort }

// ComputedTokens implements lm.Meter.
func (s *Scorer) ComputedTokens() int64 { return s.effort.Computed }

// ContextLength implements lm.Model.
func (s *Scorer) ContextLength() int { return s.m.ContextLength() }

// useFactors drops the sessions if they are not those for the long or the short factors of
// longrope that are asked for. Each sequence has the factors of its own length, whatever it is
// computed beside.
func (s *Scorer) useFactors(long bool) {
	if s.long != long {
		s.long, s.sessions, s.trunk = long, nil, nil
	}
}

// reserve makes sessions for sequences of up to longest tokens whose first base tokens are in
// the trunk. It keeps the sessions of the call before if they fit.
func (s *Scorer) reserve(longest, base int) error {
	shared := base / blockPositions * blockPositions
	each := (padded(longest)-shared)*s.m.Memory().CacheBytesPerToken + s.m.stateBytes(longest)
	count := max(1, min(s.bytes/each, maxSessions))
	if n := len(s.sessions); n > 0 && longest <= s.sessions[0].capacity && count < 2*n {
		s.sessions = s.sessions[:min(n, count)]
		return nil
	}
	s.sessions = nil
	for range count {
		session, err := s.m.newSession(padded(longest), s.long)
		if err != nil {
			return err
		}
		s.sessions = append(s.sessions, session)
	}
	return nil
}

// growTrunk makes the trunk hold the first base tokens of ids, in a session for up to longest
// tokens. It computes only those that the trunk does not hold yet.
func (s *Scorer) growTrunk(ids []int32, base, longest int) error {
	if s.trunk == nil || s.trunk.capacity < longest {
		trunk, err := s.m.newSession(padded(longest), s.long)
		if err != nil {
			return err
		}
		s.trunk = trunk
	}
	same := lm.CommonPrefix(s.trunk.tokens, ids[:base])
	s.trunk.Truncate(same)
	for rest := ids[same:base]; len(rest) > 0; {
		limit, done := s.turn()
		n := min(limit, len(rest))
		s.compute([]span{{s: s.trunk, ids: rest[:n]}}, n, []int{})
		rest = rest[n:]
		done()
	}
	return nil
}

// compute runs a pass over spans, which have n tokens in all, for the wanted rows (see
// pass.runFor).
func (s *Scorer) compute(spans []span, n int, wanted []int) {
	s.pass.runFor(spans, wanted)
	s.effort.Computed += int64(n)
	s.effort.Passes++
}

// begin prepares a session to read ids. It keeps the longest prefix of ids that the session
// holds already, or copies the first base tokens of the trunk if these are more. It returns the
// length of the prefix.
func (s *Scorer) begin(session *Session, ids []int32, base int) (int, error) {
	n := lm.CommonPrefix(session.tokens, ids)
	if n < base {
		return base, session.CopyPrefix(s.trunk, base)
	}
	session.Truncate(n)
	return n, nil
}

// walk takes a session from sequence to sequence.
type walk interface {
	// next returns the session and the tokens that it has to read next; no tokens at the end.
	next() (*Session, []int32, error)
	// read says that the pass reads the first n of these tokens, as its rows from row on. It
	// returns list with the questions about them added.
	read(list []question, row, n int) []question
}

// run takes all walks to their ends and delivers the answers. If wait is set, the questions
// about a pass are answered before the next pass; otherwise when enough of them have come
// together.
func (s *Scorer) run(ctx context.Context, walks []walk, wait bool, deliver func(question, answer)) error {
	// A call that was stopped may have left questions.
	s.head.reset()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		more, err := s.step(walks, wait, deliver)
		if err != nil || !more {
			return err
		}
	}
}

// step is one pass of run. It returns false when no walk has anything to read.
func (s *Scorer) step(walks []walk, wait bool, deliver func(question, answer)) (more bool, err error) {
	limit, done := s.turn()
	defer done()
	spans, questions, n, err := s.gather(walks, limit)
	if err != nil {
		return false, err
	}
	if n == 0 {
		s.head.flush(deliver)
		return false, nil
	}
	wanted := wantedRows(questions)
	s.compute(spans, n, wanted)
	s.effort.Rows += int64(len(wanted))
	s.head.enqueue(&s.pass, questions, deliver)
	if wait {
		s.head.flush(deliver)
	}
	return true, nil
}

// gather returns the spans of the next pass, its n tokens, at most limit, and the questions about
// them.
func (s *Scorer) gather(walks []walk, limit int) (spans []span, questions []question, n int, err error) {
	for _, w := range walks {
		session, ids, err := w.next()
		if err != nil {
			return nil, nil, 0, err
		}
		if ids = ids[:min(len(ids), limit-n)]; len(ids) > 0 {
			spans, questions = append(spans, span{s: session, ids: ids}), w.read(questions, n, len(ids))
			n += len(ids)
		}
	}
	return spans, questions, n, nil
}

// wantedRows returns the rows that the questions are about, and replaces the row of each
// question by its index in the result.
func wantedRows(questions []question) []int {
	wanted := []int{}
	for i := range questions {
		q := &questions[i]
		if n := len(wanted); n == 0 || wanted[n-1] != q.row {
			wanted = append(wanted, q.row)
		}
		q.row = len(wanted) - 1
	}
	return wanted
}

// checkSequence returns an error if the model cannot read ids and more tokens after them.
func (s *Scorer) checkSequence(ids []int32, more int) error {
	if len(ids) == 0 {
		return fmt.Errorf("a sequence of no tokens: want at least one, such as the start of a text")
	}
	if n := len(ids) + more; n > s.m.ContextLength() {
		return fmt.Errorf("a sequence of %d tokens: the model's context length is %d", n, s.m.ContextLength())
	}
	return s.m.checkIDs(ids)
}

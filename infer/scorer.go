package infer

import (
	"context"
	"fmt"
)

// Scorer scores and continues many sequences of a model. What several of them begin with
// is computed once, and the rest of many goes through the layers together. A result is
// the same alone and beside others, in any order, and with any number of threads. A Scorer
// is for one goroutine.
type Scorer struct {
	m        *Model
	bytes    int // that the sessions may take
	pass     pass
	trunk    *Session // what the sequences of a stage begin with
	sessions []*Session
	head     headSums
	effort   ScorerEffort
}

// ScorerEffort is what a Scorer has done.
type ScorerEffort struct {
	Requested int64 // tokens of the sequences, of inputs, prompts and continuations
	Computed  int64 // tokens that went through the layers
	Rows      int64 // of these, those whose logits were needed
	Passes    int64
}

// DefaultScorerBytes is the memory for KV caches where none is said.
const DefaultScorerBytes = 1 << 30

// maxSessions is how many sequences are at work together: with the few tokens that a choice
// of an answer has, so many fill a pass.
const maxSessions = 64

// NewScorer makes a scorer whose sequences at work have KV caches of so many bytes together
// (0: DefaultScorerBytes), so that they are the fewer the longer they are. One always is at
// work, and the cache of what they have in common comes on top.
func (m *Model) NewScorer(bytes int) *Scorer {
	if bytes <= 0 {
		bytes = DefaultScorerBytes
	}
	return &Scorer{m: m, bytes: bytes, pass: pass{m: m}, head: headSums{m: m}}
}

// Effort is what the scorer has done so far.
func (s *Scorer) Effort() ScorerEffort { return s.effort }

// reserve makes sessions for sequences of up to longest tokens that begin with base tokens
// of the trunk.
func (s *Scorer) reserve(longest, base int) error {
	shared := base / blockPositions * blockPositions
	each := (padded(longest) - shared) * s.m.Memory().CacheBytesPerToken
	count := max(1, min(s.bytes/each, maxSessions))
	if n := len(s.sessions); n > 0 && longest <= s.sessions[0].capacity && count < 2*n {
		s.sessions = s.sessions[:min(n, count)]
		return nil
	}
	s.sessions = nil
	for range count {
		session, err := s.m.NewSession(padded(longest))
		if err != nil {
			return err
		}
		s.sessions = append(s.sessions, session)
	}
	return nil
}

// growTrunk makes the trunk the first base tokens of ids, in a session that has room for
// longest ones.
func (s *Scorer) growTrunk(ids []int32, base, longest int) error {
	if s.trunk == nil || s.trunk.capacity < longest {
		trunk, err := s.m.NewSession(padded(longest))
		if err != nil {
			return err
		}
		s.trunk = trunk
	}
	same := common(s.trunk.tokens, ids[:base])
	s.trunk.Truncate(same)
	for rest := ids[same:base]; len(rest) > 0; {
		n := min(maxBatch, len(rest))
		s.compute([]span{{s.trunk, rest[:n]}}, n, []int{})
		rest = rest[n:]
	}
	return nil
}

// compute runs a pass over spans of n tokens, of which some rows are wanted.
func (s *Scorer) compute(spans []span, n int, wanted []int) {
	s.pass.runFor(spans, wanted)
	s.effort.Computed += int64(n)
	s.effort.Passes++
}

// begin lets a session begin with as much of ids as it or the trunk, of which base tokens
// count, knows already, and returns how much that is.
func (s *Scorer) begin(session *Session, ids []int32, base int) (int, error) {
	n := common(session.tokens, ids)
	if n < base {
		return base, session.CopyPrefix(s.trunk, base)
	}
	session.Truncate(n)
	return n, nil
}

// walk is the way of a session from sequence to sequence.
type walk interface {
	// next is the session and what it reads next; nothing at the end.
	next() (*Session, []int32, error)
	// read tells that the pass reads n of these, as the rows from row on, and adds the
	// questions about them.
	read(list []question, row, n int) []question
}

// run takes all walks to their ends. The answers go to take: those about a pass before the
// next one, where walks wait for them, and otherwise when they are enough.
func (s *Scorer) run(ctx context.Context, walks []walk, wait bool, take func(question, answer)) error {
	// What a call that was stopped has asked nobody waits for.
	s.head.forget()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		spans, questions, n, err := s.gather(walks)
		if err != nil {
			return err
		}
		if n == 0 {
			s.head.flush(take)
			return nil
		}
		wanted := wantedRows(questions)
		s.compute(spans, n, wanted)
		s.effort.Rows += int64(len(wanted))
		s.head.ask(&s.pass, questions, take)
		if wait {
			s.head.flush(take)
		}
	}
}

// gather makes a pass of what the walks read next, and of their questions about it.
func (s *Scorer) gather(walks []walk) (spans []span, questions []question, n int, err error) {
	for _, w := range walks {
		session, ids, err := w.next()
		if err != nil {
			return nil, nil, 0, err
		}
		if ids = ids[:min(len(ids), maxBatch-n)]; len(ids) > 0 {
			spans, questions, n = append(spans, span{session, ids}), w.read(questions, n, len(ids)), n+len(ids)
		}
	}
	return spans, questions, n, nil
}

// wantedRows are the rows that are asked about; the questions then count these alone.
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

// checkSequence refuses ids that the model cannot read, followed by some more.
func (s *Scorer) checkSequence(ids []int32, more int) error {
	if len(ids) == 0 {
		return fmt.Errorf("a sequence of no tokens: want at least one, such as the start of a text")
	}
	if n := len(ids) + more; n > s.m.ContextLength() {
		return fmt.Errorf("a sequence of %d tokens: the model's context is %d", n, s.m.ContextLength())
	}
	return s.m.checkIDs(ids)
}

// common is how many tokens two sequences begin with alike.
func common(a, b []int32) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

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
	return &Scorer{m: m, bytes: bytes, pass: pass{m: m}}
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
		s.compute([]span{{s.trunk, rest[:n]}}, n)
		rest = rest[n:]
	}
	return nil
}

// compute runs a pass over spans of n tokens.
func (s *Scorer) compute(spans []span, n int) {
	s.pass.run(spans)
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
	// ask adds questions about the first n of these tokens, which are the rows of the pass
	// from row on.
	ask(list []question, row, n int) []question
	// take tells that n tokens were read, and the answers.
	take(n int, answers []answer)
}

// step is the share of a walk in a pass.
type step struct {
	walk              walk
	tokens, questions int
}

// run takes all walks to their ends.
func (s *Scorer) run(ctx context.Context, walks []walk) error {
	var spans []span
	var steps []step
	var questions []question
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		spans, steps, questions = spans[:0], steps[:0], questions[:0]
		row := 0
		for _, w := range walks {
			session, ids, err := w.next()
			if err != nil {
				return err
			}
			n, asked := min(len(ids), maxBatch-row), len(questions)
			if n == 0 {
				continue
			}
			questions = w.ask(questions, row, n)
			spans, steps = append(spans, span{session, ids[:n]}), append(steps, step{w, n, len(questions) - asked})
			row += n
		}
		if row == 0 {
			return nil
		}
		s.compute(spans, row)
		answers := s.head.answer(&s.pass, questions)
		s.effort.Rows += int64(s.head.asked)
		for _, st := range steps {
			st.walk.take(st.tokens, answers[:st.questions])
			answers = answers[st.questions:]
		}
	}
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

package infer

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"

	"trit/infer/deltanet"
	"trit/infer/sampling"
	"trit/lm"
)

// maxBatch is the most tokens that go through the layers together: enough to use each weight
// often once it is read, few enough for their activations to stay in the cache.
const maxBatch = 528

// Session is a sequence of tokens with its KV cache. It is for one goroutine.
type Session struct {
	m        *Model
	capacity int
	tokens   []int32            // whose keys and values are in the cache
	cache    []kvCache          // per layer of attention
	memories []*deltanet.Memory // per recurrent layer
	known    int                // tokens that the recurrent layers remember; fewer than tokens after Truncate
	rope     angles
	long     bool // the angles are those of the long factors of longrope
	pass     *pass
}

// NewSession makes a session for up to capacity tokens. Its cache takes memory only for the
// tokens that it holds. A model whose rotary scaling is longrope is computed with its long
// factors where capacity is greater than the original context, as by llama.cpp.
func (m *Model) NewSession(capacity int) (*Session, error) {
	return m.newSession(capacity, m.rope.long(capacity))
}

// newSession makes a session with the long or the short factors of longrope.
func (m *Model) newSession(capacity int, long bool) (*Session, error) {
	if capacity < 1 {
		return nil, fmt.Errorf("a session of %d tokens: want at least 1", capacity)
	}
	if err := m.config.CheckRotaryLength(capacity); err != nil {
		return nil, err
	}
	p := newPass(m)
	s := &Session{m: m, capacity: capacity, rope: m.rope.extend(m.pool, capacity, long), long: long, pass: &p}
	s.cache = m.cache.newCaches(&m.config, m.attentionLayers(), capacity)
	for range m.config.RecurrentLayers() {
		s.memories = append(s.memories, deltanet.New(&m.config.DeltaNet))
	}
	return s, nil
}

// turnFor makes an empty session take the factors of longrope for sequences of the length.
func (s *Session) turnFor(length int) {
	if long := s.m.rope.long(length); long != s.long {
		s.rope, s.long = s.m.rope.extend(s.m.pool, s.capacity, long), long
	}
}

// Len is the number of tokens in the cache.
func (s *Session) Len() int { return len(s.tokens) }

// Tokens are the tokens in the cache; the caller must not change them.
func (s *Session) Tokens() []int32 { return s.tokens }

// Blocks are the blocks of positions that the cache holds, with the bytes that each takes in all
// layers. A block that several sessions share is equal in all of them.
func (s *Session) Blocks() iter.Seq2[any, int] {
	return func(yield func(any, int) bool) {
		more := true
		for _, c := range s.cache[:1] {
			each := s.m.cache.bytesPerToken(&s.m.config) * len(s.cache)
			c.each(func(block any, positions int) bool {
				more = yield(block, positions*each)
				return more
			})
		}
		for _, r := range s.memories[:min(1, len(s.memories))] {
			if more {
				r.Parts(func(part any, bytes int) bool { return yield(part, bytes*len(s.memories)) })
			}
		}
	}
}

// SessionBytes is the most memory that the cache of a session takes which holds n tokens, without
// drafts; see DraftBytes.
func (m *Model) SessionBytes(n int) int {
	blocks := (n + blockPositions - 1) / blockPositions
	return blocks*blockPositions*m.cache.bytesPerToken(&m.config)*m.attentionLayers() + m.stateBytes(n)
}

// SessionTokens is the most tokens that a session may hold whose SessionBytes are at most a number.
func (m *Model) SessionTokens(bytes int) int {
	return sort.Search(m.ContextLength(), func(n int) bool { return m.SessionBytes(n+1) > bytes })
}

// DraftBytes is the memory that a session with drafts takes beside SessionBytes.
func (m *Model) DraftBytes() int {
	return m.config.RecurrentLayers() * deltanet.DraftBytes(&m.config.DeltaNet)
}

// stateBytes is the most memory that the recurrent layers take of a session with n tokens.
func (m *Model) stateBytes(n int) int {
	return m.config.RecurrentLayers() * deltanet.Bytes(&m.config.DeltaNet, n)
}

// longestDraft is the most tokens of a draft: recurrent layers can be cut back by a block.
func (m *Model) longestDraft() int {
	if m.config.IsHybrid() {
		return deltanet.Block
	}
	return maxBatch
}

// attentionLayers is the number of layers with keys and values.
func (m *Model) attentionLayers() int { return m.config.NumHiddenLayers - m.config.RecurrentLayers() }

// Capacity is the most tokens that the session can hold.
func (s *Session) Capacity() int { return s.capacity }

// Truncate forgets all but the first n tokens. What recurrent layers remember cannot be cut
// everywhere: the next pass computes the tokens after Reach(n) again.
func (s *Session) Truncate(n int) {
	n = max(0, min(n, len(s.tokens)))
	s.known = s.Reach(n)
	for _, r := range s.memories {
		r.Truncate(s.known)
	}
	s.tokens = s.tokens[:n]
}

// Reach returns the most of the first n tokens after which the session, or one that copies them, can
// go on without computing any of them again: all of them, unless the model has recurrent layers.
func (s *Session) Reach(n int) int {
	n = min(n, s.known)
	for before := n + 1; n < before; {
		before = n
		for _, r := range s.memories {
			n = r.Reach(n)
		}
	}
	return n
}

// append adds tokens that went through all layers.
func (s *Session) append(ids []int32) {
	s.tokens = append(s.tokens, ids...)
	s.known = len(s.tokens)
}

// catchUp computes tokens again that the recurrent layers of sessions were cut back before.
func catchUp(spans []span) {
	for _, sp := range spans {
		if s := sp.s; s.known < len(s.tokens) {
			ids := slices.Clone(s.tokens[s.known:])
			s.tokens = s.tokens[:s.known]
			for part := range slices.Chunk(ids, maxBatch) {
				s.pass.runFor([]span{{s: s, ids: part}}, []int{})
			}
		}
	}
}

// Keep makes the end of the session a place that Truncate and CopyPrefix can go back to at no or
// little cost, where a model has recurrent layers.
func (s *Session) Keep() {
	for _, r := range s.memories {
		r.Keep()
	}
}

// Rewind forgets all tokens after the longest common prefix with ids from which the session can go on, and
// returns the ids that are still to be read, at least the last one.
func (s *Session) Rewind(ids []int32) []int32 {
	n := s.Reach(lm.CommonPrefix(s.tokens, ids[:max(0, len(ids)-1)]))
	s.Truncate(n)
	return ids[n:]
}

// CopyPrefix replaces the tokens of s by the first n tokens of from, a session of the same
// model with the same adapters, with the same factors if its rotary scaling is longrope, so that a prefix that several
// sequences share is computed once.
func (s *Session) CopyPrefix(from *Session, n int) error {
	if from.m != s.m || from.long != s.long || n < 0 || n > from.Len() || n > s.capacity {
		return fmt.Errorf("a prefix of %d of %d tokens for a session of %d: "+
			"want sessions of one model, and a prefix that fits", n, from.Len(), s.capacity)
	}
	for l, c := range s.cache {
		c.copyPrefix(from.cache[l], n)
	}
	s.tokens, s.known = append(s.tokens[:0], from.tokens[:n]...), from.Reach(n)
	for i, r := range s.memories {
		r.CopyPrefix(from.memories[i], s.known)
	}
	return nil
}

// check returns an error if ids cannot be appended.
func (s *Session) check(ids []int32) error {
	if s.Len()+len(ids) > s.capacity {
		return fmt.Errorf("%d tokens after %d: the session has space for %d", len(ids), s.Len(), s.capacity)
	}
	return s.m.checkIDs(ids)
}

// checkPrompt returns an error if a session cannot hold a prompt.
func (s *Session) checkPrompt(ids []int32) error {
	if len(ids) > s.capacity {
		return fmt.Errorf("the prompt has %d tokens: the session has space for %d", len(ids), s.capacity)
	}
	return s.m.CheckPrompt(ids)
}

// CheckPrompt returns an error for a prompt of no tokens, or with one that is not in the
// vocabulary.
func (m *Model) CheckPrompt(ids []int32) error {
	if len(ids) == 0 {
		return errors.New("a prompt of no tokens: give at least one")
	}
	return m.checkIDs(ids)
}

// checkIDs returns an error for an id that is not in the vocabulary.
func (m *Model) checkIDs(ids []int32) error {
	for _, id := range ids {
		if id < 0 || int(id) >= m.config.VocabSize {
			return fmt.Errorf("token id %d is not in the vocabulary of %d", id, m.config.VocabSize)
		}
	}
	return nil
}

// Forward appends ids to the sequence and writes the logits after each token of ids[from:] to
// logits, [len(ids)-from, V]. If logits is nil, it writes none.
func (s *Session) Forward(ids []int32, logits []float32, from int) error {
	vocab := s.m.config.VocabSize
	if err := s.check(ids); err != nil {
		return err
	}
	if logits != nil && (from < 0 || from > len(ids) || len(logits) != (len(ids)-from)*vocab) {
		return fmt.Errorf("%d logits from token %d of %d on: want %d values a token", len(logits), from, len(ids), vocab)
	}
	for at := 0; at < len(ids); at += maxBatch {
		n := min(maxBatch, len(ids)-at)
		s.pass.run([]span{{s: s, ids: ids[at : at+n]}})
		if logits != nil && from < at+n {
			first := max(from, at)
			if err := s.pass.logits(logits[(first-from)*vocab:], first-at, n); err != nil {
				return err
			}
		}
	}
	return nil
}

// Step appends ids and returns the token that the sampler chooses to follow them.
func (s *Session) Step(ids []int32, sampler *sampling.Sampler) (int32, error) {
	if len(ids) == 0 {
		return 0, fmt.Errorf("a step of no tokens: give at least one")
	}
	if err := s.check(ids); err != nil { // of all ids, before any is read
		return 0, err
	}
	last := (len(ids) - 1) / maxBatch * maxBatch
	if err := s.Forward(ids[:last], nil, 0); err != nil {
		return 0, err
	}
	next, err := StepAll([]*Session{s}, [][]int32{ids[last:]}, []*sampling.Sampler{sampler})
	if err != nil {
		return 0, err
	}
	return next[0], nil
}

// StepAll is Step for several sessions of one model, in one pass over the weights. It appends
// ids[i] to sessions[i] and returns as result i the token that samplers[i] chooses to follow
// them. The ids of all sessions together may be at most 528. Every session gets the tokens that
// it would get alone.
func StepAll(sessions []*Session, ids [][]int32, samplers []*sampling.Sampler) ([]int32, error) {
	spans, last, total := make([]span, len(sessions)), make([]int, len(sessions)), 0
	if len(ids) != len(sessions) || len(samplers) != len(sessions) || len(sessions) == 0 {
		return nil, fmt.Errorf("%d sessions, %d token lists, %d samplers: want equal numbers, at least 1",
			len(sessions), len(ids), len(samplers))
	}
	for i, s := range sessions {
		if err := s.check(ids[i]); err != nil {
			return nil, fmt.Errorf("session %d: %w", i, err)
		}
		if len(ids[i]) == 0 || !s.m.shares(sessions[0].m) || slices.Contains(sessions[:i], s) {
			return nil, fmt.Errorf("session %d: want at least one token for it, and different sessions of one model", i)
		}
		total += len(ids[i])
		spans[i], last[i] = span{s: s, ids: ids[i]}, total-1
	}
	if total > maxBatch {
		return nil, fmt.Errorf("a step of %d tokens: want %d at most", total, maxBatch)
	}
	p := sessions[0].pass
	p.run(spans)
	next := make([]int32, len(sessions))
	var errs []error
	p.choose(last, func(i int, c choice) {
		var err error
		next[i], err = c.sample(samplers[i], nil)
		errs = append(errs, err)
	})
	return next, errors.Join(errs...)
}

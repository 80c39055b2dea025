package infer

import (
	"context"
	"fmt"

	"trit/lm"
)

// Continue implements lm.Model. It calls a request's Stop after each token and ignores Until,
// which needs text. It continues as many requests together as the memory of the scorer allows.
func (s *Scorer) Continue(ctx context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	results := make([][]int32, len(requests))
	var groups [2][]int // indices of requests that are computed with the short and the long factors of longrope
	for i, r := range requests {
		if err := s.checkSequence(r.Prompt, unread(r)); err != nil {
			return nil, fmt.Errorf("request %d: %w", i, err)
		}
		group := &groups[0]
		if s.m.rope.long(len(r.Prompt) + unread(r)) {
			group = &groups[1]
		}
		*group = append(*group, i)
	}
	for long, group := range groups {
		if len(group) == 0 {
			continue
		}
		s.useFactors(long == 1)
		c := &continuing{s: s, results: make([][]int32, len(group))}
		for _, i := range group {
			c.requests = append(c.requests, requests[i])
		}
		if err := c.run(ctx); err != nil {
			return nil, err
		}
		for j, ids := range c.results {
			results[group[j]] = ids
		}
	}
	return results, nil
}

// unread is the number of tokens after a prompt that the model reads: the last one is not read.
func unread(r lm.ContinueRequest) int { return max(0, r.MaxTokens-1) }

// run continues all requests.
func (c *continuing) run(ctx context.Context) error {
	s, longest := c.s, 0
	for i, r := range c.requests {
		same := lm.CommonPrefix(c.requests[0].Prompt, r.Prompt[:len(r.Prompt)-1])
		if i == 0 || same < c.base {
			c.base = same
		}
		longest = max(longest, len(r.Prompt)+unread(r))
	}
	if c.base > 0 {
		if err := s.growTrunk(c.requests[0].Prompt, c.base, longest); err != nil {
			return err
		}
	}
	if err := s.reserve(longest, c.base); err != nil {
		return err
	}
	walks := make([]walk, len(s.sessions))
	c.walks = make([]continueWalk, len(s.sessions))
	for i, session := range s.sessions {
		c.walks[i] = continueWalk{c: c, number: i, session: session, at: -1}
		walks[i] = &c.walks[i]
	}
	deliver := func(q question, a answer) { c.walks[q.to].addToken(a.likeliest) }
	if err := s.run(ctx, walks, true, deliver); err != nil {
		return err
	}
	for i, ids := range c.results {
		s.effort.Requested += int64(len(c.requests[i].Prompt) + len(ids))
	}
	return nil
}

// continuing is the state of one call of Continue.
type continuing struct {
	s        *Scorer
	requests []lm.ContinueRequest
	base     int // length of the prefix that all prompts share
	walks    []continueWalk
	taken    int // number of requests that walks have begun
	results  [][]int32
}

// done reports whether request i has all its tokens.
func (c *continuing) done(i int) bool {
	r, ids := c.requests[i], c.results[i]
	return len(ids) >= r.MaxTokens || r.Stop != nil && r.Stop(ids)
}

// continueWalk takes a session from request to request.
type continueWalk struct {
	c       *continuing
	number  int // index of the walk
	session *Session
	at      int     // current request, -1 for none
	left    []int32 // tokens that are still to be read
}

func (w *continueWalk) next() (*Session, []int32, error) {
	for w.at < 0 {
		if w.c.taken == len(w.c.requests) {
			return nil, nil, nil
		}
		i := w.c.taken
		w.c.taken++
		if w.c.done(i) {
			continue
		}
		prompt := w.c.requests[i].Prompt
		from, err := w.c.s.begin(w.session, prompt[:len(prompt)-1], w.c.base)
		if err != nil {
			return nil, nil, err
		}
		w.at, w.left = i, prompt[from:]
	}
	return w.session, w.left, nil
}

func (w *continueWalk) read(list []question, row, n int) []question {
	if w.left = w.left[n:]; len(w.left) > 0 {
		return list
	}
	return append(list, question{row: row + n - 1, id: -1, to: w.number})
}

// addToken adds the next token of the current request.
func (w *continueWalk) addToken(id int32) {
	ids := append(w.c.results[w.at], id)
	w.c.results[w.at], w.left = ids, ids[len(ids)-1:]
	if w.c.done(w.at) {
		w.at = -1
	}
}

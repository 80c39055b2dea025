package infer

import (
	"context"
	"fmt"

	"trit/lm"
)

// Continue implements lm.Model. It calls a request's Stop after each token and ignores Until,
// which needs text. It continues as many requests together as the memory of the scorer allows.
func (s *Scorer) Continue(ctx context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	c := &continuing{s: s, requests: requests, results: make([][]int32, len(requests))}
	longest := 0
	for i, r := range requests {
		more := max(0, r.MaxTokens-1) // the last one is not read
		if err := s.checkSequence(r.Prompt, more); err != nil {
			return nil, fmt.Errorf("request %d: %w", i, err)
		}
		same := lm.CommonPrefix(requests[0].Prompt, r.Prompt[:len(r.Prompt)-1])
		if i == 0 || same < c.base {
			c.base = same
		}
		longest = max(longest, len(r.Prompt)+more)
	}
	if len(requests) == 0 {
		return nil, nil
	}
	if c.base > 0 {
		if err := s.growTrunk(requests[0].Prompt, c.base, longest); err != nil {
			return nil, err
		}
	}
	if err := s.reserve(longest, c.base); err != nil {
		return nil, err
	}
	walks := make([]walk, len(s.sessions))
	c.walks = make([]continueWalk, len(s.sessions))
	for i, session := range s.sessions {
		c.walks[i] = continueWalk{c: c, number: i, session: session, at: -1}
		walks[i] = &c.walks[i]
	}
	deliver := func(q question, a answer) { c.walks[q.to].addToken(a.likeliest) }
	if err := s.run(ctx, walks, true, deliver); err != nil {
		return nil, err
	}
	for i, ids := range c.results {
		s.effort.Requested += int64(len(requests[i].Prompt) + len(ids))
	}
	return c.results, nil
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

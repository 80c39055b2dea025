package engine

import (
	"time"

	"trit/lm"
)

// Stats are what an engine does and has done.
type Stats struct {
	Waiting, Running         int   // requests now
	ReservedBytes, KeptBytes int   // of KV caches: of running answers, and of kept prefixes
	Requests, Refused        int64 // requests that have ended, and that were not taken
	PromptTokens             int64
	CachedTokens             int64 // tokens of prompts that were computed before
	Tokens                   int64 // of answers
	Drafted, Accepted        int64

	seconds mean // of a request
}

// Stats returns what the engine does and has done.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats
}

// count adds a job that has ended to the statistics.
func (e *Engine) count(j *job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s, r := &e.stats, j.result
	s.Requests++
	s.PromptTokens += int64(r.PromptTokens)
	s.CachedTokens += int64(r.CachedTokens)
	s.Tokens += int64(len(r.Tokens))
	s.Drafted, s.Accepted = s.Drafted+int64(r.Drafted), s.Accepted+int64(r.Accepted)
	if r.FinishReason != lm.FinishCancel {
		s.seconds.add(time.Since(j.came).Seconds())
	}
}

// wait estimates the time until a queue of n requests, of which some are answered together, is
// empty.
func (s *Stats) wait(n, together int) time.Duration {
	turns := (n + together) / together
	return max(time.Second, time.Duration(s.seconds.value*float64(turns)*float64(time.Second)))
}

package engine

import (
	"context"
	"sync"
	"time"

	"trit/infer"
	"trit/lm"
)

// job is a request on its way.
type job struct {
	ctx     context.Context
	of      *variant
	request lm.GenerateRequest
	bytes   int // that are reserved for the session
	came    time.Time

	session *infer.Session
	answer  *infer.Answer // nil until the prompt begins to be read
	branch  int           // where the prompt leaves an earlier one, if that is a place to keep; 0: it is not

	news   chan struct{} // something was added to deltas, or the job has ended
	mu     sync.Mutex
	deltas []lm.Delta // that the caller has not taken
	ended  bool
	result lm.GenerateResult // once ended
	err    error
}

// put adds a part of the answer. It never waits for the caller.
func (j *job) put(d lm.Delta) {
	j.mu.Lock()
	j.deltas = append(j.deltas, d)
	j.mu.Unlock()
	j.tell()
}

// end gives the caller the result.
func (j *job) end(r lm.GenerateResult, err error) {
	j.mu.Lock()
	j.result, j.err, j.ended = r, err, true
	j.mu.Unlock()
	j.tell()
}

func (j *job) tell() {
	select {
	case j.news <- struct{}{}:
	default:
	}
}

// take returns the new parts of the answer, and whether it has ended.
func (j *job) take() (deltas []lm.Delta, ended bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	deltas, j.deltas = j.deltas, nil
	return deltas, j.ended
}

// reading reports whether the prompt is not read yet.
func (j *job) reading() bool { return j.answer == nil || j.answer.Unread() > 0 }

// toRead is the number of tokens of the prompt that the next piece may have: it ends where the prompt leaves an
// earlier one, and the session keeps that place, so that prompts that begin so go on from there.
func (j *job) toRead() int {
	before := j.branch - j.session.Len()
	if before > 0 {
		return min(before, j.answer.Unread())
	}
	if before == 0 {
		j.session.Keep()
	}
	return j.answer.Unread()
}

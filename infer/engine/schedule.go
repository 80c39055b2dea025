package engine

import (
	"runtime"
	"slices"
	"time"

	"trit/infer"
	"trit/lm"
)

// run computes until the engine is closed.
func (e *Engine) run() {
	defer close(e.ended)
	for e.admit() {
		e.pass()
		e.finish()
		// The callers that have news run now: the next pass takes all processors, and a goroutine
		// waits ten milliseconds for one that does not give way.
		runtime.Gosched()
	}
}

// admit starts the requests for which there is memory, the first one first. It waits if there is
// nothing to compute, and returns false when the engine is closed.
func (e *Engine) admit() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.waiting) == 0 && len(e.running) == 0 && !e.closed {
		e.forget()
		e.note()
		e.changed.Wait()
	}
	e.forget()
	if e.closed {
		e.refuseAll()
		e.note()
		return false
	}
	for len(e.waiting) > 0 && len(e.running) < e.o.Answers && e.start(e.waiting[0]) {
		e.waiting = slices.Delete(e.waiting, 0, 1)
	}
	e.note()
	return true
}

// forget drops the prefixes of variants that were closed.
func (e *Engine) forget() {
	for _, key := range e.dropped {
		e.kept.drop(key)
	}
	e.dropped = nil
}

// note puts what the engine does now into the statistics.
func (e *Engine) note() {
	e.stats.Waiting, e.stats.Running = len(e.waiting), len(e.running)
	e.stats.KeptBytes, e.stats.ReservedBytes = e.kept.size(), e.reserved
}

// refuseAll ends all answers and refuses all requests.
func (e *Engine) refuseAll() {
	for _, j := range e.running {
		r := lm.GenerateResult{PromptTokens: len(j.request.Prompt)}
		if j.answer != nil {
			r, _ = j.answer.Result()
		}
		r.FinishReason = lm.FinishCancel
		j.end(r, ErrClosed)
	}
	for _, j := range e.waiting {
		j.end(lm.GenerateResult{}, ErrClosed)
	}
	e.running, e.waiting = nil, nil
}

// start reserves the memory of a job, for which kept prefixes make space, and reports whether
// there is enough.
func (e *Engine) start(j *job) bool {
	if e.reserved+j.bytes > e.o.Memory {
		return false
	}
	e.kept.shrink(e.o.Memory - e.reserved - j.bytes)
	e.reserved += j.bytes
	e.running = append(e.running, j)
	return true
}

// begin gives a job its session, with what others have computed of its prompt. It returns false
// if another job is about to compute more of it.
func (e *Engine) begin(j *job) bool {
	prompt := j.request.Prompt
	prompt = prompt[:len(prompt)-1] // the last token is read for the choice after it
	from, n, longest := e.kept.longest(j.of.key, prompt)
	for _, other := range e.running {
		if other == j || other.answer == nil || other.of != j.of {
			continue
		}
		common := lm.CommonPrefix(other.request.Prompt, prompt)
		longest = max(longest, common)
		if have := other.session.Reach(min(common, other.session.Len())); have > n {
			from, n = other.session, have
		}
		if common >= n+worthWaiting && other.reading() {
			return false
		}
	}
	if longest >= n+worthWaiting { // what others begin with too, and could not be taken over
		j.branch = longest
	}
	j.answer, j.err = e.newAnswer(j, from, n)
	return true
}

// newAnswer makes the answer of a job, in a session with the first n tokens of another one. All
// sessions have the engine's context as their capacity, so all have the same rotary factors.
func (e *Engine) newAnswer(j *job, from *infer.Session, n int) (a *infer.Answer, err error) {
	if j.session, err = j.of.m.NewSession(e.o.Context); err != nil {
		return nil, err
	}
	if n > 0 {
		if err := j.session.CopyPrefix(from, n); err != nil {
			return nil, err
		}
	}
	return infer.NewAnswer(j.ctx, j.session, e.tok, j.request, j.put)
}

// worthWaiting is the number of tokens that a job waits for, if another is computing them.
const worthWaiting = 64

// pass takes the jobs further.
func (e *Engine) pass() {
	e.turn.Lock()
	defer e.turn.Unlock()
	c := e.gather()
	if len(c.answers) == 0 && c.layers == 0 {
		return
	}
	start := time.Now()
	e.batch.AdvanceLayers(c.answers, c.limits, c.layers)
	e.pace.learn(c.writing, float64(c.layers)*e.work, time.Since(start))
}

// cast is the answers that take part in a pass, with the most tokens of each, and the number of
// layers that pieces of prompts go through.
type cast struct {
	answers          []*infer.Answer
	limits           []int
	layers           int
	writing, reading int // jobs whose prompts are read, and jobs whose prompts are being read
}

func (c *cast) add(a *infer.Answer, limit int) {
	c.answers, c.limits = append(c.answers, a), append(c.limits, limit)
}

// gather casts the next pass: all answers that are being written, and pieces of prompts on their
// way.
func (e *Engine) gather() (c cast) {
	for _, j := range e.running {
		if !j.reading() {
			c.writing++
		}
	}
	c.reading = len(e.running) - c.writing
	for _, j := range e.running {
		if !j.reading() || j.answer != nil && j.ctx.Err() != nil {
			c.add(j.answer, draftLimit(c.writing))
		}
	}
	if e.pace.measures(c.writing) {
		return c
	}
	tokens, before := e.batch.Reading()
	if tokens == 0 {
		e.cut(&c)
		before = e.pace.layers
	}
	if e.work > 0 {
		c.layers = min(before, e.pace.through(c.writing, c.reading, e.work))
	}
	return c
}

// cut casts new pieces of prompts.
func (e *Engine) cut(c *cast) {
	budget := -1 // the first piece decides
	e.work = 0
	for _, j := range e.running {
		if !j.reading() || j.ctx.Err() != nil || j.answer == nil && (budget == 0 || !e.begin(j) || j.err != nil) {
			continue
		}
		at := j.session.Len()
		if budget < 0 {
			budget = e.pace.piece(c.writing, c.reading, at)
		}
		if n := min(budget, j.toRead()); n > 0 {
			c.add(j.answer, n)
			budget -= n
			e.work += e.pace.work(n, at)
		}
	}
	if e.work > 0 {
		e.rotate()
	}
}

// rotate puts the job that read first behind the others, so that a long prompt does not hold up
// short ones.
func (e *Engine) rotate() {
	first := slices.IndexFunc(e.running, (*job).reading)
	if first >= 0 {
		j := e.running[first]
		e.running = append(slices.Delete(e.running, first, first+1), j)
	}
}

// finish ends the jobs whose answers are whole, and keeps what was computed for them.
func (e *Engine) finish() {
	e.running = slices.DeleteFunc(e.running, func(j *job) bool {
		if j.err == nil && j.answer == nil {
			if j.ctx.Err() == nil {
				return false
			}
			j.result = lm.GenerateResult{FinishReason: lm.FinishCancel, PromptTokens: len(j.request.Prompt)}
		}
		if j.err == nil && j.answer != nil {
			if _, done := j.answer.Done(); !done {
				return false
			}
			j.result, j.err = j.answer.Result()
		}
		e.reserved -= j.bytes
		if j.session != nil && !j.of.closed.Load() {
			e.kept.add(j.of.key, j.session)
			e.kept.shrink(e.o.Memory - e.reserved)
		}
		e.count(j)
		j.end(j.result, j.err)
		return true
	})
}

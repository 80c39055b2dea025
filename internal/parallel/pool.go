package parallel

import (
	"runtime"
	"sync/atomic"
	"time"
)

// job is a loop that is being run. Its ranges lie in one stretch for each thread. A thread goes
// through its own stretch from the beginning, so that it reads memory in order, and then helps
// with the rest of the others. The caller has the first stretch, so that loops over the same rows
// find them in the caches of the same core. It takes every range that no worker came for, so a
// worker without a core delays nothing.
type job struct {
	n, parts  int
	body      func(lo, hi int)
	stretches []stretch
	done      atomic.Int32
}

// seat is the place of a worker in a job: the thread whose stretch it begins with.
type seat struct {
	job    *job
	thread int
}

// stretch is some consecutive ranges, and the number of them that are taken. It fills a cache
// line.
type stretch struct {
	taken atomic.Int32
	_     [60]byte
}

// work takes ranges until there is none, from the stretch of thread me on.
func (j *job) work(me int) {
	threads := len(j.stretches)
	for i := range threads {
		s := (me + i) % threads
		first, end := j.parts*s/threads, j.parts*(s+1)/threads
		take := func() int { return first + int(j.stretches[s].taken.Add(1)) - 1 }
		mine := int32(0) // counted here: a counter that all threads write to would go to and fro between their caches
		for p := take(); p < end; p = take() {
			j.body(j.n*p/j.parts, j.n*(p+1)/j.parts)
			mine++
		}
		if mine > 0 {
			j.done.Add(mine)
		}
	}
}

// worker waits for jobs: for a short while in a loop, since the layers of a model
// follow each other fast, then asleep.
type worker struct {
	next   atomic.Pointer[seat]
	asleep atomic.Bool
	wake   chan struct{}
}

// A worker looks for its next job for workerSpin before it sleeps, since the layers of a
// model follow each other faster than that. The caller of a loop waits callerSpin for the
// others, then lets other goroutines run in between.
const (
	workerSpin = 100 * time.Microsecond
	callerSpin = 20 * time.Microsecond
)

// spinner waits in a loop, for a while.
type spinner struct {
	turns int
	until time.Time
}

// turn waits a moment and reports whether the time is over.
func (s *spinner) turn(limit time.Duration) (over bool) {
	pause()
	if s.turns == 0 {
		s.until = time.Now().Add(limit)
	}
	s.turns++
	return s.turns%64 == 0 && time.Now().After(s.until)
}

// idle holds the workers without a job; a nested loop finds fewer and does more itself.
var idle = make(chan *worker, 256)

// run works on j with up to helpers workers and returns when it is done.
func run(j *job, helpers int) {
	var mine [8]*worker
	list := mine[:0]
	for range helpers {
		list = append(list, hire())
	}
	for i, w := range list {
		w.next.Store(&seat{j, 1 + i})
		if w.asleep.Swap(false) {
			w.wake <- struct{}{}
		}
	}
	j.work(0)
	for spin := (spinner{}); int(j.done.Load()) < j.parts; {
		if spin.turn(callerSpin) {
			runtime.Gosched()
		}
	}
	for _, w := range list {
		fire(w)
	}
}

// hire takes an idle worker, or makes one.
func hire() *worker {
	select {
	case w := <-idle:
		return w
	default:
		w := &worker{wake: make(chan struct{}, 1)}
		go w.loop()
		return w
	}
}

// fire makes a worker idle. If it never came for its job, the job is taken back.
func fire(w *worker) {
	w.next.Store(nil)
	select {
	case idle <- w:
	default: // enough wait already; this one sleeps for good
	}
}

// loop does jobs for good.
func (w *worker) loop() {
	for {
		for spin := (spinner{}); w.next.Load() != nil || !spin.turn(workerSpin); {
			if s := w.next.Swap(nil); s != nil {
				s.job.work(s.thread)
				spin = spinner{}
			}
		}
		w.sleep()
	}
}

// sleep waits to be woken, unless a job came in the meantime.
func (w *worker) sleep() {
	w.asleep.Store(true)
	if w.next.Load() != nil && w.asleep.Swap(false) {
		return
	}
	<-w.wake
}

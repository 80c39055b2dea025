package guard

import (
	"sync"
	"time"
)

// client is what a key, or an address without one, has asked for lately.
type client struct {
	mu       sync.Mutex
	requests window
	tokens   window
	running  int
	last     time.Time
}

// window counts what happened in the last minute.
type window struct {
	events []event
	sum    int
}

type event struct {
	at time.Time
	n  int
}

const minute = time.Minute

// forget drops what is older than a minute.
func (w *window) forget(now time.Time) {
	old := 0
	for old < len(w.events) && now.Sub(w.events[old].at) >= minute {
		w.sum -= w.events[old].n
		old++
	}
	w.events = append(w.events[:0], w.events[old:]...)
}

// add counts n more.
func (w *window) add(now time.Time, n int) {
	if n > 0 {
		w.events, w.sum = append(w.events, event{now, n}), w.sum+n
	}
}

// wait is the time until n more stay within a limit, 0 for none. limit 0 is without limit.
func (w *window) wait(now time.Time, n, limit int) time.Duration {
	w.forget(now)
	over := w.sum + n - limit
	if limit == 0 || over <= 0 || len(w.events) == 0 {
		return 0
	}
	for _, e := range w.events {
		if over -= e.n; over <= 0 {
			return minute - now.Sub(e.at)
		}
	}
	return minute
}

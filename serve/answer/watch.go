package answer

import (
	"context"
	"time"
)

// Watcher is told of the answers that a context's requests get, such as to count their tokens.
type Watcher interface {
	// Began is called once a model has been chosen.
	Began(model string)
	// FirstToken is called with the time from the request to the first part of its answer.
	FirstToken(after time.Duration)
	// Ended is called with the whole answer, or with why there is none.
	Ended(r *Result, err error)
}

type watcherKey struct{}

// WithWatcher makes watchers of a context's requests; several all watch.
func WithWatcher(ctx context.Context, w Watcher) context.Context {
	list, _ := ctx.Value(watcherKey{}).([]Watcher)
	return context.WithValue(ctx, watcherKey{}, append(list[:len(list):len(list)], w))
}

// watchers are those of a context, as one.
type watchers []Watcher

func watchersOf(ctx context.Context) watchers {
	list, _ := ctx.Value(watcherKey{}).([]Watcher)
	return list
}

func (w watchers) began(model string) {
	for _, x := range w {
		x.Began(model)
	}
}

func (w watchers) firstToken(after time.Duration) {
	for _, x := range w {
		x.FirstToken(after)
	}
}

func (w watchers) ended(r *Result, err error) {
	for _, x := range w {
		x.Ended(r, err)
	}
}

// Used tells the watchers of a context of work that no function of this package does.
func Used(ctx context.Context, model string, r *Result) {
	w := watchersOf(ctx)
	w.began(model)
	w.ended(r, nil)
}

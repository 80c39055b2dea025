package openai

import (
	"context"
	"errors"
	"sync"

	"trit/serve/answer"
	"trit/serve/wire"
)

// piece is a new part of one of several answers, or its end.
type piece struct {
	answer int
	event  answer.Event
	result *answer.Result // at the end
	err    error
}

// askAll asks for several answers at once, and gives their parts to on, one at a time. It
// returns the first error, of an answer or of on, and ends the other answers then.
func askAll(ctx context.Context, m *answer.Model, requests []answer.Request, on func(piece) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	pieces := make(chan piece)
	var asking sync.WaitGroup
	for i, r := range requests {
		asking.Go(func() {
			result, err := answer.Ask(ctx, m, r, func(e answer.Event) { pieces <- piece{answer: i, event: e} })
			pieces <- piece{answer: i, result: &result, err: err}
		})
	}
	go func() {
		asking.Wait()
		close(pieces)
	}()
	var first error
	for p := range pieces {
		if first == nil {
			if first = p.err; first == nil {
				first = on(p)
			}
			if first != nil {
				stop()
			}
		}
	}
	if first == nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctx.Err()
	}
	if first == nil && ctx.Err() != nil {
		return errLeft
	}
	return first
}

// endStream ends a stream of events. An error before its begin is the answer; one after it is its
// last event. A last part with the usage is sent if the request asks for it.
func (a *api) endStream(out *wire.Stream, err error, o *streamOptions, used any) error {
	switch {
	case out == nil:
		return err
	case out.Err() != nil:
		return nil // nobody reads any more
	case err != nil:
		return out.Send("", newErrorBody(a.hide(err)))
	}
	if o != nil && o.IncludeUsage && out.Send("", used) != nil {
		return nil
	}
	return out.Text("[DONE]")
}

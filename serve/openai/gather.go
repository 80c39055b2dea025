package openai

import (
	"context"
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

// maxAtOnce is how many answers of one request are asked for together. More would fill the queue of
// an engine, which then refuses the request.
const maxAtOnce = 32

// askAll asks for several answers at once, and gives their parts to on, one at a time. It returns
// the first error, of an answer, of on or of ctx, and ends the other answers then.
func askAll(ctx context.Context, m *answer.Model, requests []answer.Request, on func(piece) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	pieces := make(chan piece)
	go func() {
		defer close(pieces)
		var asking sync.WaitGroup
		free := make(chan struct{}, maxAtOnce)
		for i, r := range requests {
			free <- struct{}{}
			if ctx.Err() != nil {
				break
			}
			asking.Go(func() {
				result, err := answer.Ask(ctx, m, r, func(e answer.Event) { pieces <- piece{answer: i, event: e} })
				pieces <- piece{answer: i, result: &result, err: err}
				<-free
			})
		}
		asking.Wait()
	}()
	var first error
	for p := range pieces {
		if first != nil {
			continue
		}
		switch first = p.err; {
		case first != nil:
		case p.result != nil && p.result.Finish == answer.FinishCancel:
			if first = ctx.Err(); first == nil {
				first = wire.Errorf(wire.Internal, "", "the server is ending: ask again")
			}
		default:
			first = on(p)
		}
		if first != nil {
			stop()
		}
	}
	if first == nil {
		first = ctx.Err() // some answers were not asked for
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

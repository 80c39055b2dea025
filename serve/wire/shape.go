package wire

import (
	"context"
	"log/slog"
	"net/http"

	"trit/serve/answer"
)

// Shape is how an API says errors.
type Shape struct {
	Log   *slog.Logger // gets what clients must not see; nil: slog.Default
	Write func(http.ResponseWriter, *Error)
	// Names are the API's names of fields that answer.RequestError names otherwise.
	Names map[string]string
}

// Handle makes a handler of a function whose error is the answer, if nothing was written before.
func (s *Shape) Handle(f func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			s.Write(w, s.Error(err))
		}
	})
}

// Error turns an error into one for the client, and logs what the client does not see.
func (s *Shape) Error(err error) *Error {
	e, hidden := ErrorOf(err)
	if hidden {
		log := s.Log
		if log == nil {
			log = slog.Default()
		}
		log.Error("a request failed", "error", err)
	}
	if name, ok := s.Names[e.Field]; ok {
		named := *e
		named.Field = name
		return &named
	}
	return e
}

// Ask answers a request for a client. It gives the parts of the answer to on, whose error ends it.
// An answer that ends before its end is an error too.
func Ask(ctx context.Context, m *answer.Model, r answer.Request, on func(answer.Event) error) (answer.Result, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var refused error
	result, err := answer.Ask(ctx, m, r, func(e answer.Event) {
		if refused != nil {
			return
		}
		if refused = on(e); refused != nil {
			stop()
		}
	})
	switch {
	case refused != nil:
		return result, refused
	case err != nil:
		return result, err
	case result.Finish != answer.FinishCancel:
		return result, nil
	case ctx.Err() != nil:
		return result, ctx.Err()
	}
	return result, Errorf(Internal, "", "the server is ending: ask again")
}

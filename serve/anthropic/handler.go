// Package anthropic serves models by the API of Anthropic: messages, and counts of their tokens.
// What a budget of thoughts says is not held: max_tokens bounds thoughts and answer together. A
// request without thinking leaves it to the model whether it thinks.
package anthropic

import (
	"log/slog"
	"net/http"

	"trit/serve/answer"
	"trit/serve/wire"
)

// Options are what the API needs beside models.
type Options struct {
	Log *slog.Logger // gets the errors that clients must not see; nil: slog.Default
}

// api serves the API.
type api struct {
	models answer.Models
	shape  wire.Shape
}

// New makes the handlers of the API, by their patterns for http.ServeMux.
func New(models answer.Models, o Options) map[string]http.Handler {
	a := &api{models, wire.Shape{Log: o.Log, Write: WriteError, Names: fieldNames}}
	return map[string]http.Handler{
		"POST /v1/messages":              a.shape.Handle(a.create),
		"POST /v1/messages/count_tokens": a.shape.Handle(a.count),
	}
}

// fieldNames are the API's names of fields of answer.Request.
var fieldNames = map[string]string{
	"stop": "stop_sequences", "response_format": "output_config.format",
}

// errorBody is an error in the shape of the API. Clients of Anthropic know the code as errorCode.
type errorBody struct {
	Type  string `json:"type"`
	Error struct {
		Type    string `json:"type"`
		Message string `json:"message"`
		Details struct {
			Code wire.Code `json:"error_code"`
		} `json:"details"`
	} `json:"error"`
}

func newErrorBody(e *wire.Error) (b errorBody) {
	b.Type, b.Error.Type, b.Error.Message, b.Error.Details.Code = "error", errorType(e), e.Error(), e.Code
	return b
}

// errorType is the API's name of a kind of error.
func errorType(e *wire.Error) string {
	switch e.Code {
	case wire.InvalidKey:
		return "authentication_error"
	case wire.NotAllowed:
		return "permission_error"
	case wire.ModelNotFound, wire.NotFound:
		return "not_found_error"
	case wire.TooLarge:
		return "request_too_large"
	case wire.RateLimit:
		return "rate_limit_error"
	case wire.Overloaded:
		return "overloaded_error"
	case wire.Timeout:
		return "timeout_error"
	case wire.Internal:
		return "api_error"
	}
	return "invalid_request_error"
}

// WriteError writes an error in the shape of the API.
func WriteError(w http.ResponseWriter, e *wire.Error) {
	wire.SetRetryAfter(w, e)
	wire.WriteJSON(w, e.Status(), newErrorBody(e))
}

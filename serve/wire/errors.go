// Package wire is what the APIs of the server share on the wire: bodies within limits, streams of
// events, and which status and code an error has.
package wire

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"trit/lm"
	"trit/serve/answer"
)

// Code names a kind of error. It never changes; each API has it in its own shape of error.
type Code string

// Codes of errors.
const (
	InvalidInput    Code = "invalid_input"           // 400: the request is wrong
	ContextLength   Code = "context_length_exceeded" // 400: more tokens than the model holds
	InvalidKey      Code = "invalid_api_key"         // 401
	NotAllowed      Code = "not_allowed"             // 403: the key must not use this model
	ModelNotFound   Code = "model_not_found"         // 404
	NotFound        Code = "not_found"               // 404: there is no such address
	WrongMethod     Code = "method_not_allowed"      // 405
	TooLarge        Code = "request_too_large"       // 413
	RateLimit       Code = "rate_limit_exceeded"     // 429: this client asks too much
	Overloaded      Code = "server_overloaded"       // 429: everybody together does
	ContentFiltered Code = "content_filtered"        // 400
	Timeout         Code = "timeout"                 // 408: the client was too slow
	ClientLeft      Code = "client_closed_request"   // 499, for logs and metrics: nobody reads it
	Unsupported     Code = "not_supported"           // 400: this server does not do that
	Internal        Code = "internal_error"          // 500
)

var statuses = map[Code]int{
	InvalidInput: http.StatusBadRequest, ContextLength: http.StatusBadRequest, InvalidKey: http.StatusUnauthorized,
	NotAllowed: http.StatusForbidden, ModelNotFound: http.StatusNotFound, NotFound: http.StatusNotFound,
	WrongMethod: http.StatusMethodNotAllowed, TooLarge: http.StatusRequestEntityTooLarge,
	RateLimit: http.StatusTooManyRequests, Overloaded: http.StatusTooManyRequests,
	ContentFiltered: http.StatusBadRequest, Timeout: http.StatusRequestTimeout, Unsupported: http.StatusBadRequest,
	ClientLeft: statusClientLeft, Internal: http.StatusInternalServerError,
}

// statusClientLeft is nginx's status of a request whose client has left before its answer.
const statusClientLeft = 499

// Error is an error for a client.
type Error struct {
	Code       Code
	Field      string // of the request, "" for none
	Text       string
	RetryAfter time.Duration // 0: not said
}

// Error implements error.
func (e *Error) Error() string {
	if e.Field == "" {
		return e.Text
	}
	return e.Field + ": " + e.Text
}

// Status is the HTTP status of the error.
func (e *Error) Status() int { return statuses[e.Code] }

// Errorf makes an error of a code.
func Errorf(code Code, field, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Text: fmt.Sprintf(format, args...)}
}

// CheckMost refuses a number of a request, nil for none, that is above the most that an API allows.
func CheckMost(field string, value *float64, most float64) error {
	if value != nil && *value > most {
		return Errorf(InvalidInput, field, "is %g: want at most %g", *value, most)
	}
	return nil
}

// ErrorOf turns any error into one for a client. What went wrong inside of the server stays there:
// such an error becomes one with the code Internal, and hidden reports that its own text is for the
// log alone. context.Canceled means that the client has left.
func ErrorOf(err error) (e *Error, hidden bool) {
	var bad *answer.RequestError
	var unknown *answer.UnknownModelError
	var long *lm.LengthError
	var busy *lm.BusyError
	switch {
	case errors.As(err, &e):
		return e, false
	case errors.As(err, &bad):
		return Errorf(InvalidInput, bad.Field, "%s", bad.Text), false
	case errors.As(err, &unknown):
		return Errorf(ModelNotFound, "model", "%v", unknown), false
	case errors.As(err, &long):
		return Errorf(ContextLength, "", "%v", long), false
	case errors.As(err, &busy):
		return &Error{Code: Overloaded, Text: busy.Error(), RetryAfter: busy.RetryAfter}, false
	case errors.Is(err, context.DeadlineExceeded):
		return Errorf(Timeout, "", "the answer took longer than the server allows"), false
	case errors.Is(err, context.Canceled):
		return Errorf(ClientLeft, "", "the client has left"), false
	}
	return Errorf(Internal, "", "the server failed: its log says why"), true
}

// SetRetryAfter sets the header that says when to try again, in whole seconds.
func SetRetryAfter(w http.ResponseWriter, e *Error) {
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
}

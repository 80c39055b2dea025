package lm

import (
	"fmt"
	"time"
)

// BusyError says that a request was not taken because too many others wait.
type BusyError struct {
	Waiting    int
	RetryAfter time.Duration // when there may be space
}

// Error implements error.
func (e *BusyError) Error() string {
	return fmt.Sprintf("%d requests wait already: try again in %s", e.Waiting, e.RetryAfter.Round(time.Second))
}

// LengthError says that a request has more tokens than a model or its memory can hold.
type LengthError struct {
	Tokens int
	Limit  int
	Of     string // what sets the limit, such as "the context"
}

// Error implements error.
func (e *LengthError) Error() string {
	return fmt.Sprintf("the request has %d tokens, and %s holds %d: shorten it, or ask for fewer tokens",
		e.Tokens, e.Of, e.Limit)
}

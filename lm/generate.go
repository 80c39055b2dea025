package lm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// Generator continues one sequence of tokens, and gives the answer as a stream of text.
type Generator interface {
	// Generate appends the prompt to the tokens of the calls before, then the tokens that it
	// chooses. It calls onDelta, which may be nil, with each new part of the answer. When ctx
	// ends, the answer ends too, without an error and with FinishCancel.
	Generate(ctx context.Context, r GenerateRequest, onDelta func(Delta)) (GenerateResult, error)
}

// Delta is a new part of an answer. Together, the deltas have the text and the tokens of the
// result.
type Delta struct {
	// Text is whole characters, and nothing that may still become a stop text. It is "" if the
	// answer ends with tokens that have no text.
	Text string
	// Tokens are the tokens since the delta before. The text of the last of them may be held
	// back for a later delta.
	Tokens []int32
}

// GenerateRequest says what to continue, how to choose tokens and when to end.
type GenerateRequest struct {
	Prompt    []int32
	MaxTokens int
	Stop      []string // texts that end the answer; it ends before them
	StopIDs   []int32  // tokens that end the answer, such as the end of a turn
	Sampling  Sampling
	// PromptLookup drafts tokens from earlier text and checks several in one pass. It never
	// changes the answer, and pauses while drafts fail.
	PromptLookup bool
}

// FinishReason is why an answer ended.
type FinishReason string

// Reasons why an answer ends.
const (
	FinishStop    FinishReason = "stop"    // a stop text or token
	FinishLength  FinishReason = "length"  // MaxTokens tokens
	FinishContext FinishReason = "context" // the context has no space for another token
	FinishCancel  FinishReason = "cancel"  // the context ended
)

// GenerateResult is an answer and what it took.
type GenerateResult struct {
	Tokens       []int32
	Text         string
	FinishReason FinishReason
	PromptTokens int
	Prefill      time.Duration // reading the prompt
	Decode       time.Duration // generating
	Passes       int           // number of passes over the weights, without the prompt's
	Drafted      int           // number of drafted tokens (see GenerateRequest.PromptLookup)
	Accepted     int           // number of drafted tokens that the model chose too
}

// PrefillTokensPerSecond is the speed of reading the prompt.
func (r *GenerateResult) PrefillTokensPerSecond() float64 {
	return float64(r.PromptTokens) / max(r.Prefill.Seconds(), 1e-9)
}

// DecodeTokensPerSecond is the speed of generating.
func (r *GenerateResult) DecodeTokensPerSecond() float64 {
	return float64(len(r.Tokens)) / max(r.Decode.Seconds(), 1e-9)
}

// Sampling says how the next token is chosen. Repetition penalty, temperature, top-k, top-p and
// min-p apply in this order. The zero value always takes the likeliest token.
type Sampling struct {
	Temperature       float64 // 0: always the likeliest token
	TopK              int     // keeps the TopK likeliest tokens; 0: all
	TopP              float64 // keeps the likeliest tokens that together have this probability; 0 or 1: all
	MinP              float64 // keeps tokens with at least this share of the likeliest one's probability; 0: all
	RepetitionPenalty float64 // makes tokens that the sequence holds less likely; 0 or 1: none
	Seed              uint64
}

// Problem is a value that is out of its range.
type Problem struct {
	Field string // such as "lm.Sampling.Temperature"
	Value float64
	Want  string
}

// Error says field, value and range.
func (p *Problem) Error() string { return fmt.Sprintf("%s is %g: want %s", p.Field, p.Value, p.Want) }

// Problems are the values out of range.
func (s Sampling) Problems() (list []*Problem) {
	const positive, share = "0 or more", "a share from 0 to 1"
	check := func(field string, v float64, ok bool, want string) {
		if !ok { // NaN is never right
			list = append(list, &Problem{field, v, want})
		}
	}
	check("lm.Sampling.Temperature", s.Temperature, s.Temperature >= 0 && !math.IsInf(s.Temperature, 1), positive)
	check("lm.Sampling.TopK", float64(s.TopK), s.TopK >= 0, positive)
	check("lm.Sampling.TopP", s.TopP, s.TopP >= 0 && s.TopP <= 1, share)
	check("lm.Sampling.MinP", s.MinP, s.MinP >= 0 && s.MinP <= 1, share)
	check("lm.Sampling.RepetitionPenalty", s.RepetitionPenalty, s.RepetitionPenalty >= 0, positive)
	return list
}

// Validate returns an error that names the values out of range, and no others.
func (s Sampling) Validate() error {
	var all []error
	for _, p := range s.Problems() {
		all = append(all, p)
	}
	return errors.Join(all...)
}

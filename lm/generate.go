package lm

import (
	"context"
	"fmt"
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

// Validate returns an error that names the values out of range.
func (s Sampling) Validate() error {
	share := func(p float64) bool { return p >= 0 && p <= 1 } // false of NaN
	if s.Temperature >= 0 && s.TopK >= 0 && share(s.TopP) && share(s.MinP) && s.RepetitionPenalty >= 0 {
		return nil
	}
	return fmt.Errorf("temperature %g, top-k %d, top-p %g, min-p %g, repetition penalty %g: "+
		"want no negative value, and top-p and min-p up to 1",
		s.Temperature, s.TopK, s.TopP, s.MinP, s.RepetitionPenalty)
}

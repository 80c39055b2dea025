package lm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// Generator continues sequences of tokens, and gives each answer as a stream of text. Unless an
// implementation says otherwise, it must not be called by several goroutines at once.
type Generator interface {
	// Generate continues r.Prompt. It calls onDelta, which may be nil, with each new part of the
	// answer. When ctx ends, the answer ends too, without an error and with FinishCancel. What an
	// implementation has computed of a prompt for an earlier call, it need not compute again;
	// the answer depends on r alone.
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
	// LogProbs are those of Tokens, if the request asks for them.
	LogProbs []TokenLogProbs
}

// LogProb is a token and the natural logarithm of its probability.
type LogProb struct {
	ID      int32
	LogProb float64
}

// TokenLogProbs are the log-probabilities at one position, before sampling changes any: of the
// token that is there, and of the likeliest tokens, in order.
type TokenLogProbs struct {
	LogProb
	Top []LogProb
}

// GenerateRequest says what to continue, how to choose tokens and when to end.
type GenerateRequest struct {
	Prompt    []int32 // the whole sequence before the answer
	MaxTokens int
	Stop      []string // texts that end the answer; it ends before them
	StopIDs   []int32  // tokens that end the answer, such as the end of a turn
	Sampling  Sampling
	// PromptLookup drafts tokens from earlier text and checks several in one pass. It never
	// changes the answer, and pauses while drafts fail.
	PromptLookup bool
	// LogProbs asks for the log-probabilities of the answer's tokens, and TopLogProbs for those
	// of as many of the likeliest tokens at each position.
	LogProbs    bool
	TopLogProbs int
	// Constraint says which tokens the answer may have; nil: all. It is for this request alone.
	Constraint Constraint
}

// Constraint says which tokens an answer may have. It is for one answer and one goroutine.
type Constraint interface {
	// Mask returns the tokens that may come next: token id is bit id%64 of word id/64, and nil
	// allows all. A token that ends the answer is in the mask where the answer may end, so at
	// least one bit is set. The mask is valid until the next call; the caller does not change it.
	Mask() []uint64
	// Accept takes the next token of the answer, which Mask allowed.
	Accept(id int32)
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
	LogProbs     []TokenLogProbs // of Tokens, if the request asks for them
	Text         string
	StopText     string // the stop text that ended the answer, "" for none
	FinishReason FinishReason
	PromptTokens int
	CachedTokens int           // tokens of the prompt that were computed for an earlier request
	Queued       time.Duration // waiting for memory and for others
	Prefill      time.Duration // reading the prompt
	Decode       time.Duration // generating
	Passes       int           // number of passes over the weights, without the prompt's
	Drafted      int           // number of drafted tokens (see GenerateRequest.PromptLookup)
	Accepted     int           // number of drafted tokens that the model chose too
}

// PrefillTokensPerSecond is the speed of reading the tokens of the prompt that were not known.
func (r *GenerateResult) PrefillTokensPerSecond() float64 {
	return float64(r.PromptTokens-r.CachedTokens) / max(r.Prefill.Seconds(), 1e-9)
}

// DecodeTokensPerSecond is the speed of generating.
func (r *GenerateResult) DecodeTokensPerSecond() float64 {
	return float64(len(r.Tokens)) / max(r.Decode.Seconds(), 1e-9)
}

// Sampling says how the next token is chosen. Penalties and biases, temperature, top-k, top-p and
// min-p apply in this order. The zero value always takes the likeliest token.
type Sampling struct {
	Temperature       float64 // 0: always the likeliest token
	TopK              int     // keeps the TopK likeliest tokens; 0: all
	TopP              float64 // keeps the likeliest tokens that together have this probability; 0 or 1: all
	MinP              float64 // keeps tokens with at least this share of the likeliest one's probability; 0: all
	RepetitionPenalty float64 // makes tokens that the sequence holds less likely; 0 or 1: none
	// PresencePenalty is subtracted from the logit of a token that the answer holds, and
	// FrequencyPenalty once for each time that it does; from -2 to 2, as OpenAI's API has them.
	PresencePenalty, FrequencyPenalty float64
	LogitBias                         map[int32]float64 // added to the logits of tokens
	Seed                              uint64
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
	check("lm.Sampling.PresencePenalty", s.PresencePenalty, math.Abs(s.PresencePenalty) <= 2, "-2 to 2")
	check("lm.Sampling.FrequencyPenalty", s.FrequencyPenalty, math.Abs(s.FrequencyPenalty) <= 2, "-2 to 2")
	for _, bias := range s.LogitBias {
		check("lm.Sampling.LogitBias", bias, math.Abs(bias) <= 100, "-100 to 100")
	}
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

// Package lm is the contract between what runs a language model (the engine, the training
// graph, the client of a server) and what uses one (evaluation, serving, experiments). It
// imports nothing of the module, so that either side can be replaced. A token is an int32, its
// id in the model's tokenizer.
package lm

import "context"

// Model scores and continues many sequences. The result of a request depends on that request
// alone, not on other requests of the call or on their order. Methods return results in the
// order of the requests. When ctx ends, they return its error. Unless an implementation says
// otherwise, its methods must not be called by several goroutines at once.
type Model interface {
	// Score returns the log-probability of the targets of each request.
	Score(ctx context.Context, requests []ScoreRequest) ([]ScoreResult, error)
	// Continue returns the greedy continuation of each prompt, without the prompt.
	Continue(ctx context.Context, requests []ContinueRequest) ([][]int32, error)
	// ContextLength is the most tokens that a sequence may have, with its continuation.
	ContextLength() int
}

// Meter is a Model that counts its work. It may compute fewer tokens than the requests have, if
// requests share a prefix.
type Meter interface {
	// ComputedTokens is the number of tokens that have gone through the layers so far.
	ComputedTokens() int64
}

// Embedder turns sequences of tokens into vectors.
type Embedder interface {
	// Embed returns a vector of length 1 for each sequence of tokens.
	Embed(ctx context.Context, sequences [][]int32) ([][]float32, error)
}

// ScoreRequest asks how likely Targets are as the tokens after the last len(Targets) positions
// of Input. The last target follows the whole input; the others are the tokens of the input
// itself.
type ScoreRequest struct{ Input, Targets []int32 }

// ScoreResult is the answer to a ScoreRequest.
type ScoreResult struct {
	LogProb float64 `json:"log_prob"` // sum of ln p over the targets, in nats
	Greedy  bool    `json:"greedy"`   // reports whether each target was the likeliest token
}

// TokenScorer is a Model that tells the scores of single tokens.
type TokenScorer interface {
	// ScoreTokens returns the log-probability of each target of each request, with that of the
	// likeliest token in its place. The sum over a request's targets, in their order, is Score's.
	ScoreTokens(ctx context.Context, requests []ScoreRequest) ([][]TokenLogProbs, error)
}

// ContinueRequest asks for the likeliest tokens after Prompt, at most MaxTokens of them.
type ContinueRequest struct {
	Prompt    []int32
	MaxTokens int
	// Until are texts that end the continuation, for models that work on text, such as the
	// client of a server. Others may ignore them.
	Until []string
	// Stop reports whether to end after the tokens generated so far; nil never ends. A model
	// that cannot call it between tokens may go on to MaxTokens; the caller cuts the rest off.
	Stop func(generated []int32) bool
}

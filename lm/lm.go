// Package lm is the contract between what runs a language model and what uses one: the
// engine, the training graph and a server of completions on one side, evaluation, serving
// and experiments on the other. It holds types alone and imports nothing, so that either
// side can be replaced. Token ids are int32, those of the model's tokenizer.
package lm

import "context"

// Model scores and continues many sequences. The result of a request depends on that
// request alone, not on those beside it nor on their order. Methods return results in the
// order of the requests, and the error of ctx once that has ended. Unless an implementation
// says more, its methods must not be called by several goroutines at once.
type Model interface {
	// Score returns the log-probability of the targets of each request.
	Score(ctx context.Context, requests []ScoreRequest) ([]ScoreResult, error)
	// Continue returns the greedy continuation of each prompt, without the prompt.
	Continue(ctx context.Context, requests []ContinueRequest) ([][]int32, error)
	// ContextLength is the most tokens that a sequence may have, its continuation included.
	ContextLength() int
}

// Meter is a Model that counts its work. It may compute fewer tokens than the requests have,
// where these share a prefix.
type Meter interface {
	// ComputedTokens is how many tokens have gone through the layers so far.
	ComputedTokens() int64
}

// Embedder turns texts into vectors.
type Embedder interface {
	// Embed returns a vector of length 1 for each sequence of tokens.
	Embed(ctx context.Context, sequences [][]int32) ([][]float32, error)
}

// ScoreRequest asks how likely Targets are: the tokens that follow each of the last
// len(Targets) positions of Input. So the last target follows the whole input, and the
// others are in it.
type ScoreRequest struct{ Input, Targets []int32 }

// ScoreResult is the answer to a ScoreRequest.
type ScoreResult struct {
	LogProb float64 `json:"log_prob"` // sum of log p over the targets, in nats
	Greedy  bool    `json:"greedy"`   // reports whether each target was the likeliest token
}

// ContinueRequest asks for the likeliest tokens after Prompt, at most MaxTokens of them.
type ContinueRequest struct {
	Prompt    []int32
	MaxTokens int
	// Until are texts that end the answer, for models that see text, such as a server.
	Until []string
	// Stop reports whether to end after the tokens generated so far; nil never does. A model
	// that cannot call it between tokens may go on to MaxTokens: the caller cuts the rest off.
	Stop func(generated []int32) bool
}

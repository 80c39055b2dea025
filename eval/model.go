// Package eval measures language models with the rules of lm-evaluation-harness:
// multiple choice by log-likelihood, and perplexity of documents.
package eval

import (
	"context"

	"trit/tokenizer"
)

// Model is what is measured: a packed model on the engine, a checkpoint on its graph,
// or a server.
type Model interface {
	// Score gives the log-probabilities of the targets of each request.
	Score(ctx context.Context, requests []ScoreRequest) ([]ScoreResult, error)
	// Generate continues each prompt greedily.
	Generate(ctx context.Context, requests []GenerateRequest) ([][]int32, error)
}

// ScoreRequest asks for the probabilities of Targets: the tokens that follow each of
// the last len(Targets) places of Input.
type ScoreRequest struct{ Input, Targets []int32 }

// ScoreResult is the sum of log p over the targets, in nats, and whether each target
// was the likeliest token.
type ScoreResult struct {
	LogProb float64
	Greedy  bool
}

// GenerateRequest asks for at most MaxTokens tokens, until Stop says so.
type GenerateRequest struct {
	Prompt    []int32
	MaxTokens int
	Stop      func(generated []int32) bool
}

// Options say what to measure and how.
type Options struct {
	Tokenizer  *tokenizer.Tokenizer
	MaxLength  int      // of the model's input, in tokens
	Tasks      []string // names, or JSON files of tasks
	DataDir    string
	Limit      float64 // first N documents; below 1 that share; 0 all
	NumFewshot int     // -1: the task's own
	Out        string  // folder for results.json and samples; "" none
	Progress   func(done, total int)
}

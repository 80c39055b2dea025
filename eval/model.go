// Package eval measures language models with the rules of lm-evaluation-harness:
// multiple choice by log-likelihood, generation with stop strings and filters, and
// perplexity of documents.
package eval

import (
	"context"
	"time"

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

// Meter is a Model that tells how many tokens it has computed so far. Where requests begin
// alike these may be fewer than the tokens of the requests.
type Meter interface{ ComputedTokens() int64 }

// ScoreRequest asks for the probabilities of Targets: the tokens that follow each of
// the last len(Targets) places of Input.
type ScoreRequest struct{ Input, Targets []int32 }

// ScoreResult is the sum of log p over the targets, in nats, and whether each target
// was the likeliest token.
type ScoreResult struct {
	LogProb float64 `json:"log_prob"`
	Greedy  bool    `json:"greedy"`
}

// GenerateRequest asks for at most MaxTokens tokens, until Stop says so. Stop looks for
// the texts Until and for the ends of text; a model that cannot call it, such as a
// server, may look itself or go on to MaxTokens: what follows is cut off.
type GenerateRequest struct {
	Prompt    []int32
	MaxTokens int
	Until     []string
	Stop      func(generated []int32) bool
}

// Sandbox runs Python programs that a model wrote, in a place where they do no harm. It
// is called by several goroutines at once.
type Sandbox interface {
	// Run tells whether the program ended without an error, and how it ended in a word.
	// An error is one of the sandbox, such as a missing Python, and ends the evaluation.
	Run(ctx context.Context, program string) (passed bool, end string, err error)
}

// Options say what to measure and how.
type Options struct {
	Tokenizer *tokenizer.Tokenizer
	MaxLength int      // of the model's input, in tokens
	Tasks     []string // names, or JSON or YAML files of tasks of one's own

	DataDir      string // of the data sets, or one file
	AllowPartial bool   // take sets with fewer rows than they should have
	// Fetch brings files of a data set of the Hugging Face Hub into a folder, under their
	// paths, and returns it: those that choose picks of all that the set has. Where it
	// picks none, that is an error. It is asked for what DataDir lacks; nil: nobody is.
	Fetch func(ctx context.Context, dataset string, choose func(paths []string) []string) (dir string, err error)

	Limit      float64          // first N documents; below 1 that share; 0 all
	Samples    map[string][]int // numbers of the documents asked, by task; without it all
	NumFewshot int              // -1: the task's own
	MaxTokens  int              // of a generated answer; 0: the task's own

	ApplyChatTemplate bool
	FewshotMultiturn  bool // with the chat template: each example as turns of its own

	Batch       int     // requests that go to the model at a time; 0: as many as suit it
	Cache       string  // file of results to go on with; "" none
	Fingerprint string  // of the model and of what changes its results, for Cache
	Sandbox     Sandbox // nil: tasks that run code are refused

	ModelName string // for the results
	ModelArgs string
	Out       string // folder for results.json and samples; "" none
	Progress  func(Progress)
}

// Progress is how far a task is. Tokens are those of inputs, and of answers at most.
type Progress struct {
	Task          string
	Done, Total   int // requests that the cache does not answer
	Tokens, Whole int64
	Computed      int64         // tokens, where the model is a Meter
	Seconds       float64       // so far
	Left          time.Duration // as fast as so far
}

// Package openai measures models behind a server with the completions API of OpenAI, as
// the local-completions model of lm-evaluation-harness does: POST URL/completions with
// prompts of token ids; scores from "echo" with "logprobs", texts from "stop".
package openai

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"trit/eval"
	"trit/tokenizer"
)

// Defaults of Client.
const (
	DefaultConcurrent = 4
	DefaultTries      = 5
	DefaultTimeout    = 5 * time.Minute
	DefaultContext    = 2048
)

// Client is a model of a server; it implements eval.Model. The server must take prompts
// as token ids and, for Score, give log-probabilities of the prompt's tokens.
type Client struct {
	URL       string // of the API, such as http://localhost:8000/v1
	Model     string // the server's name of the model
	Key       string // sent as bearer token; "" none
	Tokenizer *tokenizer.Tokenizer

	Prompts    int           // in a request; 0 is 1, which every server takes
	Concurrent int           // requests at a time; 0 is DefaultConcurrent
	Tries      int           // of a request that the server puts off or drops; 0 is DefaultTries
	Timeout    time.Duration // of one try; 0 is DefaultTimeout
	HTTP       *http.Client  // nil: http.DefaultClient

	// Sleep waits between tries; nil waits for real.
	Sleep func(ctx context.Context, d time.Duration) error
}

// MaxLength is eval.Options.MaxLength for a server whose context has so many tokens. Two
// are less: the last one that is scored is sent too, and a server always generates one.
func MaxLength(context int) int { return context - 2 }

// New checks the address, with or without the last part /completions.
func New(address, model string, tok *tokenizer.Tokenizer) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the server is %q: want an address such as http://localhost:8000/v1, without user, password or query", address)
	}
	return &Client{URL: strings.TrimSuffix(strings.TrimRight(address, "/"), "/completions"), Model: model, Tokenizer: tok}, nil
}

// Score implements eval.Model. A target is greedy where no other token is likelier by the
// server's "top_logprobs", as the harness has it.
func (c *Client) Score(ctx context.Context, requests []eval.ScoreRequest) ([]eval.ScoreResult, error) {
	out := make([]eval.ScoreResult, len(requests))
	return out, c.each(ctx, c.chunks(len(requests), func(int, int) bool { return true }), func(ctx context.Context, part []int) error {
		q := query{Model: c.Model, MaxTokens: 1, LogProbs: 1, Echo: true}
		for _, i := range part {
			q.Prompt = append(q.Prompt, whole(requests[i]))
		}
		choices, err := c.complete(ctx, &q)
		if err != nil {
			return err
		}
		for n, i := range part {
			if out[i], err = choices[n].score(len(q.Prompt[n]), len(requests[i].Targets)); err != nil {
				return fmt.Errorf("%s: %w", c.URL, err)
			}
		}
		return nil
	})
}

// whole is the input and what is scored: the last target follows the last token of Input,
// the others are in it.
func whole(r eval.ScoreRequest) []int32 {
	return append(slices.Clone(r.Input), r.Targets[len(r.Targets)-1])
}

// maxStops is how many stop strings OpenAI's own server takes. What follows others is cut
// off by eval, so that they only cost time.
const maxStops = 4

// Generate implements eval.Model. The server's text is turned into tokens, of which eval
// makes text again; that is the same text unless the tokenizer normalises it, such as by
// composing accents.
func (c *Client) Generate(ctx context.Context, requests []eval.GenerateRequest) ([][]int32, error) {
	out := make([][]int32, len(requests))
	same := func(a, b int) bool {
		return requests[a].MaxTokens == requests[b].MaxTokens && slices.Equal(requests[a].Until, requests[b].Until)
	}
	return out, c.each(ctx, c.chunks(len(requests), same), func(ctx context.Context, part []int) error {
		first := requests[part[0]]
		stops := slices.DeleteFunc(slices.Clone(first.Until), func(s string) bool { return s == "" })
		q := query{Model: c.Model, MaxTokens: first.MaxTokens, Stop: stops[:min(len(stops), maxStops)]}
		for _, i := range part {
			q.Prompt = append(q.Prompt, requests[i].Prompt)
		}
		choices, err := c.complete(ctx, &q)
		if err != nil {
			return err
		}
		for n, i := range part {
			if choices[n].Text == nil {
				return fmt.Errorf("%s: an answer has no text: the server filtered it, or is none of completions", c.URL)
			}
			out[i] = c.Tokenizer.EncodeOrdinary(*choices[n].Text)
		}
		return nil
	})
}

// chunks cuts the numbers below n into runs of at most Prompts that may share a request.
func (c *Client) chunks(n int, together func(a, b int) bool) [][]int {
	var out [][]int
	for i := range n {
		if last := len(out) - 1; last >= 0 && len(out[last]) < c.Prompts && together(out[last][0], i) {
			out[last] = append(out[last], i)
			continue
		}
		out = append(out, []int{i})
	}
	return out
}

// each calls f for all parts, some at a time, and returns the first error, which ends the
// others.
func (c *Client) each(ctx context.Context, parts [][]int, f func(context.Context, []int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	free := make(chan struct{}, or(c.Concurrent, DefaultConcurrent))
	for _, part := range parts {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			if ctx.Err() != nil {
				return
			}
			if err := f(ctx, part); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// or is v, or the default where v is not positive.
func or[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

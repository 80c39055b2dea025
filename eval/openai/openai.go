// Package openai is the client of models behind a server with an API of OpenAI. Client scores and
// continues tokens, like the model local-completions of lm-evaluation-harness: it sends POST
// URL/completions with token ids as prompts; "echo" with "logprobs" gives scores, "stop" ends
// texts. Judge sends POST URL/chat/completions and returns the answer.
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

	"trit/lm"
	"trit/tokenizer"
)

// Defaults of Client.
const (
	DefaultConcurrent = 4
	DefaultTries      = 5
	DefaultTimeout    = 5 * time.Minute
	DefaultContext    = 2048
)

// Client is a model of a server; it implements lm.Model. The server must accept prompts as
// token ids and, for Score, return log-probabilities of the prompt's tokens.
type Client struct {
	Server
	Tokenizer *tokenizer.Tokenizer
	Context   int // context length of the server, in tokens

	Prompts    int // in a request; 0 is 1, which every server accepts
	Concurrent int // requests at a time; 0 is DefaultConcurrent
}

// Server is a model of a server, and how it is reached.
type Server struct {
	URL   string // of the API, such as http://localhost:8000/v1
	Model string // name of the model on the server
	Key   string // sent as bearer token; "" for none

	Tries   int           // of a request that the server defers or drops; 0 is DefaultTries
	Timeout time.Duration // of one try; 0 is DefaultTimeout
	HTTP    *http.Client  // nil: http.DefaultClient

	// Sleep waits between tries; nil waits on the real clock. Tests replace it.
	Sleep func(ctx context.Context, d time.Duration) error
}

// ContextLength implements lm.Model. It is two less than Context, since a request for scores
// sends the last target too, and a server always generates a token.
func (c *Client) ContextLength() int { return c.Context - 2 }

// New returns a client with a Context of DefaultContext. It returns an error for an address that
// cannot be used; the address may end in /completions.
func New(address, model string, tok *tokenizer.Tokenizer) (*Client, error) {
	base, err := baseURL(address, "/completions")
	if err != nil {
		return nil, err
	}
	return &Client{Server: Server{URL: base, Model: model}, Tokenizer: tok, Context: DefaultContext}, nil
}

// baseURL is an address without the path of a request at its end.
func baseURL(address, path string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("the server is %q: want an address such as http://localhost:8000/v1, "+
			"without user, password or query", address)
	}
	return strings.TrimSuffix(strings.TrimRight(address, "/"), path), nil
}

// Score implements lm.Model. A target is greedy if no other token is likelier by the server's
// "top_logprobs", as in the harness.
func (c *Client) Score(ctx context.Context, requests []lm.ScoreRequest) ([]lm.ScoreResult, error) {
	out := make([]lm.ScoreResult, len(requests))
	parts := c.chunks(len(requests), func(int, int) bool { return true })
	return out, c.each(ctx, parts, func(ctx context.Context, part []int) error {
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

// whole is the input and the last target, which follows it. The input holds the other targets.
func whole(r lm.ScoreRequest) []int32 {
	return append(slices.Clone(r.Input), r.Targets[len(r.Targets)-1])
}

// maxStops is the most stop strings that OpenAI's own server accepts. Package eval cuts the text
// at further ones, which cost only time.
const maxStops = 4

// Continue implements lm.Model. It encodes the server's text as tokens, which package eval
// decodes again. The text stays the same unless the tokenizer normalises it, for instance by
// composing accents.
func (c *Client) Continue(ctx context.Context, requests []lm.ContinueRequest) ([][]int32, error) {
	out := make([][]int32, len(requests))
	same := func(a, b int) bool {
		return requests[a].MaxTokens == requests[b].MaxTokens && slices.Equal(requests[a].Until, requests[b].Until)
	}
	parts := c.chunks(len(requests), same)
	return out, c.each(ctx, parts, func(ctx context.Context, part []int) error {
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
				return fmt.Errorf("%s: an answer has no text: the server filtered it, or it answers no completions", c.URL)
			}
			out[i] = c.Tokenizer.EncodeOrdinary(*choices[n].Text)
		}
		return nil
	})
}

// chunks cuts the numbers below n into runs of at most Prompts numbers, which share a request.
// together reports whether two numbers may.
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

// each calls f for all parts, a few at a time, and returns the first error, which ends the
// others.
func (c *Client) each(ctx context.Context, parts [][]int, f func(context.Context, []int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	free := make(chan struct{}, positiveOr(c.Concurrent, DefaultConcurrent))
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

// positiveOr is v if it is positive, else the default.
func positiveOr[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

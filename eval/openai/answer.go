package openai

import (
	"errors"
	"fmt"

	"trit/lm"
)

// query is the body of a request. With Temperature 0 the server takes the likeliest token.
type query struct {
	Model       string    `json:"model"`
	Prompt      [][]int32 `json:"prompt"`
	MaxTokens   int       `json:"max_tokens"`
	Temperature float64   `json:"temperature"`
	LogProbs    int       `json:"logprobs,omitempty"`
	Echo        bool      `json:"echo,omitempty"`
	Stop        []string  `json:"stop,omitempty"`
}

// tokens is the number of tokens of all prompts.
func (q *query) tokens() (n int) {
	for _, p := range q.Prompt {
		n += len(p)
	}
	return n
}

// answer holds the fields of a server's answer that the client uses.
type answer struct {
	Choices []choice `json:"choices"`
	Usage   struct {
		PromptTokens int `json:"prompt_tokens"`
	} `json:"usage"`
}

// choice is the answer to one prompt.
type choice struct {
	Index    int     `json:"index"`
	Text     *string `json:"text"`
	LogProbs *struct {
		// Tokens has the log-probabilities of the prompt's tokens and of the generated one;
		// nil for the first.
		Tokens []*float64           `json:"token_logprobs"`
		Top    []map[string]float64 `json:"top_logprobs"`
	} `json:"logprobs"`
}

// inOrder puts the choices into the order of the prompts.
func (a *answer) inOrder(q *query) ([]choice, error) {
	out, seen := make([]choice, len(q.Prompt)), make([]bool, len(q.Prompt))
	if len(a.Choices) != len(out) {
		return nil, fmt.Errorf("%d answers to %d prompts in one request: send one prompt a request", len(a.Choices), len(out))
	}
	for _, c := range a.Choices {
		if c.Index < 0 || c.Index >= len(out) || seen[c.Index] {
			return nil, fmt.Errorf("an answer has the index %d: want each from 0 to %d once", c.Index, len(out)-1)
		}
		out[c.Index], seen[c.Index] = c, true
	}
	if n := a.Usage.PromptTokens; n > 0 && n != q.tokens() {
		return nil, fmt.Errorf("the server counts %d tokens, but %d were sent: "+
			"it adds some, such as a beginning of text, or cuts the prompt", n, q.tokens())
	}
	return out, nil
}

// score adds up the log-probabilities of the last targets tokens of a prompt of n tokens.
func (c *choice) score(n, targets int) (lm.ScoreResult, error) {
	if c.LogProbs == nil || c.LogProbs.Tokens == nil {
		return lm.ScoreResult{}, errors.New("the server gives no log-probabilities of tokens " +
			"(\"logprobs\"), which scores are made of")
	}
	logs, top := c.LogProbs.Tokens, c.LogProbs.Top
	if len(logs) < n {
		return lm.ScoreResult{}, fmt.Errorf("the server gives log-probabilities of %d tokens for a prompt of %d: "+
			"it gives none for the prompt's tokens (\"echo\" with \"logprobs\"), which scores are made of", len(logs), n)
	}
	if len(logs) > n+1 {
		return lm.ScoreResult{}, fmt.Errorf("the server gives log-probabilities of %d tokens for a prompt of %d "+
			"and one generated: it adds tokens, such as a beginning of text", len(logs), n)
	}
	if len(top) < n {
		return lm.ScoreResult{}, fmt.Errorf("the server gives the likeliest tokens (\"top_logprobs\") "+
			"at %d positions of a prompt of %d", len(top), n)
	}
	r := lm.ScoreResult{Greedy: true}
	for i := n - targets; i < n; i++ {
		if logs[i] == nil {
			return r, fmt.Errorf("the server gives no log-probability of token %d of a prompt of %d", i+1, n)
		}
		if len(top[i]) == 0 {
			return r, fmt.Errorf("the server does not name the likeliest token (\"top_logprobs\") "+
				"at position %d of a prompt of %d", i+1, n)
		}
		r.LogProb += *logs[i]
		for _, v := range top[i] {
			r.Greedy = r.Greedy && v <= *logs[i]
		}
	}
	return r, nil
}

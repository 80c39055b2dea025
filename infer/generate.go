package infer

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// TokenText turns a token into its bytes; a tokenizer is one.
type TokenText interface{ TokenBytes(id int32) []byte }

// GenerateOptions say how far to generate.
type GenerateOptions struct {
	MaxTokens int
	Stop      []string // texts to end before
	StopIDs   []int32  // tokens to end at
	Sampler   SamplerOptions
	OnText    func(string) // called with new text, whole characters only; may be nil
}

// Reasons why generation ended.
const (
	FinishStop    = "stop"    // a stop string or token
	FinishLength  = "length"  // MaxTokens
	FinishContext = "context" // the session is full
	FinishCancel  = "cancel"  // the context ended
)

// Result is what was generated.
type Result struct {
	Tokens       []int32
	Text         string
	FinishReason string
	PromptTokens int
	Prefill      time.Duration
	Decode       time.Duration
}

// PrefillTokensPerSecond is the speed of reading the prompt.
func (r *Result) PrefillTokensPerSecond() float64 {
	return float64(r.PromptTokens) / max(r.Prefill.Seconds(), 1e-9)
}

// DecodeTokensPerSecond is the speed of generating.
func (r *Result) DecodeTokensPerSecond() float64 {
	return float64(len(r.Tokens)) / max(r.Decode.Seconds(), 1e-9)
}

// Generate appends the prompt to the session and then tokens chosen by the sampler.
func (s *Session) Generate(ctx context.Context, prompt []int32, tok TokenText, o GenerateOptions) (Result, error) {
	r := Result{PromptTokens: len(prompt), FinishReason: FinishLength}
	if err := o.Sampler.Validate(); err != nil {
		return r, err
	}
	if len(prompt) == 0 {
		return r, fmt.Errorf("the prompt has no tokens: give at least one")
	}
	sampler := NewSampler(o.Sampler)
	for _, id := range prompt {
		sampler.Accept(id)
	}
	start := time.Now()
	id, err := s.Step(prompt, sampler)
	if err != nil {
		return r, err
	}
	r.Prefill = time.Since(start)
	start = time.Now()
	out := &textStream{stop: o.Stop, emit: o.OnText}
	for len(r.Tokens) < o.MaxTokens {
		if slices.Contains(o.StopIDs, id) {
			r.FinishReason = FinishStop
			break
		}
		sampler.Accept(id)
		r.Tokens = append(r.Tokens, id)
		if out.add(tok.TokenBytes(id)) {
			r.FinishReason = FinishStop
			break
		}
		if ctx.Err() != nil {
			r.FinishReason = FinishCancel
			break
		}
		if s.Len() == s.capacity {
			r.FinishReason = FinishContext
			break
		}
		if id, err = s.Step([]int32{id}, sampler); err != nil {
			return r, err
		}
	}
	r.Decode = time.Since(start)
	r.Text = out.finish()
	return r, nil
}

// textStream hands text on as it grows, but holds back what may still turn out to be
// a stop string or half a character.
type textStream struct {
	stop    []string
	emit    func(string)
	text    strings.Builder // handed on
	pending []byte          // held back
	stopped bool
}

// add takes the bytes of a token; true when a stop string has come.
func (t *textStream) add(b []byte) bool {
	t.pending = append(t.pending, b...)
	first := -1
	for _, s := range t.stop {
		if i := strings.Index(string(t.pending), s); i >= 0 && s != "" && (first < 0 || i < first) {
			first = i
		}
	}
	if first >= 0 {
		t.release(first)
		t.pending, t.stopped = nil, true
		return true
	}
	t.release(len(t.pending) - t.held())
	return false
}

// held is how many of the last bytes must wait.
func (t *textStream) held() int {
	n := 0
	for i := 1; i <= min(3, len(t.pending)); i++ { // the beginning of a character
		if last := t.pending[len(t.pending)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				n = i
			}
			break
		}
	}
	for _, s := range t.stop { // the beginning of a stop string
		for i := min(len(s)-1, len(t.pending)); i > n; i-- {
			if strings.HasPrefix(s, string(t.pending[len(t.pending)-i:])) {
				n = i
				break
			}
		}
	}
	return n
}

func (t *textStream) release(n int) {
	if n == 0 {
		return
	}
	s := strings.ToValidUTF8(string(t.pending[:n]), "\uFFFD")
	t.pending = t.pending[n:]
	t.text.WriteString(s)
	if t.emit != nil {
		t.emit(s)
	}
}

// finish hands on what is left and returns the whole text.
func (t *textStream) finish() string {
	t.release(len(t.pending))
	return t.text.String()
}

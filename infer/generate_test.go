package infer

import (
	"context"
	"slices"
	"strings"
	"testing"

	"trit/lm"
)

// script is a TokenText that gives its parts one after the other, whatever the tokens are.
type script struct {
	parts []string
	next  int
}

func (s *script) TokenBytes(int32) []byte {
	s.next++
	return []byte(s.parts[(s.next-1)%len(s.parts)])
}

// generatorOf is a generator of a small random model.
func generatorOf(t *testing.T, tok TokenText, capacity int) *Generator {
	t.Helper()
	m, err := Random(smallConfig(), 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := m.NewGenerator(tok, capacity)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// generate returns a result and the texts of the deltas, without an empty last one. The deltas
// must join to the result.
func generate(t *testing.T, g *Generator, r lm.GenerateRequest) (lm.GenerateResult, []string) {
	t.Helper()
	var texts []string
	var tokens []int32
	got, err := g.Generate(t.Context(), r, func(d lm.Delta) {
		texts, tokens = append(texts, d.Text), append(tokens, d.Tokens...)
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(texts, "") != got.Text || !slices.Equal(tokens, got.Tokens) {
		t.Errorf("the deltas %q of tokens %v do not join to %q of %v", texts, tokens, got.Text, got.Tokens)
	}
	if last := len(texts) - 1; last >= 0 && texts[last] == "" {
		texts = texts[:last]
	}
	if slices.Contains(texts, "") {
		t.Errorf("an empty text is not the last one: %q", texts)
	}
	return got, texts
}

func TestTextOfAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		parts, stop, emitted []string
		tokens               int
		reason               lm.FinishReason
	}{
		"no stop text":             {[]string{"a", "b", "c"}, nil, []string{"a", "b", "c"}, 3, lm.FinishLength},
		"a stop text in tokens":    {[]string{"one ST", "OP two", "x"}, []string{"STOP"}, []string{"one "}, 2, lm.FinishStop},
		"a stop text in a token":   {[]string{"a", "b. c", "x"}, []string{"!", "."}, []string{"a", "b"}, 2, lm.FinishStop},
		"the first of stop texts":  {[]string{"abcd", "x", "x"}, []string{"d", "b"}, []string{"a"}, 1, lm.FinishStop},
		"a stop text that fails":   {[]string{"one S", "T", "one"}, []string{"STOP"}, []string{"one ", "STone"}, 3, lm.FinishLength},
		"half a stop text, at end": {[]string{"a", "S", "T"}, []string{"STOP"}, []string{"a", "ST"}, 3, lm.FinishLength},
		"half a character":         {[]string{"\xe2", "\x82", "\xac!"}, nil, []string{"€!"}, 3, lm.FinishLength},
		"a character never whole":  {[]string{"a\xe2\x82", "b", "c"}, nil, []string{"a", "\uFFFDb", "c"}, 3, lm.FinishLength},
		"an empty stop text":       {[]string{"a", "b", "c"}, []string{""}, []string{"a", "b", "c"}, 3, lm.FinishLength},
	} {
		g := generatorOf(t, &script{parts: c.parts}, 50)
		got, emitted := generate(t, g, lm.GenerateRequest{Prompt: []int32{1, 2}, MaxTokens: 3, Stop: c.stop})
		if !slices.Equal(emitted, c.emitted) || len(got.Tokens) != c.tokens || got.FinishReason != c.reason {
			t.Errorf("%s: %q of %d tokens, ended by %s; want %q of %d, ended by %s",
				name, emitted, len(got.Tokens), got.FinishReason, c.emitted, c.tokens, c.reason)
		}
	}
}

func TestAnswersEnd(t *testing.T) {
	prompt := []int32{1, 2, 3, 4}
	whole, _ := generate(t, generatorOf(t, noText{}, 50), lm.GenerateRequest{Prompt: prompt, MaxTokens: 20})
	stop := whole.Tokens[5]
	for name, c := range map[string]struct {
		capacity int
		request  lm.GenerateRequest
		tokens   []int32
		reason   lm.FinishReason
	}{
		"at the limit":       {50, lm.GenerateRequest{MaxTokens: 7}, whole.Tokens[:7], lm.FinishLength},
		"at once":            {50, lm.GenerateRequest{}, nil, lm.FinishLength},
		"at a stop token":    {50, lm.GenerateRequest{MaxTokens: 20, StopIDs: []int32{stop}}, upTo(whole.Tokens, stop), lm.FinishStop},
		"without space":      {10, lm.GenerateRequest{MaxTokens: 20}, whole.Tokens[:7], lm.FinishContext},
		"without, in drafts": {10, lm.GenerateRequest{MaxTokens: 20, PromptLookup: true}, whole.Tokens[:7], lm.FinishContext},
		"with the prompt":    {4, lm.GenerateRequest{MaxTokens: 20}, whole.Tokens[:1], lm.FinishContext},
	} {
		c.request.Prompt = prompt
		g := generatorOf(t, noText{}, c.capacity)
		got, _ := generate(t, g, c.request)
		if !slices.Equal(got.Tokens, c.tokens) || got.FinishReason != c.reason || got.PromptTokens != len(prompt) {
			t.Errorf("%s: %v after %d tokens, ended by %s; want %v, ended by %s",
				name, got.Tokens, got.PromptTokens, got.FinishReason, c.tokens, c.reason)
		}
		if g.Len() > c.capacity {
			t.Errorf("%s: the generator holds %d tokens of %d", name, g.Len(), c.capacity)
		}
	}
}

// upTo is the tokens before the first that equals id.
func upTo(ids []int32, id int32) []int32 { return ids[:slices.Index(ids, id)] }

func TestCancelledAnswers(t *testing.T) {
	g := generatorOf(t, noText{}, 50)
	ctx, cancel := context.WithCancel(t.Context())
	texts := 0
	got, err := g.Generate(ctx, lm.GenerateRequest{Prompt: []int32{1, 2}, MaxTokens: 20}, func(lm.Delta) {
		if texts++; texts == 3 {
			cancel()
		}
	})
	if err != nil || got.FinishReason != lm.FinishCancel || len(got.Tokens) != 3 || got.Text != "xxx" {
		t.Errorf("%d tokens, %q, ended by %s (%v)", len(got.Tokens), got.Text, got.FinishReason, err)
	}
}

// ended is a context that has ended before the nth time that it is asked.
type ended struct {
	context.Context
	n int
}

func (e *ended) Err() error {
	if e.n--; e.n < 0 {
		return context.Canceled
	}
	return nil
}

// A long prompt is read in parts, and the reading ends with the context. What was read stays,
// and the answer that follows is the same as of a prompt read at once.
func TestCancelledPrompts(t *testing.T) {
	prompt := make([]int32, 3*maxBatch)
	for i := range prompt {
		prompt[i] = int32(i % 200)
	}
	g := generatorOf(t, noText{}, len(prompt)+8)
	r := lm.GenerateRequest{Prompt: prompt, MaxTokens: 4}
	got, err := g.Generate(&ended{t.Context(), 1}, r, nil)
	if err != nil || got.FinishReason != lm.FinishCancel || len(got.Tokens) != 0 || g.Len() != maxBatch {
		t.Errorf("%d tokens after %d of the prompt, ended by %s (%v)", len(got.Tokens), g.Len(), got.FinishReason, err)
	}
	rest, _ := generate(t, g, r)
	if rest.CachedTokens != maxBatch {
		t.Errorf("%d tokens of the prompt were computed before, want %d", rest.CachedTokens, maxBatch)
	}
	whole, _ := generate(t, generatorOf(t, noText{}, len(prompt)+8), r)
	if !slices.Equal(rest.Tokens, whole.Tokens) || len(whole.Tokens) != 4 {
		t.Errorf("the answer is %v, of a prompt read at once %v", rest.Tokens, whole.Tokens)
	}
}

// TestGeneratorGoesOn compares a second answer, whose prompt the generator holds in part, with
// that of a generator of its own.
func TestGeneratorGoesOn(t *testing.T) {
	g, alone := generatorOf(t, noText{}, 60), generatorOf(t, noText{}, 60)
	first, _ := generate(t, g, lm.GenerateRequest{Prompt: []int32{1, 2, 3}, MaxTokens: 8})
	ids := slices.Concat([]int32{1, 2, 3}, first.Tokens[:5], []int32{9, 8})
	request := lm.GenerateRequest{Prompt: ids, MaxTokens: 8, Sampling: lm.Sampling{RepetitionPenalty: 1.2}}
	got, _ := generate(t, g, request)
	if got.CachedTokens < 8 || got.PromptTokens != len(ids) {
		t.Errorf("%d of %d tokens of the prompt were computed before", got.CachedTokens, got.PromptTokens)
	}
	want, _ := generate(t, alone, request)
	if !slices.Equal(got.Tokens, want.Tokens) {
		t.Errorf("the second answer is %v, alone %v", got.Tokens, want.Tokens)
	}
}

func TestGenerateRefuses(t *testing.T) {
	for want, r := range map[string]lm.GenerateRequest{
		"Temperature is -1": {Prompt: []int32{1}, Sampling: lm.Sampling{Temperature: -1}},
		"no tokens":         {MaxTokens: 1},
		"space for 10":      {Prompt: make([]int32, 11), MaxTokens: 1},
		"id 203":            {Prompt: []int32{203}, MaxTokens: 1},
	} {
		_, err := generatorOf(t, noText{}, 10).Generate(t.Context(), r, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

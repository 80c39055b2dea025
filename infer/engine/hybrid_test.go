package engine

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"trit/format/gguf"
	"trit/infer"
	"trit/internal/testutil"
	"trit/lm"
)

// TestHybridAnswers asks for many answers whose prompts share beginnings, some of which are left on the way, of a model
// with recurrent layers. Each answer is that of a generator of its own, and prefixes are reused.
func TestHybridAnswers(t *testing.T) {
	m, err := infer.Load(testutil.HybridGGUF(t, testutil.Hybrid(), gguf.Q2_0, 1), infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r := rand.New(rand.NewPCG(8, 1))
	random := func(n int) []int32 {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = int32(r.IntN(320))
		}
		return ids
	}
	base := random(400)
	var requests []lm.GenerateRequest
	for i := range 16 {
		prompt := slices.Concat(base[:60+20*i], random(1+40*(i%4)))
		requests = append(requests, lm.GenerateRequest{Prompt: prompt, MaxTokens: 20 + i, PromptLookup: i%2 == 0})
	}
	memory := 4 * (m.SessionBytes(600) + m.DraftBytes())
	e := New(m, letters{}, Options{Memory: memory})
	defer e.Close()
	cached := 0
	var mu sync.Mutex
	ask := func(i int) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		got, err := e.Generate(ctx, requests[i], func(lm.Delta) {
			if n++; i%5 == 3 && n == 7 {
				cancel()
			}
		})
		if err != nil {
			t.Error(err)
			return
		}
		g, _ := m.NewGenerator(letters{}, 2048)
		want, err := g.Generate(t.Context(), requests[i], nil)
		if err != nil || len(got.Tokens) > len(want.Tokens) || !slices.Equal(got.Tokens, want.Tokens[:len(got.Tokens)]) {
			t.Errorf("answer %d is\n%v\nalone %v, %v", i, got.Tokens, want.Tokens, err)
		}
		mu.Lock()
		defer mu.Unlock()
		cached += got.CachedTokens
		if s := e.Stats(); s.ReservedBytes+s.KeptBytes > memory {
			t.Errorf("%d and %d bytes of %d", s.ReservedBytes, s.KeptBytes, memory)
		}
	}
	for range 2 {
		var all sync.WaitGroup
		for i := range requests {
			all.Go(func() { ask(i) })
		}
		all.Wait()
	}
	if cached == 0 {
		t.Error("no prefix was reused")
	}
	t.Logf("%d tokens of prompts were not computed again", cached)
}

// TestHybridPromptsBeginAsOthers sends a conversation turn by turn: the next prompt begins with the one
// before and its answer, and nearly nothing of them is computed again.
func TestHybridPromptsBeginAsOthers(t *testing.T) {
	m, err := infer.Load(testutil.HybridGGUF(t, testutil.Hybrid(), gguf.Q2_0, 1), infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	e := New(m, letters{}, Options{})
	defer e.Close()
	prompt := make([]int32, 333)
	for turn := range 3 {
		r, err := e.Generate(t.Context(), lm.GenerateRequest{Prompt: prompt, MaxTokens: 50}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if turn > 0 && r.CachedTokens < len(prompt)-10-32 {
			t.Errorf("turn %d: %d of %d tokens were kept", turn, r.CachedTokens, len(prompt))
		}
		// The answer stands in the next prompt in another form, as without its thoughts.
		prompt = slices.Concat(prompt, []int32{7, 7, 7, int32(turn)})
	}
}

// TestHybridPromptsBranch asks for answers whose prompts have a long beginning in common and then differ: the second
// one computes some of it again, those after it nearly nothing.
func TestHybridPromptsBranch(t *testing.T) {
	m, err := infer.Load(testutil.HybridGGUF(t, testutil.Hybrid(), gguf.Q2_0, 1), infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	e := New(m, letters{}, Options{})
	defer e.Close()
	r := rand.New(rand.NewPCG(8, 2))
	random := func(n int) []int32 {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = int32(r.IntN(320))
		}
		return ids
	}
	system := random(990)
	for i, cached := range []int{0, 700, 960, 960, 960} {
		request := lm.GenerateRequest{Prompt: slices.Concat(system, []int32{int32(i)}, random(400+100*(i%2))), MaxTokens: 5}
		got, err := e.Generate(t.Context(), request, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.CachedTokens < cached {
			t.Errorf("answer %d: %d tokens were kept, want %d", i, got.CachedTokens, cached)
		}
		if want := alone(t, m, request); !slices.Equal(got.Tokens, want.Tokens) {
			t.Errorf("answer %d is %v, alone %v", i, got.Tokens, want.Tokens)
		}
	}
}

// TestHybridClientsLeave has clients that branch off each other's prompts, leave while their prompts are being read or
// their answers written, and reach the end of the context. Whoever stays has the answer of a generator of its own.
func TestHybridClientsLeave(t *testing.T) {
	const limit = 700
	m, err := infer.Load(testutil.HybridGGUF(t, testutil.Hybrid(), gguf.Q2_0, 1), infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	e := New(m, letters{}, Options{Context: limit, Memory: 3 * (m.SessionBytes(limit) + m.DraftBytes())})
	defer e.Close()
	r := rand.New(rand.NewPCG(8, 3))
	text := make([]int32, limit)
	for i := range text {
		text[i] = int32(r.IntN(320))
	}
	var all sync.WaitGroup
	ends := map[lm.FinishReason]int{}
	var mu sync.Mutex
	for i := range 40 {
		n := 1 + r.IntN(limit-1)
		prompt, patience := slices.Clone(text[:n]), time.Duration(r.IntN(300))*time.Millisecond
		for range r.IntN(3) { // branches
			prompt[n-1-r.IntN(n)] = int32(i)
		}
		request := lm.GenerateRequest{Prompt: prompt, MaxTokens: 1 + r.IntN(60), PromptLookup: i%3 == 0}
		all.Go(func() {
			ctx := t.Context()
			if i%2 == 0 {
				short, cancel := context.WithTimeout(ctx, patience)
				defer cancel()
				ctx = short
			}
			got, err := e.Generate(ctx, request, nil)
			if err != nil {
				t.Error(err)
				return
			}
			g, _ := m.NewGenerator(letters{}, limit)
			want, err := g.Generate(t.Context(), request, nil)
			left := got.FinishReason == lm.FinishCancel && i%2 == 0
			if err != nil || len(got.Tokens) > len(want.Tokens) || !slices.Equal(got.Tokens, want.Tokens[:len(got.Tokens)]) ||
				!left && (len(got.Tokens) != len(want.Tokens) || got.FinishReason != want.FinishReason) {
				t.Errorf("answer %d ends with %s:\n%v\nalone with %s: %v, %v", i, got.FinishReason, got.Tokens, want.FinishReason,
					want.Tokens, err)
			}
			mu.Lock()
			defer mu.Unlock()
			ends[got.FinishReason]++
		})
	}
	all.Wait()
	if e.Stats().CachedTokens == 0 {
		t.Error("no prefix was reused")
	}
	t.Logf("answers ended: %v", ends)
}

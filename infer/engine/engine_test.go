package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trit/infer"
	"trit/lm"
	"trit/model"
)

// letters gives each token a text of its own.
type letters struct{}

func (letters) TokenBytes(id int32) []byte { return []byte{byte('a' + id%26)} }

func smallModel(t *testing.T) *infer.Model {
	t.Helper()
	m, err := infer.Random(model.Config{
		VocabSize: 203, HiddenSize: 128, IntermediateSize: 256, NumHiddenLayers: 2, NumAttentionHeads: 4,
		NumKeyValueHeads: 2, HeadDim: 32, MaxPositionEmbeddings: 2048, RMSNormEps: 1e-5, RopeTheta: 10000,
		TieWordEmbeddings: true, HiddenAct: model.ReLU2, SubNorms: true,
	}, 1, infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newEngine(t *testing.T, o Options) (*infer.Model, *Engine) {
	t.Helper()
	m := smallModel(t)
	e := New(m, letters{}, o)
	t.Cleanup(e.Close)
	return m, e
}

// prompt is n tokens that depend on a seed.
func prompt(seed, n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32((seed*31 + i*i*7 + i) % 203)
	}
	return ids
}

// alone is the answer of a generator that answers nothing else.
func alone(t *testing.T, m *infer.Model, r lm.GenerateRequest) lm.GenerateResult {
	t.Helper()
	g, err := m.NewGenerator(letters{}, m.ContextLength())
	if err != nil {
		t.Fatal(err)
	}
	got, err := g.Generate(t.Context(), r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestAnswersAreThoseAlone sends requests from many goroutines, with prompts that share
// beginnings, and compares text, tokens and log-probabilities with those of a generator.
func TestAnswersAreThoseAlone(t *testing.T) {
	m, e := newEngine(t, Options{Answers: 7, Memory: 6 << 20})
	var clients sync.WaitGroup
	for i := range 40 {
		clients.Go(func() {
			r := lm.GenerateRequest{
				Prompt: slices.Concat(prompt(i%3, 300*(i%3)), prompt(i, 1+13*i%100)), MaxTokens: 5 + i,
				PromptLookup: i%2 == 0, LogProbs: i%4 == 0, TopLogProbs: 2,
				Sampling: []lm.Sampling{{}, {Temperature: 1, TopP: 0.9, Seed: uint64(i)}}[i%2],
			}
			var text strings.Builder
			var tokens []int32
			got, err := e.Generate(t.Context(), r, func(d lm.Delta) {
				text.WriteString(d.Text)
				tokens = append(tokens, d.Tokens...)
			})
			want := alone(t, m, r)
			if err != nil || !slices.Equal(got.Tokens, want.Tokens) || got.FinishReason != want.FinishReason {
				t.Errorf("request %d: %v (%v), alone %v", i, got.Tokens, err, want.Tokens)
			}
			if text.String() != want.Text || !slices.Equal(tokens, want.Tokens) {
				t.Errorf("request %d: the deltas join to %q, want %q", i, text.String(), want.Text)
			}
			for k, p := range want.LogProbs {
				if p.LogProb != got.LogProbs[k].LogProb {
					t.Errorf("request %d, token %d: %v, alone %v", i, k, got.LogProbs[k], p)
				}
			}
		})
	}
	clients.Wait()
	if s := e.Stats(); s.Requests != 40 || s.CachedTokens == 0 || s.Tokens != 40*5+39*20 {
		t.Errorf("%+v", s)
	}
}

// TestPrefixesAreKept asks the same twice, goes on with a conversation, and asks several at once.
func TestPrefixesAreKept(t *testing.T) {
	_, e := newEngine(t, Options{})
	r := lm.GenerateRequest{Prompt: prompt(1, 700), MaxTokens: 10}
	first, _ := e.Generate(t.Context(), r, nil)
	again, _ := e.Generate(t.Context(), r, nil)
	if first.CachedTokens != 0 || again.CachedTokens != 699 || !slices.Equal(first.Tokens, again.Tokens) {
		t.Errorf("%d and %d tokens were computed before, want 0 and 699", first.CachedTokens, again.CachedTokens)
	}
	r.Prompt = slices.Concat(r.Prompt, first.Tokens, prompt(2, 20))
	if next, _ := e.Generate(t.Context(), r, nil); next.CachedTokens < 700+9 {
		t.Errorf("%d tokens of a conversation were computed before", next.CachedTokens)
	}
	var clients sync.WaitGroup
	for range 5 {
		clients.Go(func() {
			e.Generate(t.Context(), lm.GenerateRequest{Prompt: prompt(9, 1000), MaxTokens: 3}, nil)
		})
	}
	clients.Wait()
	if s := e.Stats(); s.CachedTokens < int64(699+709+4*999) {
		t.Errorf("%d tokens were computed before: five prompts that come together are computed once", s.CachedTokens)
	}
}

// TestMemoryIsBudgeted has space for one answer at a time, and keeps what fits.
func TestMemoryIsBudgeted(t *testing.T) {
	m := smallModel(t)
	e := New(m, letters{}, Options{Memory: m.SessionBytes(600), QueueSize: 3})
	defer e.Close()
	var clients sync.WaitGroup
	for i := range 4 {
		clients.Go(func() {
			r := lm.GenerateRequest{Prompt: prompt(i, 500), MaxTokens: 60}
			if got, err := e.Generate(t.Context(), r, nil); err != nil || !slices.Equal(got.Tokens, alone(t, m, r).Tokens) {
				t.Errorf("request %d: %v", i, err)
			}
			if s := e.Stats(); s.ReservedBytes+s.KeptBytes > m.SessionBytes(600) || s.Running > 1 {
				t.Errorf("%+v of %d bytes", s, m.SessionBytes(600))
			}
		})
		time.Sleep(time.Millisecond) // the first one runs, the others find space in the queue
	}
	clients.Wait()
	var long *lm.LengthError
	_, err := e.Generate(t.Context(), lm.GenerateRequest{Prompt: prompt(1, 700), MaxTokens: 100}, nil)
	if !errors.As(err, &long) || long.Tokens != 800 {
		t.Errorf("more than the memory: %v", err)
	}
	_, err = e.Generate(t.Context(), lm.GenerateRequest{Prompt: prompt(1, 2048), MaxTokens: 1}, nil)
	if !errors.As(err, &long) || long.Limit != 2048 {
		t.Errorf("more than the context: %v", err)
	}
}

// stuck is a client that reads nothing until it is released.
func stuck(e *Engine, ctx context.Context, r lm.GenerateRequest) (release func() (lm.GenerateResult, error)) {
	began, free, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var result lm.GenerateResult
	var err error
	go func() {
		defer close(ended)
		first := true
		result, err = e.Generate(ctx, r, func(lm.Delta) {
			if first {
				first = false
				close(began)
				<-free
			}
		})
	}()
	<-began
	return func() (lm.GenerateResult, error) { close(free); <-ended; return result, err }
}

// TestSlowClientsHoldUpNobody lets a client sleep over its first token while others are answered.
func TestSlowClientsHoldUpNobody(t *testing.T) {
	_, e := newEngine(t, Options{})
	release := stuck(e, t.Context(), lm.GenerateRequest{Prompt: prompt(1, 10), MaxTokens: 200})
	if got, err := e.Generate(t.Context(), lm.GenerateRequest{Prompt: prompt(2, 10), MaxTokens: 20}, nil); err != nil || len(got.Tokens) != 20 {
		t.Errorf("beside a slow client: %d tokens (%v)", len(got.Tokens), err)
	}
	if got, err := release(); err != nil || len(got.Tokens) != 200 {
		t.Errorf("the slow client: %d tokens (%v)", len(got.Tokens), err)
	}
}

// TestRequestsEnd: in the queue, in the prompt and in the answer; and a full queue refuses.
func TestRequestsEnd(t *testing.T) {
	m := smallModel(t)
	e := New(m, letters{}, Options{Answers: 1, QueueSize: 2})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan lm.GenerateResult)
	go func() {
		r, _ := e.Generate(ctx, lm.GenerateRequest{Prompt: prompt(1, 1500), MaxTokens: 500}, func(lm.Delta) { cancel() })
		first <- r
	}()
	waitFor(t, func() bool { return e.Stats().Running == 1 })
	queued, leave := context.WithCancel(t.Context())
	second := make(chan lm.GenerateResult, 2)
	for range 2 {
		go func() {
			r, _ := e.Generate(queued, lm.GenerateRequest{Prompt: prompt(2, 10), MaxTokens: 1 << 10}, nil)
			second <- r
		}()
	}
	leave()
	for range 2 {
		if r := <-second; r.FinishReason != lm.FinishCancel {
			t.Errorf("a request that left: %+v", r)
		}
	}
	if r := <-first; r.FinishReason != lm.FinishCancel || len(r.Tokens) == 500 {
		t.Errorf("an answer whose client left has %d tokens, ended by %s", len(r.Tokens), r.FinishReason)
	}
	e.Close()
	if _, err := e.Generate(t.Context(), lm.GenerateRequest{Prompt: []int32{1}, MaxTokens: 1}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed engine: %v", err)
	}
}

func TestFullQueueRefuses(t *testing.T) {
	_, e := newEngine(t, Options{Answers: 1, QueueSize: 1})
	var busy *lm.BusyError
	refused := 0
	var mu sync.Mutex
	var clients sync.WaitGroup
	for range 20 {
		clients.Go(func() {
			_, err := e.Generate(t.Context(), lm.GenerateRequest{Prompt: prompt(1, 400), MaxTokens: 40}, nil)
			mu.Lock()
			defer mu.Unlock()
			if errors.As(err, &busy) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
	if s := e.Stats(); refused == 0 || s.Refused != int64(refused) || s.Requests != int64(20-refused) || busy.RetryAfter < time.Second {
		t.Errorf("%d refused, %+v", refused, s)
	}
}

func TestRefuses(t *testing.T) {
	_, e := newEngine(t, Options{})
	for want, r := range map[string]lm.GenerateRequest{
		"TopP is 2": {Prompt: []int32{1}, Sampling: lm.Sampling{TopP: 2}},
		"no tokens": {MaxTokens: 1},
		"id 203":    {Prompt: []int32{203}, MaxTokens: 1},
	} {
		if _, err := e.Generate(t.Context(), r, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

// waitFor waits until what a goroutine does is seen.
func waitFor(t *testing.T, seen func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !seen(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not happen")
		}
	}
}

// TestScoresAreThoseAlone scores from many goroutines, beside answers, and compares to the bit.
func TestScoresAreThoseAlone(t *testing.T) {
	m, e := newEngine(t, Options{})
	release := stuck(e, t.Context(), lm.GenerateRequest{Prompt: prompt(1, 10), MaxTokens: 500})
	var clients sync.WaitGroup
	for i := range 12 {
		clients.Go(func() {
			var requests []lm.ScoreRequest
			for k := range 1 + i%4 {
				ids := prompt(i, 5+60*k+i)
				requests = append(requests, lm.ScoreRequest{Input: ids, Targets: ids[3:]})
			}
			got, err := e.ScoreTokens(t.Context(), requests)
			want, err2 := m.NewScorer(0).ScoreTokens(t.Context(), requests)
			if err != nil || err2 != nil {
				t.Error(err, err2)
				return
			}
			for k := range want {
				for n, p := range want[k] {
					if got[k][n].LogProb != p.LogProb || got[k][n].Top[0] != p.Top[0] {
						t.Errorf("caller %d, request %d, target %d: %v, alone %v", i, k, n, got[k][n], p)
					}
				}
			}
		})
	}
	clients.Wait()
	if got, err := release(); err != nil || len(got.Tokens) != 500 {
		t.Errorf("the answer beside has %d tokens (%v)", len(got.Tokens), err)
	}
	var long *lm.LengthError
	_, err := e.ScoreTokens(t.Context(), []lm.ScoreRequest{{Input: prompt(1, 2049), Targets: []int32{1}}})
	if !errors.As(err, &long) {
		t.Errorf("more than the context: %v", err)
	}
	if _, err := e.ScoreTokens(t.Context(), []lm.ScoreRequest{{Input: prompt(1, 5)}}); err == nil {
		t.Error("a request without targets is scored")
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := e.ScoreTokens(gone, []lm.ScoreRequest{{Input: prompt(1, 5), Targets: []int32{1}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that has left: %v", err)
	}
}

// TestEmbeddingsAreThoseAlone embeds beside an answer, so in pieces.
func TestEmbeddingsAreThoseAlone(t *testing.T) {
	m, e := newEngine(t, Options{})
	release := stuck(e, t.Context(), lm.GenerateRequest{Prompt: prompt(1, 10), MaxTokens: 500})
	embedder, err := m.NewEmbedder(2048)
	if err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	for i := range 5 {
		want, err := embedder.EmbedSequence(prompt(i, 100*i+1))
		if err != nil {
			t.Fatal(err)
		}
		want = slices.Clone(want)
		clients.Go(func() {
			got, err := e.Embed(t.Context(), [][]int32{prompt(9, 4), prompt(i, 100*i+1)})
			if err != nil || !slices.Equal(got[1], want) {
				t.Errorf("embedding %d differs (%v)", i, err)
			}
		})
	}
	clients.Wait()
	if got, err := release(); err != nil || len(got.Tokens) != 500 {
		t.Errorf("the answer beside has %d tokens (%v)", len(got.Tokens), err)
	}
}

// TestPrefixesOutliveTheEngine saves the prefixes of one engine for another, and does not take
// those of another model or damaged ones.
func TestPrefixesOutliveTheEngine(t *testing.T) {
	m := smallModel(t)
	path := filepath.Join(t.TempDir(), "prefixes")
	r := lm.GenerateRequest{Prompt: prompt(1, 700), MaxTokens: 10}
	first := New(m, letters{}, Options{})
	if err := first.LoadPrefixes(path, "m"); err != nil {
		t.Errorf("no file: %v", err)
	}
	want, _ := first.Generate(t.Context(), r, nil)
	var others sync.WaitGroup
	for i := range 8 { // that begin and end while the prefixes are saved
		others.Go(func() { first.Generate(t.Context(), lm.GenerateRequest{Prompt: prompt(i+2, 300), MaxTokens: 5}, nil) })
	}
	if err := first.SavePrefixes(path, "m"); err != nil {
		t.Fatal(err)
	}
	others.Wait()
	first.Close()
	small := New(m, letters{}, Options{Context: 20, Memory: 1 << 10})
	defer small.Close()
	if err := os.WriteFile(path+"-large", make([]byte, 17<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := small.LoadPrefixes(path+"-large", "m"); err == nil || !strings.Contains(err.Error(), "more than the 0 MB for caches") {
		t.Errorf("a file that is larger than the memory: %v", err)
	}
	_, second := newEngine(t, Options{})
	if err := second.LoadPrefixes(path, "another"); !errors.Is(err, infer.ErrOtherSessions) {
		t.Errorf("another model: %v", err)
	}
	if err := second.LoadPrefixes(path, "m"); err != nil {
		t.Fatal(err)
	}
	got, err := second.Generate(t.Context(), r, nil)
	if err != nil || got.CachedTokens != 699 || !slices.Equal(got.Tokens, want.Tokens) {
		t.Errorf("%d tokens were computed before (%v), %v, want %v", got.CachedTokens, err, got.Tokens, want.Tokens)
	}
	os.Truncate(path, 1000)
	if err := second.LoadPrefixes(path, "m"); err == nil {
		t.Error("a damaged file is taken")
	}
}

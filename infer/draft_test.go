package infer

import (
	"slices"
	"testing"

	"trit/infer/sampling"
	"trit/lm"
)

type noText struct{}

func (noText) TokenBytes(int32) []byte { return []byte("x") }

// TestDraftsDoNotChangeTheText compares generation with and without prompt lookup, on a
// model that repeats itself, so that drafts are both right and wrong.
func TestDraftsDoNotChangeTheText(t *testing.T) {
	for _, head := range []Head{HeadExact, HeadBounded} {
		m, err := Random(smallConfig(), 1, Options{Head: head})
		if err != nil {
			t.Fatal(err)
		}
		for _, sampler := range []lm.Sampling{{}, {Temperature: 0.3, TopP: 0.9, Seed: 4}, {RepetitionPenalty: 1.1}} {
			var results [2]lm.GenerateResult
			var lengths [2]int
			for i := range results {
				g, _ := m.NewGenerator(noText{}, 400)
				r := lm.GenerateRequest{
					Prompt: []int32{1, 2, 3, 4, 1, 2, 3}, MaxTokens: 300, Sampling: sampler, PromptLookup: i == 1,
				}
				if results[i], err = g.Generate(t.Context(), r, nil); err != nil {
					t.Fatal(err)
				}
				lengths[i] = g.Len()
			}
			if !slices.Equal(results[0].Tokens, results[1].Tokens) || lengths[0] != lengths[1] {
				t.Errorf("%s %+v: drafts change the tokens or the session:\n%v\n%v",
					head, sampler, results[0].Tokens, results[1].Tokens)
			}
			t.Logf("%s %+v: %d passes for 300 tokens, %d of %d drafted tokens right",
				head, sampler, results[1].Passes, results[1].Accepted, results[1].Drafted)
		}
	}
}

// TestSessionsTogetherAreAsAlone steps three sessions of different lengths.
func TestSessionsTogetherAreAsAlone(t *testing.T) {
	m, err := Random(smallConfig(), 2, Options{Head: HeadBounded})
	if err != nil {
		t.Fatal(err)
	}
	prompts := [][]int32{{1, 2, 3}, {7}, {9, 8, 7, 6, 5}}
	samplerOf := func(i int) *sampling.Sampler {
		return sampling.New(lm.Sampling{Temperature: 1, TopP: 0.8, Seed: uint64(i)})
	}
	want := make([][]int32, len(prompts))
	for i, next := range prompts {
		s, _ := m.NewSession(30)
		for sampler := samplerOf(i); len(want[i]) < 20; {
			id, err := s.Step(next, sampler)
			if err != nil {
				t.Fatal(err)
			}
			want[i], next = append(want[i], id), []int32{id}
		}
	}
	var sessions []*Session
	var samplers []*sampling.Sampler
	for i := range prompts {
		s, _ := m.NewSession(30)
		sessions, samplers = append(sessions, s), append(samplers, samplerOf(i))
	}
	next := slices.Clone(prompts)
	for step := range 20 {
		ids, err := StepAll(sessions, next, samplers)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range ids {
			if id != want[i][step] {
				t.Fatalf("session %d, step %d: token %d, alone %d", i, step, id, want[i][step])
			}
			next[i] = []int32{id}
		}
	}
	if _, err := StepAll([]*Session{sessions[0], sessions[0]}, next[:2], samplers[:2]); err == nil {
		t.Error("the same session twice is accepted")
	}
}

func TestPrefixesAreReused(t *testing.T) {
	m, err := Random(smallConfig(), 3, Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := m.NewSession(20)
	b, _ := m.NewSession(20)
	text := []int32{5, 6, 7, 8, 9, 10}
	want := make([]float32, m.Config().VocabSize)
	if err := a.Forward(text, want, 5); err != nil {
		t.Fatal(err)
	}
	if err := b.CopyPrefix(a, 4); err != nil {
		t.Fatal(err)
	}
	if err := b.CopyPrefix(a, 7); err == nil {
		t.Error("a prefix longer than the session is accepted")
	}
	if rest := b.Rewind(text); !slices.Equal(rest, []int32{9, 10}) {
		t.Fatalf("after a copied prefix %v is to be read, want 9 and 10", rest)
	}
	if rest := a.Rewind(text); !slices.Equal(rest, []int32{10}) {
		t.Fatalf("after the whole text %v is to be read, want 10", rest)
	}
	for _, s := range []*Session{a, b} {
		got := make([]float32, len(want))
		if err := s.Forward(text[s.Len():], got, len(text)-s.Len()-1); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Error("logits after a reused prefix differ")
		}
	}
}

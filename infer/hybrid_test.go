package infer

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"trit/convert"
	"trit/format/gguf"
	"trit/infer/sampling"
	"trit/internal/testutil"
	"trit/lm"
)

func hybridModel(t *testing.T, typ gguf.Type, o Options) *Model {
	t.Helper()
	m, err := Load(testutil.HybridGGUF(t, testutil.Hybrid(), typ, 1), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func randomIDs(n, vocab int, seed uint64) []int32 {
	r, ids := rand.New(rand.NewPCG(seed, 9)), make([]int32, n)
	for i := range ids {
		ids[i] = int32(r.IntN(vocab))
	}
	return ids
}

// TestHybridTokensAreTheSameAlone compares a prompt with its tokens one by one, to the bit, for all types
// that such models have.
func TestHybridTokensAreTheSameAlone(t *testing.T) {
	for _, typ := range []gguf.Type{gguf.F32, gguf.F16, gguf.Q8_0, gguf.Q2_0, gguf.Q1_0, gguf.PQ2_0, gguf.PTQ1_0} {
		logitsOf(t, hybridModel(t, typ, Options{}), randomIDs(70, 320, 1))
	}
}

// allLogits are the logits after each token of a session of its own.
func allLogits(t *testing.T, m *Model, ids []int32) []float32 {
	t.Helper()
	s, err := m.NewSession(len(ids))
	if err != nil {
		t.Fatal(err)
	}
	logits := make([]float32, len(ids)*m.config.VocabSize)
	if err := s.Forward(ids, logits, 0); err != nil {
		t.Fatal(err)
	}
	return logits
}

// TestHybridGoesBack cuts, rewinds and copies sessions at random positions, most of which recurrent layers
// cannot go back to. The logits must be those of a session that reads the text once.
func TestHybridGoesBack(t *testing.T) {
	m := hybridModel(t, gguf.F16, Options{})
	ids, vocab := randomIDs(900, 320, 2), m.config.VocabSize
	want := allLogits(t, m, ids)
	r := rand.New(rand.NewPCG(3, 3))
	s, _ := m.NewSession(len(ids))
	again := 0
	for step := range 60 {
		n := r.IntN(s.Len() + 1)
		switch r.IntN(4) {
		case 0:
			s.Truncate(n)
			if s.Len() != n {
				t.Fatalf("step %d: %d tokens after Truncate(%d)", step, s.Len(), n)
			}
		case 1:
			if rest := s.Rewind(ids[:n+1]); len(rest) != n+1-s.Len() {
				t.Fatalf("step %d: %d tokens to read after %d of %d", step, len(rest), s.Len(), n+1)
			}
		case 2:
			other, _ := m.NewSession(len(ids))
			if err := other.CopyPrefix(s, n); err != nil {
				t.Fatal(err)
			}
			if err := s.Forward(ids[s.Len():min(s.Len()+50, 900)], nil, 0); err != nil { // must not reach the copy
				t.Fatal(err)
			}
			s = other
		default:
			s.Keep()
		}
		at := s.Len()
		again += at - s.known
		hi := min(len(ids), at+1+r.IntN(150))
		got := make([]float32, (hi-at)*vocab)
		if err := s.Forward(ids[at:hi], got, 0); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want[at*vocab:hi*vocab]) {
			t.Fatalf("step %d: the logits of the tokens from %d to %d are others", step, at, hi)
		}
	}
	if again == 0 {
		t.Error("no token was computed again: the test tests nothing")
	}
}

// TestHybridDrafts: drafts, right and wrong, change no token.
func TestHybridDrafts(t *testing.T) {
	m := hybridModel(t, gguf.Q2_0, Options{})
	var results [2]lm.GenerateResult
	for i := range results {
		g, _ := m.NewGenerator(noText{}, 500)
		pattern := randomIDs(9, 320, 4)
		r := lm.GenerateRequest{
			Prompt: slices.Concat(pattern, pattern, pattern), MaxTokens: 300, PromptLookup: i == 1,
			Sampling: lm.Sampling{Temperature: 0.05, TopP: 0.9, Seed: 1},
		}
		var err error
		if results[i], err = g.Generate(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(results[0].Tokens, results[1].Tokens) {
		t.Errorf("drafts change the tokens:\n%v\n%v", results[0].Tokens, results[1].Tokens)
	}
	if d := results[1]; d.Accepted == 0 || d.Accepted == d.Drafted {
		t.Errorf("%d of %d drafted tokens were right: want some", d.Accepted, d.Drafted)
	}
}

// TestHybridSessionsTogether steps sessions of different lengths in one pass.
func TestHybridSessionsTogether(t *testing.T) {
	m := hybridModel(t, gguf.Q2_0, Options{})
	lengths := []int{1, 31, 32, 70}
	var sessions []*Session
	var next [][]int32
	var samplers []*sampling.Sampler
	for i, n := range lengths {
		s, _ := m.NewSession(200)
		sessions, next = append(sessions, s), append(next, randomIDs(n, 320, uint64(i)))
		samplers = append(samplers, sampling.New(lm.Sampling{}))
	}
	texts := slices.Clone(next)
	for range 40 {
		ids, err := StepAll(sessions, next, samplers)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range ids {
			next[i], texts[i] = []int32{id}, append(slices.Clip(texts[i]), id)
		}
	}
	for i, text := range texts {
		logits := allLogits(t, m, text)
		for at := lengths[i]; at < len(text); at++ {
			if want := argmax(logits[(at-1)*320:][:320]); text[at] != want {
				t.Fatalf("session %d: token %d is %d, alone %d", i, at, text[at], want)
			}
		}
	}
}

// TestHybridScores compares scores, whose last layers compute wanted rows alone and whose sessions share
// prefixes, with logits.
func TestHybridScores(t *testing.T) {
	m := hybridModel(t, gguf.F16, Options{})
	base := randomIDs(300, 320, 6)
	var requests []lm.ScoreRequest
	for i := range 12 {
		text := slices.Concat(base[:100+i*7], randomIDs(5+i, 320, uint64(20+i)))
		requests = append(requests, lm.ScoreRequest{Input: text[:len(text)-1], Targets: text[len(text)-4-i%3:]})
	}
	scores, err := m.NewScorer(0).Score(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range requests {
		logits, want := allLogits(t, m, r.Input), 0.0
		for j, id := range r.Targets {
			at := len(r.Input) - len(r.Targets) + j
			want += logProbs(logits[at*320:][:320], id, 0).LogProb.LogProb
		}
		if d := scores[i].LogProb - want; !(d < 1e-4 && d > -1e-4) {
			t.Errorf("request %d: log-probability %g, by its logits %g", i, scores[i].LogProb, want)
		}
	}
}

// TestHybridSaysWhatItCannot: parts of the engine that models with recurrent layers do not have.
func TestHybridSaysWhatItCannot(t *testing.T) {
	m := hybridModel(t, gguf.F16, Options{})
	if _, err := m.Adapted(); err == nil {
		t.Error("adapters are accepted")
	}
	if err := m.SaveSessions(nil, "", nil); err == nil {
		t.Error("sessions are saved")
	}
	if _, err := m.LoadSessions(nil, "", 1); err == nil {
		t.Error("sessions are loaded")
	}
	if _, err := Random(m.Config(), 1, Options{}); err == nil {
		t.Error("a random model with one scale is made")
	}
}

// TestRandomHybrids: random models with recurrent layers, as bench makes them, read and write tokens.
func TestRandomHybrids(t *testing.T) {
	for _, typ := range []gguf.Type{gguf.Q2_0, gguf.Q1_0} {
		m, err := RandomGrouped(testutil.Hybrid(), typ, 1, Options{})
		if err != nil {
			t.Fatal(err)
		}
		logitsOf(t, m, randomIDs(70, 320, 1))
		m.Close()
	}
}

// TestHybridMemory compares what a session counts with what it holds.
func TestHybridMemory(t *testing.T) {
	m := hybridModel(t, gguf.F16, Options{})
	s, _ := m.NewSession(1500)
	for _, n := range []int{1, 31, 2, 500, 700} {
		if err := s.Forward(randomIDs(n, 320, 1), nil, 0); err != nil {
			t.Fatal(err)
		}
		bytes := 0
		for _, b := range s.Blocks() {
			bytes += b
		}
		if most := m.SessionBytes(s.Len()); bytes > most || bytes < most/3 {
			t.Errorf("%d tokens take %d bytes, and SessionBytes says %d", s.Len(), bytes, most)
		}
	}
	if n := m.SessionTokens(m.SessionBytes(900)); n < 900 || m.SessionBytes(n) > m.SessionBytes(900) {
		t.Errorf("%d tokens fit into the memory of 900", n)
	}
}

// TestFolderOfAHybrid compares a converted folder with a forward pass in float64 on the folder itself, which llama.cpp
// agrees with (testdata/README.md).
func TestFolderOfAHybrid(t *testing.T) {
	const golden = "../testdata/checkpoints/hf-qwen35/"
	path := filepath.Join(t.TempDir(), "x.gguf")
	if _, err := convert.Convert(t.Context(), golden, path, convert.Options{Type: convert.F32}); err != nil {
		t.Fatal(err)
	}
	m, err := Load(path, Options{Activations: ActivationsFloat, Cache: CacheF32})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var expected struct{ Tokens []int32 }
	b, err := os.ReadFile(golden + "expected.json")
	if err == nil {
		err = json.Unmarshal(b, &expected)
	}
	if err != nil {
		t.Fatal(err)
	}
	if e := testutil.RelativeL2(allLogits(t, m, expected.Tokens), readFloats(t, golden+"float64_logits.f32")); !(e < 1e-5) {
		t.Errorf("relative L2 %g", e)
	}
}

// TestHybridLogitsOfLlamaCpp compares with logits of llama.cpp, of the same weights in float32. Weights with groups
// are multiplied by activations that are not rounded.
func TestHybridLogitsOfLlamaCpp(t *testing.T) {
	ids := randomIDs(40, 320, 1)
	for golden, typ := range map[string]gguf.Type{"f32": gguf.F32, "q2_0": gguf.Q2_0} {
		m := hybridModel(t, typ, Options{Activations: ActivationsFloat, Cache: CacheF32})
		want := readFloats(t, "../testdata/engine/hybrid-"+golden+"-logits.f32")
		if e := testutil.RelativeL2(allLogits(t, m, ids), want); !(e < 2e-4) {
			t.Errorf("%s: relative L2 %g", golden, e)
		} else {
			t.Logf("%s: relative L2 %g", golden, e)
		}
	}
}

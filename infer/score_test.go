package infer

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"trit/infer/sampling"
	"trit/internal/parallel"
	"trit/lm"
	"trit/model"
)

func longConfig() model.Config {
	c := smallConfig()
	c.VocabSize, c.MaxPositionEmbeddings = 600, 2048
	return c
}

// scoreRequests are of all kinds: with and without common prefixes, equal ones, some
// that begin as others end, long ones, and targets that are in the prefixes of others.
func scoreRequests(r *rand.Rand) []lm.ScoreRequest {
	draw := func(n int) []int32 {
		ids := make([]int32, n)
		for i := range ids {
			ids[i] = r.Int32N(600)
		}
		return ids
	}
	var list []lm.ScoreRequest
	add := func(ids []int32, targets int) {
		list = append(list, lm.ScoreRequest{Input: ids[:len(ids)-1], Targets: ids[len(ids)-targets:]})
	}
	header := draw(300)
	for range 40 { // questions after a header, with choices
		question := slices.Concat(header, draw(5+r.IntN(30)))
		for range 1 + r.IntN(4) {
			choice := draw(1 + r.IntN(8))
			add(slices.Concat(question, choice), len(choice))
		}
	}
	for range 20 { // without one
		question := append([]int32{1, 2}, draw(3+r.IntN(20))...)
		choice := draw(6)
		for _, n := range []int{1, 2, 6, 6} {
			add(slices.Concat(question, choice[:n]), n)
		}
		add(slices.Concat(question, choice), 8)
	}
	text := draw(1100)
	add(text, 1099)
	add(text[:900], 20)
	add(text[:2], 1)
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// wantScore is the definition, on logits of a session of its own.
func wantScore(t *testing.T, m *Model, r lm.ScoreRequest) lm.ScoreResult {
	t.Helper()
	s, _ := m.NewSession(len(r.Input))
	vocab, n := m.config.VocabSize, len(r.Targets)
	logits := make([]float32, n*vocab)
	if err := s.Forward(r.Input, logits, len(r.Input)-n); err != nil {
		t.Fatal(err)
	}
	want := lm.ScoreResult{Greedy: true}
	for i, id := range r.Targets {
		row, sum, top := logits[i*vocab:][:vocab], 0.0, 0
		for j, v := range row {
			sum += math.Exp(float64(v))
			if v > row[top] {
				top = j
			}
		}
		want.LogProb += float64(row[id]) - math.Log(sum)
		want.Greedy = want.Greedy && int(id) == top
	}
	return want
}

// likeliestTargets makes the targets of some requests the tokens that are likeliest.
func likeliestTargets(t *testing.T, m *Model, list []lm.ScoreRequest) {
	for i := range list {
		if i%7 == 0 {
			list[i].Targets = []int32{likeliestAfter(t, m, list[i].Input)}
		}
	}
}

func likeliestAfter(t *testing.T, m *Model, ids []int32) int32 {
	t.Helper()
	s, _ := m.NewSession(len(ids))
	id, err := s.Step(ids, sampling.New(lm.Sampling{}))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestScoresAreThoseOfLogits(t *testing.T) {
	list := scoreRequests(rand.New(rand.NewPCG(1, 1)))
	for _, o := range []Options{{Cache: CacheF32}, {Head: HeadBounded}, {Head: HeadInt8, Cache: CacheInt8}} {
		m, err := Random(longConfig(), 3, o)
		if err != nil {
			t.Fatal(err)
		}
		likeliestTargets(t, m, list)
		got, err := m.NewScorer(0).Score(t.Context(), list)
		if err != nil {
			t.Fatal(err)
		}
		greedy, worst := 0, 0.0
		for i, r := range list {
			want := wantScore(t, m, r)
			diff := math.Abs(got[i].LogProb-want.LogProb) / float64(len(r.Targets))
			worst = max(worst, diff)
			if got[i].Greedy != want.Greedy || !(diff < 2e-6) {
				t.Fatalf("%+v, request %d of %d tokens and %d targets: %v, want %v",
					o, i, len(r.Input), len(r.Targets), got[i], want)
			}
			if want.Greedy {
				greedy++
			}
		}
		t.Logf("%+v: %d requests, %d of them greedy, off by %.1g a target", o, len(list), greedy, worst)
		if greedy == 0 || greedy == len(list) {
			t.Errorf("%d of %d requests are greedy: that tests nothing", greedy, len(list))
		}
	}
}

// TestScoresDependOnTheRequestAlone compares bits: one request at a time on scorers of
// their own, in batches of several sizes and orders, on one and two threads, and with
// memory for a single sequence.
func TestScoresDependOnTheRequestAlone(t *testing.T) {
	m, err := Random(longConfig(), 4, Options{Cache: CacheF32})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(2, 2))
	list := scoreRequests(r)
	want := make([]lm.ScoreResult, len(list))
	for i := range list {
		want[i] = scoreInBatches(t, m.NewScorer(0), list[i:i+1], 1)[0]
	}
	for threads := 1; threads <= 2; threads++ {
		m.pool = parallel.New(threads)
		for _, bytes := range []int{0, 1} {
			for _, batch := range []int{1, 3, 64, len(list)} {
				order := r.Perm(len(list))
				shuffled := make([]lm.ScoreRequest, len(list))
				for i, j := range order {
					shuffled[i] = list[j]
				}
				for i, got := range scoreInBatches(t, m.NewScorer(bytes), shuffled, batch) {
					if got != want[order[i]] {
						t.Fatalf("%d threads, %d bytes, batches of %d: request %d gets %v, alone %v",
							threads, bytes, batch, order[i], got, want[order[i]])
					}
				}
			}
		}
	}
}

func scoreInBatches(t *testing.T, s *Scorer, list []lm.ScoreRequest, batch int) []lm.ScoreResult {
	t.Helper()
	var out []lm.ScoreResult
	for part := range slices.Chunk(list, batch) {
		got, err := s.Score(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, got...)
	}
	return out
}

// TestWantedRowsHaveTheBitsOfAll compares the last layer of some rows with that of all, for
// spans of several sessions, of which one has tokens already.
func TestWantedRowsHaveTheBitsOfAll(t *testing.T) {
	m, err := Random(longConfig(), 8, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, ids := m.config.HiddenSize, make([]int32, 300)
	for i := range ids {
		ids[i] = int32(i * 17 % 600)
	}
	run := func(wanted []int) []float32 {
		a, _ := m.NewSession(600)
		b, _ := m.NewSession(10)
		if err := a.Forward(ids[:270], nil, 0); err != nil {
			t.Fatal(err)
		}
		p := newPass(m)
		p.runFor([]span{{s: a, ids: ids[:290]}, {s: b, ids: ids[:3]}, {s: a}}, wanted)
		if a.Len() != 560 || b.Len() != 3 {
			t.Fatalf("the sessions have %d and %d tokens", a.Len(), b.Len())
		}
		return p.x
	}
	all := run(nil)
	for _, wanted := range [][]int{{}, {0}, {292}, {0, 1, 2, 5, 130, 131, 289, 290, 292}, {289, 291}} {
		got := run(wanted)
		for i, row := range wanted {
			if !slices.Equal(got[i*d:][:d], all[row*d:][:d]) {
				t.Errorf("of the rows %v, row %d has other bits than among all", wanted, row)
			}
		}
	}
}

// TestPrefixesAreComputedOnce counts the tokens that go through the layers.
func TestPrefixesAreComputedOnce(t *testing.T) {
	m, err := Random(longConfig(), 5, Options{})
	if err != nil {
		t.Fatal(err)
	}
	header, s := make([]int32, 400), m.NewScorer(0)
	for round := range int32(2) { // the second time the header is there already
		var list []lm.ScoreRequest
		for q := range int32(50) {
			question := append(slices.Clone(header), 1+50*round+q)
			for range 30 {
				question = append(question, 7)
			}
			for c := range int32(4) {
				input := append(slices.Clone(question), 100+c, 5)
				list = append(list, lm.ScoreRequest{Input: input, Targets: []int32{100 + c, 5, 6}})
			}
		}
		before := s.Effort()
		if _, err := s.Score(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		e, want := s.Effort(), int64(50*(31+4*2))
		if round == 0 {
			want += 400
		}
		got, rows, requested := e.Computed-before.Computed, e.Rows-before.Rows, e.Requested-before.Requested
		if got != want || rows != 50*(1+4*2) || requested != 200*433 {
			t.Errorf("%d tokens and %d rows computed, want %d and %d; effort %+v", got, rows, want, 50*(1+4*2), e)
		}
	}
	if passes := s.Effort().Passes; passes > 25 {
		t.Errorf("%d passes for %d tokens: want %d of them in most", passes, s.Effort().Computed, maxBatch)
	}
}

// TestSequencesAtWorkFitTheMemory counts sessions.
func TestSequencesAtWorkFitTheMemory(t *testing.T) {
	m, err := Random(longConfig(), 5, Options{})
	if err != nil {
		t.Fatal(err)
	}
	each := m.Memory().CacheBytesPerToken
	for _, x := range []struct{ bytes, longest, base, want int }{
		{1, 2000, 0, 1}, {1000 * 128 * each, 100, 0, maxSessions}, {10 * 128 * each, 100, 0, 10},
		{10 * 1024 * each, 1000, 0, 10}, {10 * 512 * each, 1000, 600, 10},
	} {
		s := m.NewScorer(x.bytes)
		if err := s.reserve(x.longest, x.base); err != nil || len(s.sessions) != x.want {
			t.Errorf("%d sessions in %d bytes for %d tokens after %d, want %d (%v)",
				len(s.sessions), x.bytes, x.longest, x.base, x.want, err)
		}
		if err := s.reserve(2000, 0); err != nil || len(s.sessions) > max(1, x.bytes/2000/each) {
			t.Errorf("%d sessions of 2000 tokens in %d bytes (%v)", len(s.sessions), x.bytes, err)
		}
	}
}

// TestEveryRequestIsPlannedOnce checks what stages and branches promise.
func TestEveryRequestIsPlannedOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	stagesSeen := 0
	for range 200 {
		var list []sequence
		for i := range 1 + r.IntN(60) {
			ids := make([]int32, 1+r.IntN(1<<r.IntN(11)))
			for j := range ids[min(len(ids), r.IntN(200)):] {
				ids[len(ids)-1-j] = r.Int32N(2)
			}
			list = append(list, sequence{ids: ids, first: r.IntN(len(ids)), request: i})
		}
		seen := map[int]bool{}
		stages := plan(list)
		stagesSeen = max(stagesSeen, len(stages))
		for _, st := range stages {
			begin := list[st.branches[0].lo].ids[:st.base]
			for _, b := range st.branches {
				for _, q := range list[b.lo:b.hi] {
					if seen[q.request] || q.first < st.base || !slices.Equal(q.ids[:st.base], begin) {
						t.Fatalf("request %d, which asks from %d on, is in a stage of %d tokens (planned before: %v)",
							q.request, q.first, st.base, seen[q.request])
					}
					seen[q.request] = true
				}
			}
		}
		if len(seen) != len(list) {
			t.Fatalf("%d of %d requests are planned", len(seen), len(list))
		}
	}
	if stagesSeen < 3 {
		t.Errorf("no plan had more than %d stages: that tests little", stagesSeen)
	}
}

func TestRequestsThatCannotBeScored(t *testing.T) {
	m, err := Random(longConfig(), 5, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, good := m.NewScorer(0), lm.ScoreRequest{Input: []int32{1}, Targets: []int32{2}}
	for want, r := range map[string]lm.ScoreRequest{
		"0 targets":              {Input: []int32{1}},
		"2 targets for 1":        {Input: []int32{1}, Targets: []int32{1, 2}},
		"context length is 2048": {Input: make([]int32, 2049), Targets: []int32{1}},
		"id 600":                 {Input: []int32{600}, Targets: []int32{1}},
		"id -1":                  {Input: []int32{1}, Targets: []int32{-1}},
	} {
		_, err := s.Score(t.Context(), []lm.ScoreRequest{good, r})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "request 1") {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	for want, r := range map[string]lm.ContinueRequest{
		"no tokens":              {MaxTokens: 1},
		"context length is 2048": {Prompt: make([]int32, 2000), MaxTokens: 50},
		"id 600":                 {Prompt: []int32{600}},
	} {
		if _, err := s.Continue(t.Context(), []lm.ContinueRequest{r}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Score(ended, []lm.ScoreRequest{good}); err != context.Canceled {
		t.Errorf("after the end of its context: %v", err)
	}
	if got, err := s.Score(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("no requests: %v, %v", got, err)
	}
}

// TestContinuationsAreAsAlone compares with a session that takes step after step, with
// memory for all and for one, and different ends.
func TestContinuationsAreAsAlone(t *testing.T) {
	m, err := Random(longConfig(), 7, Options{Cache: CacheF32})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 3))
	var list []lm.ContinueRequest
	for i := range 30 {
		prompt := make([]int32, 280, 700)
		if i%5 == 4 {
			prompt = prompt[:20]
		}
		for range 1 + r.IntN(40) {
			prompt = append(prompt, r.Int32N(600))
		}
		if i == 3 {
			prompt = prompt[:700]
		}
		c := lm.ContinueRequest{Prompt: prompt, MaxTokens: i % 13}
		if i%3 == 0 {
			c.MaxTokens, c.Stop = 20, func(ids []int32) bool { return len(ids) == 2+i%23 }
		}
		list = append(list, c)
	}
	want, stopped := make([][]int32, len(list)), 0
	for i, c := range list {
		s, _ := m.NewSession(1000)
		next := c.Prompt
		for len(want[i]) < c.MaxTokens && (c.Stop == nil || !c.Stop(want[i])) {
			id, err := s.Step(next, sampling.New(lm.Sampling{}))
			if err != nil {
				t.Fatal(err)
			}
			want[i], next = append(want[i], id), []int32{id}
		}
		if c.Stop != nil && len(want[i]) < c.MaxTokens {
			stopped++
		}
	}
	if stopped == 0 {
		t.Error("no continuation is stopped: that tests little")
	}
	for _, bytes := range []int{0, 1} {
		for _, batch := range []int{1, 7, 30} {
			s := m.NewScorer(bytes)
			var got [][]int32
			for part := range slices.Chunk(list, batch) {
				ids, err := s.Continue(t.Context(), part)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, ids...)
			}
			for i := range got {
				if !slices.Equal(got[i], want[i]) {
					t.Errorf("%d bytes, batches of %d: continuation %d is %v, alone %v", bytes, batch, i, got[i], want[i])
				}
			}
		}
	}
}

// TestScoreTokensSumToScore compares with Score to the bit, and the likeliest tokens with logits.
func TestScoreTokensSumToScore(t *testing.T) {
	m, err := Random(smallConfig(), 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var requests []lm.ScoreRequest
	for i := range 30 {
		input := make([]int32, 1+i)
		for j := range input {
			input[j] = int32((i/3 + j*j) % 200)
		}
		requests = append(requests, lm.ScoreRequest{Input: input, Targets: append(slices.Clone(input[1+i/2:]), int32(i))})
	}
	scores, err := m.NewScorer(0).Score(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := m.NewScorer(0).ScoreTokens(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range requests {
		s, _ := m.NewSession(40)
		logits := make([]float32, len(r.Input)*m.Config().VocabSize)
		if err := s.Forward(r.Input, logits, 0); err != nil {
			t.Fatal(err)
		}
		sum, greedy := 0.0, true
		for k, p := range tokens[i] {
			sum += p.LogProb.LogProb
			greedy = greedy && p.Top[0].ID == r.Targets[k]
			row := logits[(len(r.Input)-len(r.Targets)+k)*m.Config().VocabSize:][:m.Config().VocabSize]
			want := logProbs(row, argmax(row), 0)
			if p.ID != r.Targets[k] || p.Top[0].ID != want.ID || math.Abs(p.Top[0].LogProb-want.LogProb.LogProb) > 1e-5 {
				t.Errorf("request %d, target %d: %v, want %d and %v", i, k, p, r.Targets[k], want)
			}
		}
		if sum != scores[i].LogProb || greedy != scores[i].Greedy || len(tokens[i]) != len(r.Targets) {
			t.Errorf("request %d: %d tokens sum to %g, greedy %v; the score is %+v", i, len(tokens[i]), sum, greedy, scores[i])
		}
	}
}

package infer

import (
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"trit/format/gguf"
	"trit/infer/sampling"
	"trit/lm"
	"trit/model"
)

// scaledGGUF is the GGUF golden of the qwen3 model with keys and one tensor more.
func scaledGGUF(t *testing.T, keys map[string]any, tensor string, factors []float32) *Model {
	t.Helper()
	f, err := gguf.Open(changedGGUF(t, func(m *gguf.Metadata) {
		for key, v := range keys {
			m.Set(key, v)
		}
	}, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var sources []gguf.Source
	add := func(name string, typ gguf.Type, dims []uint64, data []byte) {
		sources = append(sources, gguf.Source{Name: name, Type: typ, Dims: dims, Write: func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		}})
	}
	for _, info := range f.Tensors {
		add(info.Name, info.Type, info.Dims, f.Data(info))
	}
	if tensor != "" {
		data := make([]byte, 4*len(factors))
		if err := gguf.Quantize(gguf.F32, data, factors); err != nil {
			t.Fatal(err)
		}
		add(tensor, gguf.F32, []uint64{uint64(len(factors))}, data)
	}
	path := filepath.Join(t.TempDir(), "scaled.gguf")
	if err := gguf.WriteFile(path, &f.Metadata, sources); err != nil {
		t.Fatal(err)
	}
	m, _ := loadModel(t, path, Options{})
	return m
}

// TestScalingOfAFileIsComputed reads the same scaling written in three ways: the logits have the
// same bits, and others than without.
func TestScalingOfAFileIsComputed(t *testing.T) {
	tokens := qwen3Tokens(t)
	plain := logitsOf(t, scaledGGUF(t, nil, "", nil), tokens)
	var first []float32
	for name, m := range map[string]*Model{
		"linear":       scaledGGUF(t, map[string]any{"qwen3.rope.scaling.type": "linear", "qwen3.rope.scaling.factor": float32(4)}, "", nil),
		"the old name": scaledGGUF(t, map[string]any{"qwen3.rope.scale_linear": float32(4)}, "", nil),
		"rope_freqs":   scaledGGUF(t, nil, "rope_freqs.weight", slices.Repeat([]float32{4}, 32)),
	} {
		got := logitsOf(t, m, tokens)
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) || slices.Equal(got, plain) {
			t.Errorf("%s: the logits are not those of the other ways, or those without scaling", name)
		}
	}
}

// TestPartOfAHeadIsTurned compares both orders of pairs with the formula, with a magnitude.
func TestPartOfAHeadIsTurned(t *testing.T) {
	const head, turned, heads = 12, 8, 2
	c := model.Config{HeadDim: head, RopeTheta: 100, PartialRotaryFactor: 8.0 / 12, MaxPositionEmbeddings: 64, RopeScaling: &model.RotaryScaling{
		Type: model.RopeLongRoPE, OriginalMaxPositionEmbeddings: 16, AttentionFactor: 1.5,
		ShortFactor: []float32{1, 2, 3, 4}, LongFactor: []float32{2, 3, 4, 5}}}
	for _, long := range []bool{false, true} {
		angles := newRopeTable(c).extend(nil, 33, long)
		for _, interleaved := range []bool{false, true} {
			row := normals(rand.New(rand.NewPCG(1, 1)), heads*head)
			got := slices.Clone(row)
			angles.rotate(got, 32, interleaved)
			for h := range heads {
				for i := range turned / 2 {
					x, y := h*head+i, h*head+i+turned/2
					if interleaved {
						x, y = h*head+2*i, h*head+2*i+1
					}
					factor := float64(i + 1)
					if long {
						factor++
					}
					sin, cos := math.Sincos(32 * math.Pow(100, -float64(i)/4) / factor)
					wantX := 1.5 * (float64(row[x])*cos - float64(row[y])*sin)
					wantY := 1.5 * (float64(row[y])*cos + float64(row[x])*sin)
					if math.Abs(float64(got[x])-wantX) > 1e-6 || math.Abs(float64(got[y])-wantY) > 1e-6 {
						t.Errorf("long %v, interleaved %v, pair %d: %v and %v, want %v and %v", long, interleaved, i, got[x], got[y], wantX, wantY)
					}
				}
				if rest := h*head + turned; !slices.Equal(got[rest:(h+1)*head], row[rest:(h+1)*head]) {
					t.Errorf("interleaved %v: the rest of head %d is turned", interleaved, h)
				}
			}
		}
	}
}

// longRoPE is a random model whose original context is 64 of 2048 tokens.
func longRoPE(t *testing.T) *Model {
	t.Helper()
	c := longConfig()
	short, long := make([]float32, c.HeadDim/2), make([]float32, c.HeadDim/2)
	for i := range short {
		short[i], long[i] = 1, 1+float32(i)
	}
	c.RopeScaling = &model.RotaryScaling{Type: model.RopeLongRoPE, OriginalMaxPositionEmbeddings: 64, ShortFactor: short, LongFactor: long}
	c.Resolve()
	m, err := Random(c, 5, Options{Cache: CacheF32})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestFactorsFollowTheLengthOfASequence: a scorer uses the factors that each sequence alone asks
// for, and sessions of different factors share no prefix.
func TestFactorsFollowTheLengthOfASequence(t *testing.T) {
	m := longRoPE(t)
	list := scoreRequests(rand.New(rand.NewPCG(1, 1)))
	got, err := m.NewScorer(0).Score(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	lengths := [2]int{}
	for i, r := range list {
		want := wantScore(t, m, r)
		if diff := math.Abs(got[i].LogProb-want.LogProb) / float64(len(r.Targets)); got[i].Greedy != want.Greedy || !(diff < 2e-6) {
			t.Fatalf("request %d of %d tokens: %v, want %v", i, len(r.Input), got[i], want)
		}
		if alone, err := m.NewScorer(0).Score(t.Context(), list[i:i+1]); err != nil || alone[0] != got[i] {
			t.Fatalf("request %d of %d tokens: %v beside others, alone %v, %v", i, len(r.Input), got[i], alone, err)
		}
		if len(r.Input) > 64 {
			lengths[1]++
		} else {
			lengths[0]++
		}
	}
	if lengths[0] == 0 || lengths[1] == 0 {
		t.Errorf("%v short and long requests: that tests nothing", lengths)
	}
	prompts := []lm.ContinueRequest{{Prompt: list[0].Input[:10], MaxTokens: 3}, {Prompt: list[0].Input[:10], MaxTokens: 90}}
	ids, err := m.NewScorer(0).Continue(t.Context(), prompts)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range prompts {
		s, _ := m.NewSession(len(r.Prompt) + r.MaxTokens - 1)
		next, err := s.Step(r.Prompt, sampling.New(lm.Sampling{}))
		if err != nil || len(ids[i]) != r.MaxTokens || ids[i][0] != next {
			t.Errorf("continuation %d begins with %d of %d, want %d, %v", i, ids[i][0], len(ids[i]), next, err)
		}
	}
	short, _ := m.NewSession(64)
	long, _ := m.NewSession(65)
	if err := short.Forward(list[0].Input[:4], nil, 0); err != nil {
		t.Fatal(err)
	}
	if err := long.CopyPrefix(short, 2); err == nil {
		t.Error("a session takes a prefix that was turned by other factors")
	}
}

// TestFactorsOfAnEmbedding: a short text has the same vector beside a long one and alone.
func TestFactorsOfAnEmbedding(t *testing.T) {
	m := longRoPE(t)
	ids := scoreRequests(rand.New(rand.NewPCG(1, 1)))[0].Input[:10]
	alone, long := ids, slices.Repeat(ids, 7)
	want := make([][]float32, 2)
	for i, text := range [][]int32{alone, long} {
		e, err := m.NewEmbedder(len(text))
		if err != nil {
			t.Fatal(err)
		}
		if want[i], err = e.EmbedSequence(text); err != nil {
			t.Fatal(err)
		}
	}
	e, err := m.NewEmbedder(len(long))
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Embed(t.Context(), [][]int32{alone, long, alone})
	if err != nil || !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) || !slices.Equal(got[2], want[0]) {
		t.Errorf("the vectors beside other texts are not those alone, error %v", err)
	}
}

// TestDynamicScalingHasALimit: beyond the context there is no rule.
func TestDynamicScalingHasALimit(t *testing.T) {
	c := smallConfig()
	plain, err := Random(c, 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	c.RopeScaling = &model.RotaryScaling{Type: model.RopeDynamic, Factor: 4}
	m, err := Random(c, 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	tokens := []int32{1, 2, 3, 4}
	if !slices.Equal(logitsOf(t, m, tokens), logitsOf(t, plain, tokens)) {
		t.Error("within its context a dynamic model is not that without scaling")
	}
	if _, err := m.NewSession(65); err == nil {
		t.Error("a session beyond the context of dynamic scaling")
	}
}

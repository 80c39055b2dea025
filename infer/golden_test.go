package infer

import (
	"encoding/binary"
	"math"
	"os"
	"slices"
	"testing"

	"trit/infer/sampling"
	"trit/internal/parallel"
	"trit/internal/testutil"
	"trit/lm"
)

// engineTokens are the ids of golden/engine, with logits of bitnet.cpp.
var engineTokens = []int32{266, 256, 257, 300, 12, 99, 45, 101, 200, 256, 31, 7, 264, 90, 11, 66}

func readFloats(t *testing.T, path string) []float32 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v
}

// logitsOf runs a model on tokens, all at once and one by one with 1 and 2 threads, which
// must agree to the bit.
func logitsOf(t *testing.T, m *Model, tokens []int32) []float32 {
	t.Helper()
	defer func(p *parallel.Pool) { m.pool = p }(m.pool)
	vocab := m.Config().VocabSize
	got := make([]float32, len(tokens)*vocab)
	s, _ := m.NewSession(len(tokens))
	if err := s.Forward(tokens, got, 0); err != nil {
		t.Fatal(err)
	}
	for threads := 1; threads <= 2; threads++ {
		m.pool = parallel.New(threads)
		s.Truncate(0)
		for i, id := range tokens {
			one := make([]float32, vocab)
			if err := s.Forward([]int32{id}, one, 0); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(one, got[i*vocab:][:vocab]) {
				t.Fatalf("token %d with %d threads: the logits are not those of a batch", i, threads)
			}
		}
	}
	return got
}

// compareEngine compares with logits of bitnet.cpp. Random models amplify single flips of
// a rounding: 8 % is agreement, a wrong RoPE gives 35 %.
func compareEngine(t *testing.T, path, logitsPath string, tokens []int32) {
	t.Helper()
	m, err := Load(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	vocab, want, got := m.Config().VocabSize, readFloats(t, logitsPath), logitsOf(t, m, tokens)
	same := 0
	for i := range tokens {
		if argmax(got[i*vocab:][:vocab]) == argmax(want[i*vocab:][:vocab]) {
			same++
		}
	}
	e := testutil.RelativeL2(got, want)
	t.Logf("%s: relative L2 %.2f %%, argmax %d of %d", path, 100*e, same, len(tokens))
	if !(e < 0.08) || same < len(tokens)*15/16 {
		t.Errorf("%s: relative L2 %.3f, argmax %d of %d: want below 0.08 and at most one in 16 other",
			path, e, same, len(tokens))
	}
}

func TestGoldenEngine(t *testing.T) {
	for _, name := range []string{"tiny", "tinyb"} {
		compareEngine(t, "../testdata/engine/"+name+"-i2_s.gguf", "../testdata/engine/"+name+"-logits.f32", engineTokens)
	}
}

func argmax(logits []float32) int32 { return sampling.New(lm.Sampling{}).Sample(logits, nil) }

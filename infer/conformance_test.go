//go:build conformance

package infer_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"trit/convert"
	"trit/infer"
	"trit/lm"
)

const shared = "../../shared/"

// The trained Llama of stories260K through converter and engine, against llama2.c, whose
// cache is float32.
func TestStories260K(t *testing.T) {
	out := filepath.Join(t.TempDir(), "stories.gguf")
	_, err := convert.Convert(context.Background(), shared+"data/models/stories260K-hf", out, convert.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(shared + "data/models/stories260K_golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(b, &keys); err != nil {
		t.Fatal(err)
	}
	var prompt, greedy []int32
	var logits [][]float32
	for name, dst := range map[string]any{
		"prompt_ids": &prompt, "greedy_ids_after_bos": &greedy, "logits_first3": &logits,
	} {
		if err := json.Unmarshal(keys[name], dst); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	m, err := infer.Load(out, infer.Options{Cache: infer.CacheF32})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	s, err := m.NewSession(m.ContextLength())
	if err != nil {
		t.Fatal(err)
	}
	checkLogits(t, s, prompt, logits)
	g, err := m.NewGenerator(noText{}, m.ContextLength())
	if err != nil {
		t.Fatal(err)
	}
	got, err := g.Generate(t.Context(), lm.GenerateRequest{Prompt: prompt[:1], MaxTokens: len(greedy)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Tokens, greedy) {
		t.Errorf("greedy tokens are %v, want %v", got.Tokens, greedy)
	}
}

func checkLogits(t *testing.T, s *infer.Session, prompt []int32, want [][]float32) {
	ids := prompt[:len(want)]
	got := make([]float32, len(ids)*len(want[0]))
	if err := s.Forward(ids, got, 0); err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for i, row := range want {
		for j, w := range row {
			worst = max(worst, math.Abs(float64(got[i*len(row)+j]-w)))
		}
	}
	t.Logf("logits differ by at most %.2g", worst)
	if worst > 1e-3 {
		t.Errorf("logits differ by %g, want at most 1e-3", worst)
	}
}

type noText struct{}

func (noText) TokenBytes(int32) []byte { return nil }

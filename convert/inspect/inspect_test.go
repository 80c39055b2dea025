package inspect

import (
	"slices"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/internal/testutil"
	"trit/setting"
)

// A vocabulary without the keys that other engines take for granted.
func TestTokenizerWarnings(t *testing.T) {
	m := &gguf.Metadata{}
	m.Set("tokenizer.ggml.model", "gpt2")
	m.Set("tokenizer.ggml.tokens", []string{"a", "b"})
	var got []string
	warnOfTokenizer(m, func(format string, args ...any) { got = append(got, format) })
	for _, want := range []string{"tokenizer.ggml.pre", "eos_token_id", "bos_token_id"} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("no warning names %s: %q", want, got)
		}
	}
}

func TestHistogram(t *testing.T) {
	if h := histogram([]float64{2, 2, 2}); len(h) != 1 || h[0].Count != 3 {
		t.Errorf("equal scales give %v", h)
	}
	h := histogram([]float64{1, 1.1, 4, 16})
	if len(h) != 4 || h[0].Count != 2 || h[1].Count+h[2].Count != 1 || h[3].Count != 1 || h[0].Low != 1 {
		t.Errorf("four scales give %v", h)
	}
}

// The keys of a hybrid's folder have config.json's names.
func TestHybridFolder(t *testing.T) {
	r, err := Read("../../testdata/checkpoints/hf-qwen35", Options{HeadersOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]any{}
	for _, e := range r.Metadata {
		found[e.Key] = e.Value
	}
	if found["linear_num_value_heads"] != 6 || found["full_attention_interval"] != 4 || found["delta_net"] != nil {
		t.Errorf("got %v", found)
	}
	if _, ok := found["-"]; ok {
		t.Error("a key without a name is shown")
	}
}

// Block 0 of a hybrid has no attention; what engines have against the file is said all the same.
func TestEnginesOfAHybrid(t *testing.T) {
	notes, err := EngineWarnings(testutil.HybridGGUF(t, testutil.Hybrid(), gguf.PQ2_0, 1))
	if err != nil {
		t.Fatal(err)
	}
	const want = "llama.cpp cannot read pq2_0"
	if !slices.ContainsFunc(notes, func(n setting.Note) bool { return strings.HasPrefix(n.String(), want) }) {
		t.Errorf("got %q, want one that begins with %q", notes, want)
	}
}

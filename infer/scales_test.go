package infer

import (
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/internal/testutil"
	"trit/lm"
)

// rewritten is a copy of a GGUF file whose metadata and weights in F32 are changed.
func rewritten(t *testing.T, path string, meta func(from, to *gguf.Metadata), change func(name string, v []float32)) string {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var m gguf.Metadata
	meta(&f.Metadata, &m)
	var sources []gguf.Source
	for _, info := range f.Tensors {
		data := slices.Clone(f.Data(info))
		if info.Type == gguf.F32 {
			v := make([]float32, len(data)/4)
			if err := gguf.Dequantize(info.Type, v, data); err != nil {
				t.Fatal(err)
			}
			change(info.Name, v)
			if err := gguf.Quantize(gguf.F32, data, v); err != nil {
				t.Fatal(err)
			}
		}
		sources = append(sources, gguf.Source{Name: info.Name, Type: info.Type, Dims: info.Dims,
			Write: func(w io.Writer) error { _, err := w.Write(data); return err }})
	}
	out := filepath.Join(t.TempDir(), "rewritten.gguf")
	if err := gguf.WriteFile(out, &m, sources); err != nil {
		t.Fatal(err)
	}
	return out
}

// copyKeys copies all keys; those of the architecture get the name of another one.
func copyKeys(from, to *gguf.Metadata, architecture string) {
	for _, key := range from.Keys {
		v, _ := from.Get(key)
		if rest, ok := strings.CutPrefix(key, "llama."); ok {
			key = architecture + "." + rest
		}
		to.Set(key, v)
	}
	to.Set("general.architecture", architecture)
}

// A MiniCPM is the Llama whose embedding, outputs of blocks and final norm have the scales in their
// weights; so logits, scores and choices are. The final norm has no scale in embeddings.
func TestScalesAreThoseOfTheWeights(t *testing.T) {
	const embedding, residual, logit = 12, 0.4, 3
	plain := groupedGGUF(t, gguf.F32, false)
	scaled := rewritten(t, plain, func(from, to *gguf.Metadata) {
		copyKeys(from, to, "minicpm")
		to.Set("minicpm.embedding_scale", float32(embedding))
		to.Set("minicpm.residual_scale", float32(residual))
		to.Set("minicpm.logit_scale", float32(logit))
	}, func(string, []float32) {})
	folded := func(norm float32) string {
		return rewritten(t, plain, func(from, to *gguf.Metadata) { copyKeys(from, to, "llama") }, func(name string, v []float32) {
			factor := float32(1)
			switch {
			case name == "token_embd.weight":
				factor = embedding
			case name == "output_norm.weight":
				factor = norm
			case strings.HasSuffix(name, "attn_output.weight"), strings.HasSuffix(name, "ffn_down.weight"):
				factor = residual
			}
			for i := range v {
				v[i] *= factor
			}
		})
	}
	tokens := []int32{3, 99, 7, 250, 12, 12, 80, 1, 44, 5}
	m, s := loadModel(t, scaled, Options{})
	if m.config.TieWordEmbeddings {
		t.Fatal("the head is tied, so the scale of the embedding would be in it")
	}
	want, _ := loadModel(t, folded(1.0/logit), Options{})
	sameModels(t, m, want, tokens)
	_, unscaled := loadModel(t, folded(1), Options{})
	if e := testutil.RelativeL2(embed(t, s, tokens), embed(t, unscaled, tokens)); !(e <= 1e-6) {
		t.Errorf("the embedding errs by %g", e)
	}
}

// sameModels compares logits and scores of two models.
func sameModels(t *testing.T, got, want *Model, tokens []int32) {
	t.Helper()
	if e := testutil.RelativeL2(logitsOf(t, got, tokens), logitsOf(t, want, tokens)); !(e <= 1e-6) {
		t.Errorf("the logits err by %g", e)
	}
	if a, b := scoreOf(t, got, tokens), scoreOf(t, want, tokens); !(math.Abs(a-b) <= 1e-5*math.Abs(b)) {
		t.Errorf("the score is %g, want %g", a, b)
	}
}

// scoreOf is the log-probability of all tokens but the first.
func scoreOf(t *testing.T, m *Model, tokens []int32) float64 {
	t.Helper()
	n := len(tokens)
	r, err := m.NewScorer(0).Score(t.Context(), []lm.ScoreRequest{{Input: tokens[:n-1], Targets: tokens[1:]}})
	if err != nil {
		t.Fatal(err)
	}
	return r[0].LogProb
}

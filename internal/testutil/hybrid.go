package testutil

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/model"
)

// Hybrid is the shape of a small model with gated delta nets: blocks of both kinds, more value heads than
// key heads, and part of each head turned.
func Hybrid() model.Config {
	c := model.Config{
		VocabSize: 320, HiddenSize: 128, IntermediateSize: 256, NumHiddenLayers: 5, NumAttentionHeads: 4,
		NumKeyValueHeads: 2, HeadDim: 64, MaxPositionEmbeddings: 2048, RMSNormEps: 1e-6, RopeTheta: 1e6,
		PartialRotaryFactor: 0.25, HiddenAct: model.SiLU, TieWordEmbeddings: true, QKNorm: true,
		DeltaNet: model.DeltaNet{KeyHeads: 2, ValueHeads: 4, HeadDim: 64, Kernel: 4, Interval: 3},
	}
	c.Resolve()
	return c
}

// HybridGGUF writes a model with random weights and returns its path. The matrices of its blocks are of the
// type, codes times a scale for each 128 if it has groups, embedding and head F16, all others F32.
func HybridGGUF(t testing.TB, c model.Config, typ gguf.Type, seed uint64) string {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 35))
	var list []gguf.Source
	for _, spec := range c.Tensors() {
		values, of := hybridWeights(r, spec, typ), typ
		switch {
		case spec.Layer < 0 && len(spec.Shape) == 2:
			of = gguf.F16
		case len(spec.Shape) == 1 || strings.Contains(spec.GGUF, "conv1d"):
			of = gguf.F32
		}
		dims := gguf.Dims(spec.Shape)
		size, err := of.Size(dims)
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, size)
		if err := gguf.Quantize(of, data, values); err != nil {
			t.Fatal(err)
		}
		list = append(list, gguf.Source{Name: spec.GGUF, Type: of, Dims: dims,
			Write: func(w io.Writer) error { _, err := w.Write(data); return err }})
	}
	path := filepath.Join(t.TempDir(), "hybrid.gguf")
	if err := gguf.WriteFile(path, HybridMetadata(t, c), list); err != nil {
		t.Fatal(err)
	}
	return path
}

// HybridMetadata is the metadata of such a model, with a tokenizer of bytes and one merge.
func HybridMetadata(t testing.TB, c model.Config) *gguf.Metadata {
	t.Helper()
	m := &gguf.Metadata{}
	if err := ggufmeta.WriteConfig(m, ggufmeta.Qwen35, &c); err != nil {
		t.Fatal(err)
	}
	tokens, types := make([]string, c.VocabSize), make([]int32, c.VocabSize)
	for i := range tokens {
		tokens[i], types[i] = fmt.Sprintf("<%d>", i), 4
		if i < 256 {
			tokens[i], types[i] = string(byteRune(i)), 1
		}
	}
	tokens[256], types[256] = "ab", 1
	m.Set("tokenizer.ggml.model", "gpt2")
	m.Set("tokenizer.ggml.pre", "qwen35")
	m.Set("tokenizer.ggml.tokens", tokens)
	m.Set("tokenizer.ggml.token_type", types)
	m.Set("tokenizer.ggml.merges", []string{"a b"})
	m.Set("tokenizer.ggml.eos_token_id", uint32(c.VocabSize-1))
	return m
}

// byteRune is the character for a byte in byte-level vocabularies.
func byteRune(b int) rune {
	isShown := func(b int) bool { return b >= '!' && b <= '~' || b >= 0xa1 && b != 0xad }
	if isShown(b) {
		return rune(b)
	}
	hidden := 0
	for i := range b {
		if !isShown(i) {
			hidden++
		}
	}
	return rune(256 + hidden)
}

// hybridWeights are random weights of a size that keeps all parts of the model at work.
func hybridWeights(r *rand.Rand, spec model.TensorSpec, typ gguf.Type) []float32 {
	values := make([]float32, spec.Elements())
	for i := range values {
		switch v := r.NormFloat64(); {
		case strings.HasSuffix(spec.GGUF, "ssm_a"):
			values[i] = -float32(math.Exp(2*v - 2))
		case strings.Contains(spec.GGUF, "conv1d"):
			values[i] = float32(v / 2)
		case len(spec.Shape) == 1 && !strings.HasSuffix(spec.GGUF, "bias"):
			values[i] = float32(1 + v/10)
		case len(spec.Shape) == 1:
			values[i] = float32(v - 1)
		case spec.Layer < 0:
			values[i] = float32(v / 8)
		default:
			values[i] = float32(1.5 * v / math.Sqrt(float64(spec.Shape[1])))
		}
	}
	if typ.IsGrouped() && spec.Layer >= 0 && len(spec.Shape) == 2 {
		for group := range slices.Chunk(values, 128) {
			ternarize(group, typ == gguf.Q1_0)
		}
	}
	return values
}

// ternarize makes the weights of a group a scale times -1, 0 and 1, or times their signs.
func ternarize(group []float32, signs bool) {
	scale := float32(math.Abs(float64(group[0])))/2 + 1.0/64
	scale = float32(math.Round(float64(scale)*1024) / 1024)
	for i, v := range group {
		switch {
		case !signs && math.Abs(float64(v)) < float64(scale)/2:
			group[i] = 0
		default:
			group[i] = float32(math.Copysign(float64(scale), float64(v)))
		}
	}
}

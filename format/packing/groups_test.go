package packing

import (
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/model"
)

// Which types hold a model that is trained with a scale a group, the usual one first, and who runs them.
func TestTrainedGroups(t *testing.T) {
	for _, test := range []struct {
		scale       model.WeightScale
		sign        bool
		feedForward int
		want, llama string
	}{
		{model.ScaleGroup64, false, 256, "q2_0", "q2_0"}, {model.ScaleGroup128, false, 256, "q2_0, pq2_0, ptq1_0", "q2_0"},
		{model.ScaleGroup256, false, 256, "tq2_0, tq1_0, q2_0, pq2_0, ptq1_0", "tq2_0, tq1_0, q2_0"},
		{model.ScaleRow, false, 384, "q2_0, pq2_0, ptq1_0, and tq2_0, tq1_0 with Options.Pad", "q2_0, and tq2_0, tq1_0 with Options.Pad"},
		{"", false, 256, "q2_0, pq2_0, ptq1_0", "q2_0"}, {model.ScaleGroup128, true, 256, "q1_0", "q1_0"},
		{model.ScaleGroup64, true, 256, "", "no: no type there has a scale for each 64 weights of a row"},
	} {
		c := shape(256, test.feedForward, func(c *model.Config) {
			c.SubNorms, c.QKNorm, c.WeightScale, c.Sign, c.FloatActivations = false, true, test.scale, test.sign, true
		})
		text := func(field string) string { return field[strings.LastIndex(field, "Options"):] }
		if got := TypeNames(Fits(c)).Text(text); got != test.want {
			t.Errorf("%s, sign %v: %q, want %q", test.scale, test.sign, got, test.want)
		}
		engines := Engines(c)
		if got := engines[3].Text().Text(text); got != test.llama {
			t.Errorf("%s, sign %v: llama.cpp: %q, want %q", test.scale, test.sign, got, test.llama)
		}
		if got := engines[1].Text().Text(text); !strings.HasPrefix(got, "no: no type there has ") {
			t.Errorf("%s: bitnet.cpp: %q", test.scale, got)
		}
	}
}

// Of a file it is said who reads its type.
func TestReaders(t *testing.T) {
	plain := shape(256, 256, func(c *model.Config) { c.SubNorms, c.Ternary = false, false })
	ternary := shape(256, 256, func(c *model.Config) { c.SubNorms = false })
	for want, got := range map[string]string{
		"q2_0 runs on trit, llama.cpp, not on bitnet.cpp, ik_llama.cpp, Ollama":  string(Readers(plain, gguf.Q2_0)),
		"pq2_0 runs on trit, not on bitnet.cpp, ik_llama.cpp, llama.cpp, Ollama": string(Readers(plain, gguf.PQ2_0)),
		"tq2_0 runs on trit, llama.cpp, Ollama, not on bitnet.cpp, ik_llama.cpp": string(Readers(ternary, gguf.TQ2_0)),
		"f16 runs on trit, bitnet.cpp, ik_llama.cpp, llama.cpp, Ollama":          string(Readers(plain, gguf.F16)),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

package infer

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/setting"
)

// edited is a copy of a GGUF file with other keys (nil takes one out) and tensors: change returns false
// for a tensor that is left out, and more are added.
func edited(
	t *testing.T, path string, keys map[string]any,
	change func(info *gguf.TensorInfo, data []byte) bool, more ...gguf.Source,
) string {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var m gguf.Metadata
	for _, key := range f.Metadata.Keys {
		if _, changed := keys[key]; !changed {
			v, _ := f.Metadata.Get(key)
			m.Set(key, v)
		}
	}
	for key, v := range keys {
		if v != nil {
			m.Set(key, v)
		}
	}
	sources := more
	for _, info := range f.Tensors {
		if data := slices.Clone(f.Data(info)); change == nil || change(&info, data) {
			sources = append(sources, gguf.Source{Name: info.Name, Type: info.Type, Dims: info.Dims,
				Write: func(w io.Writer) error { _, err := w.Write(data); return err }})
		}
	}
	out := filepath.Join(t.TempDir(), "edited.gguf")
	if err := gguf.WriteFile(out, &m, sources); err != nil {
		t.Fatal(err)
	}
	return out
}

// but leaves one tensor out.
func but(name string) func(*gguf.TensorInfo, []byte) bool {
	return func(info *gguf.TensorInfo, _ []byte) bool { return info.Name != name }
}

// ones32 is a tensor of n ones.
func ones32(name string, n int) gguf.Source {
	data := bytes.Repeat([]byte{0, 0, 0x80, 0x3f}, n)
	return gguf.Source{Name: name, Type: gguf.F32, Dims: []uint64{uint64(n)},
		Write: func(w io.Writer) error { _, err := w.Write(data); return err }}
}

// renumbered is a copy of a file whose tensors have another number of their type.
func renumbered(t *testing.T, path string, from, to gguf.Type) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// The number is followed by the offset, which makes it unlike everything else.
	for _, info := range f.Tensors {
		if info.Type != from {
			continue
		}
		name := append([]byte(info.Name), binary.LittleEndian.AppendUint32(nil, uint32(len(info.Dims)))...)
		at := bytes.Index(b, name) + len(name) + 8*len(info.Dims)
		binary.LittleEndian.PutUint32(b[at:], uint32(to))
	}
	out := filepath.Join(t.TempDir(), "renumbered.gguf")
	if err := os.WriteFile(out, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return out
}

// Files of kinds that are about, each with one thing wrong, are computed right or refused by name; what
// a file does not tell is warned of. docs/convert.md has this table.
func TestFilesWithOneThingWrong(t *testing.T) {
	const q = "blk.0.attn_q.weight"
	pq2, q2, f32 := groupedGGUF(t, gguf.PQ2_0, false), groupedGGUF(t, gguf.Q2_0, false), groupedGGUF(t, gguf.F32, false)
	rotated := rotatedGGUF(t, f32, 64, func(string) bool { return true })
	damaged := func(info *gguf.TensorInfo, data []byte) bool {
		if info.Name == q {
			data[0], data[1] = 0, 0x7c // the first scale is infinite
		}
		return true
	}
	tokens := []int32{3, 99, 7, 250}
	right, _ := loadModel(t, pq2, Options{})
	want := logitsOf(t, right, tokens)
	for what, c := range map[string]struct {
		path    string
		refused string // what the error says; nothing: it is computed
		warns   string
	}{
		"groups of 128 under the number of Q2_0": {path: renumbered(t, pq2, gguf.PQ2_0, gguf.Q2_0)},
		"number 42 for smaller blocks":           {path: renumbered(t, groupedGGUF(t, gguf.PTQ1_0, false), gguf.PTQ1_0, gguf.Q2_0), refused: "inside the tensor that ends at"},
		"number 42 for larger blocks":            {path: renumbered(t, groupedGGUF(t, gguf.Q8_0, false), gguf.Q8_0, gguf.Q2_0), refused: "the number means another format"},
		"a number of no type":                    {path: renumbered(t, pq2, gguf.PQ2_0, gguf.Type(99)), refused: "99"},
		"no embedding":                           {path: edited(t, q2, nil, but("token_embd.weight")), refused: "token_embd.weight is missing"},
		"a projection missing":                   {path: edited(t, q2, nil, but(q)), refused: q + " is missing"},
		"a norm of query heads in a llama":       {path: edited(t, q2, nil, nil, ones32("blk.0.attn_q_norm.weight", 64)), refused: "norms of query and key heads"},
		"a bias":                                 {path: edited(t, q2, nil, nil, ones32("blk.0.attn_q.bias", 256)), refused: "blk.0.attn_q.bias, which the model"},
		"a factor beside groups":                 {path: edited(t, q2, nil, nil, ones32("blk.0.attn_q.scale", 1)), refused: "blk.0.attn_q.scale"},
		"a scale that is infinite":               {path: edited(t, q2, nil, damaged), refused: q + ": it holds values that are not finite"},
		"no epsilon":                             {path: edited(t, q2, map[string]any{"llama.attention.layer_norm_rms_epsilon": nil}, nil), refused: "layer_norm_rms_epsilon is missing"},
		"no base of the rotary embedding":        {path: edited(t, pq2, map[string]any{"llama.rope.freq_base": nil}, nil), warns: "llama.rope.freq_base: it is taken for 10000"},
		"yarn's factors beside rope_freqs":       {path: edited(t, q2, map[string]any{"llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": float32(4)}, nil, ones32("rope_freqs.weight", 32)), refused: "scaled in one way"},
		"yarn's attention factor": {path: edited(t, q2, map[string]any{"llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": float32(4),
			"llama.rope.scaling.yarn_attn_factor": float32(0.5)}, nil), refused: "rope.scaling.yarn_attn_factor is 0.5"},
		"factors of longrope without its type": {path: edited(t, q2, nil, nil, ones32("rope_factors_long.weight", 32), ones32("rope_factors_short.weight", 32)), refused: "is not longrope"},
		"longrope without its factors":         {path: edited(t, q2, map[string]any{"llama.rope.scaling.type": "longrope"}, nil), refused: "want the tensors rope_factors_short.weight"},
		"a MiniCPM that is called a llama":     {path: edited(t, q2, map[string]any{"llama.embedding_scale": float32(12)}, nil), refused: "llama.embedding_scale is 12, which scales the embedding"},
		"a MiniCPM without its scales":         {path: rewritten(t, f32, func(from, to *gguf.Metadata) { copyKeys(from, to, "minicpm") }, func(string, []float32) {}), refused: "minicpm.embedding_scale is missing"},
		"activations of 4 bits by floats":      {path: rewritten(t, f32, func(from, to *gguf.Metadata) { copyKeys(from, to, "llama-a4") }, func(string, []float32) {}), refused: "general.architecture is llama-a4, whose layers are ternary, but " + q + " is F32"},
		"a basis of which a key is lost":       {path: edited(t, rotated, map[string]any{"prism.hadamard.sign_mode": nil}, nil), refused: "prism.hadamard.sign_mode is missing"},
		"a basis of another version":           {path: edited(t, rotated, map[string]any{"prism.hadamard.version": uint32(2)}, nil), refused: "prism.hadamard.version is 2"},
		"a tokenizer of another model":         {path: edited(t, q2, map[string]any{"tokenizer.ggml.tokens": make([]string, 1<<12)}, nil), refused: "the tokenizer has 4096 tokens"},
	} {
		m, err := Load(c.path, Options{Threads: 2})
		if c.refused != "" {
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: got %v, want %q", what, err, c.refused)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if got := logitsOf(t, m, tokens); c.warns == "" && !slices.Equal(got, want) {
			t.Errorf("%s: the logits are not those of the right file", what)
		}
		if c.warns != "" && !slices.ContainsFunc(m.Warnings(), func(n setting.Note) bool { return strings.Contains(n.String(), c.warns) }) {
			t.Errorf("%s: warnings %q, want %q", what, m.Warnings(), c.warns)
		}
		m.Close()
	}
}

// A file whose head is left out has the embedding for a head: its logits are those of a file whose head is a copy
// of the embedding, and not those of the head that was there.
func TestHeadLeftOut(t *testing.T) {
	q2, tokens := groupedGGUF(t, gguf.Q2_0, false), []int32{3, 99, 7, 250}
	f, err := gguf.Open(q2)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	embedding, _ := f.Tensor("token_embd.weight")
	copied := edited(t, q2, nil, func(info *gguf.TensorInfo, data []byte) bool {
		if info.Name == "output.weight" {
			copy(data, f.Data(embedding))
		}
		return true
	})
	logits := func(path string) []float32 {
		m, _ := loadModel(t, path, Options{})
		return logitsOf(t, m, tokens)
	}
	left := logits(edited(t, q2, nil, but("output.weight")))
	if !slices.Equal(left, logits(copied)) {
		t.Error("the logits are not those of the embedding as head")
	}
	if slices.Equal(left, logits(q2)) {
		t.Error("the head that is left out is still there")
	}
}

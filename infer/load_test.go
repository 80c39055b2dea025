package infer

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/infer/sampling"
	"trit/lm"
)

// damaged is a copy of the golden Llama in which the values at the end of a tensor are others.
func damaged(t *testing.T, name string, end []byte) string {
	t.Helper()
	f, err := gguf.Open("../testdata/checkpoints/hf-llama-packed/expected-i2_s.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var sources []gguf.Source
	for _, info := range f.Tensors {
		data := f.Data(info)
		if info.Name == name {
			data = slices.Clone(data)
			copy(data[len(data)-len(end):], end)
		}
		sources = append(sources, gguf.Source{Name: info.Name, Type: info.Type, Dims: info.Dims,
			Write: func(w io.Writer) error { _, err := w.Write(data); return err }})
	}
	path := filepath.Join(t.TempDir(), "damaged.gguf")
	if err := gguf.WriteFile(path, &f.Metadata, sources); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestValuesThatAreNotFinite has one such value in a norm and in one row of the embedding, which
// most prompts never look at.
func TestValuesThatAreNotFinite(t *testing.T) {
	for name, value := range map[string][]byte{
		"output_norm.weight": {0, 0, 0xc0, 0x7f}, "blk.1.attn_norm.weight": {0, 0, 0x80, 0xff},
		"token_embd.weight": {0, 0x7e}, "output.weight": {0, 0x7c},
	} {
		want := fmt.Sprintf("tensor %s: it holds values that are not finite", name)
		if _, err := Load(damaged(t, name, value), Options{Threads: 2}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// A model whose weights are finite, but whose products are not, gives no tokens, logits or
// embeddings.
func TestProductsThatAreNotFinite(t *testing.T) {
	m, err := Load(damaged(t, "output_norm.weight", slices.Repeat([]byte{0xff, 0xff, 0x7f, 0x7f}, 256)), Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for name, use := range map[string]func(s *Session) error{
		"step":    func(s *Session) error { _, err := s.Step([]int32{1, 2}, sampling.New(lm.Sampling{})); return err },
		"forward": func(s *Session) error { return s.Forward([]int32{1}, make([]float32, m.config.VocabSize), 0) },
		"embed":   func(s *Session) error { _, err := s.embed([]int32{1}, alone); return err },
	} {
		s, err := m.NewSession(8)
		if err != nil {
			t.Fatal(err)
		}
		if err := use(s); !errors.Is(err, errNotFinite) {
			t.Errorf("%s: got %v, want %v", name, err, errNotFinite)
		}
	}
}

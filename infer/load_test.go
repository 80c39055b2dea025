package infer

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/format/gguf"
)

// TestValuesThatAreNotFinite has one such value in a norm and in one row of the embedding, which
// most prompts never look at.
func TestValuesThatAreNotFinite(t *testing.T) {
	f, err := gguf.Open("../testdata/checkpoints/hf-llama-packed/expected-i2_s.gguf")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, value := range map[string][]byte{
		"output_norm.weight": {0, 0, 0xc0, 0x7f}, "blk.1.attn_norm.weight": {0, 0, 0x80, 0xff},
		"token_embd.weight": {0, 0x7e}, "output.weight": {0, 0x7c},
	} {
		var sources []gguf.Source
		for _, info := range f.Tensors {
			data := f.Data(info)
			if info.Name == name {
				data = slices.Clone(data)
				copy(data[len(data)-len(value):], value)
			}
			sources = append(sources, gguf.Source{Name: info.Name, Type: info.Type, Dims: info.Dims,
				Write: func(w io.Writer) error { _, err := w.Write(data); return err }})
		}
		path := filepath.Join(t.TempDir(), "damaged.gguf")
		if err := gguf.WriteFile(path, &f.Metadata, sources); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("tensor %s: it holds values that are not finite", name)
		if _, err := Load(path, Options{Threads: 2}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

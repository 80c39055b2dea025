package convert

import (
	"path/filepath"
	"testing"

	"trit/format/gguf"
)

// A folder of MiniCPM goes to a GGUF file, with a scale a group too, and back.
func TestMiniCPMRoundTrip(t *testing.T) {
	llama := mustConvert(t, groupedSource(t, false, func(string, []float32) {}), "llama", Options{Type: F16})
	dir := t.TempDir()
	copyChanged(t, dir, llama, `"LlamaForCausalLM"`, `"MiniCPMForCausalLM"`)
	for _, change := range [][2]string{
		{`"model_type": "llama"`, `"model_type": "minicpm"`},
		{`"vocab_size"`, `"scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 64, "vocab_size"`},
	} {
		next := t.TempDir()
		copyChanged(t, next, dir, change[0], change[1])
		dir = next
	}
	file := mustConvert(t, dir, "x.gguf", Options{Type: TQ2})
	f, err := gguf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for key, want := range map[string]any{
		"general.architecture": "minicpm", "minicpm.embedding_scale": float32(12), "minicpm.logit_scale": float32(4),
	} {
		if v, _ := f.Metadata.Get(key); v != want {
			t.Errorf("%s is %v, want %v", key, v, want)
		}
	}
	back := mustConvert(t, file, "back", Options{Type: F16})
	for _, path := range []string{dir, file, back} {
		if c := configOf(t, path); c.ScaleEmb != 12 || c.ScaleDepth != 1.4 || c.DimModelBase != 64 {
			t.Errorf("%s: scales of %v, %v and %v, want 12, 1.4 and 64", filepath.Base(path), c.ScaleEmb, c.ScaleDepth, c.DimModelBase)
		}
		if same := compared(t, dir, path); !same.Same {
			t.Errorf("%s: %s", filepath.Base(path), same.Summary())
		}
	}
	if same := compared(t, dir, llama); same.Same {
		t.Error("a MiniCPM and a Llama of the same weights are said to be one")
	}
}

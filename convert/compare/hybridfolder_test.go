package compare_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/convert"
	"trit/convert/source"
	"trit/format/gguf"
	"trit/format/safetensors"
	"trit/internal/testutil"
)

const hybridGolden = "../../testdata/checkpoints/hf-qwen35"

// A folder of a hybrid goes to a GGUF file and back: all weights of the text model are those of the golden, in their
// places. Its logits are compared in package infer.
func TestHybridFolder(t *testing.T) {
	file := converted(t, hybridGolden, convert.Options{Type: convert.F32})
	back := folderOf(t, file, convert.Options{})
	want, got := openWeights(t, hybridGolden), openWeights(t, back)
	compared := 0
	for _, a := range want.Tensors() {
		name := strings.Replace(a.Name, "model.language_model.", "model.", 1)
		b, ok := got.Tensor(name)
		if strings.HasPrefix(name, "mtp.") || strings.HasPrefix(name, "model.visual.") {
			if ok {
				t.Errorf("%s is no part of the text model", name)
			}
			continue
		}
		compared++
		if !ok || !slices.Equal(a.Shape, b.Shape) {
			t.Errorf("%s has shape %v, want %v", name, b.Shape, a.Shape)
			continue
		}
		if e := testutil.RelativeL2(valuesOf(t, got, b), valuesOf(t, want, a)); !(e < 1e-7 || e < 1.0/256 && a.DType != b.DType) {
			t.Errorf("%s: relative L2 %g", name, e)
		}
	}
	if compared != len(got.Tensors()) {
		t.Errorf("%d tensors were compared of %d", compared, len(got.Tensors()))
	}
}

func folderOf(t *testing.T, in string, o convert.Options) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "folder")
	if _, err := convert.Convert(t.Context(), in, out, o); err != nil {
		t.Fatal(err)
	}
	return out
}

func openGGUF(t *testing.T, path string) *gguf.File {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func openWeights(t *testing.T, dir string) *safetensors.File {
	t.Helper()
	f, err := safetensors.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func valuesOf(t *testing.T, f *safetensors.File, info safetensors.TensorInfo) []float32 {
	t.Helper()
	v := make([]float32, info.Elements())
	if err := f.ReadFloat32(info.Name, v); err != nil {
		t.Fatal(err)
	}
	return v
}

// What is left out is named, and folders with one thing wrong are refused.
func TestHybridFolderWithOneThingWrong(t *testing.T) {
	m, err := source.Open(hybridGolden, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var said []string
	for _, w := range m.Warnings {
		said = append(said, w.String())
	}
	if !slices.Equal(said, []string{"left out: blocks that draft tokens (MTP), 2 tensors whose names begin with mtp.",
		"left out: a vision tower, 2 tensors whose names begin with model.visual."}) {
		t.Errorf("said %q", said)
	}
	for _, c := range []struct{ find, by, want string }{
		{`[320, 1, 4]`, `[320, 4, 1]`, "conv1d.weight has shape [320 4 1]: config.json wants [320 1 4]"},
		{`model.visual.blocks.0.norm1.weight`, `model.vision.blocks.0.norm1.weight`, "there is a tensor model.vision.blocks"},
		{`layers.1.linear_attn.A_log"`, `layers.1.linear_attn.A_lag"`, "layers.1.linear_attn.A_log is missing"},
	} {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(hybridGolden)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "model.safetensors")
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, bytes.Replace(b, []byte(c.find), []byte(c.by), 1), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := source.Open(dir, source.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.by, err, c.want)
		}
	}
	_, err = source.Open(hybridGolden, source.Options{Weights: source.WeightsMasters})
	if err == nil || !strings.Contains(err.Error(), "model_type is qwen3_5, which has no ternary weights with one scale") {
		t.Errorf("got %v", err)
	}
}

// A hybrid with a scale a group goes to a folder and comes back with the same blocks.
func TestGroupedHybridThroughAFolder(t *testing.T) {
	c := testutil.Hybrid()
	in := testutil.HybridGGUF(t, c, gguf.Q2_0, 1)
	again := converted(t, folderOf(t, in, convert.Options{Type: convert.F32}), convert.Options{Type: convert.Q2, EmbeddingType: convert.F16})
	a, b := openGGUF(t, in), openGGUF(t, again)
	if v, _ := b.Metadata.Uint("general.file_type"); v != 41 { // llama.cpp's number
		t.Errorf("general.file_type is %d", v)
	}
	for _, info := range a.Tensors {
		other, _ := b.Tensor(info.Name)
		if info.Type == gguf.Q2_0 && !bytes.Equal(a.Data(info), b.Data(other)) {
			t.Errorf("%s: other blocks", info.Name)
		}
	}
}

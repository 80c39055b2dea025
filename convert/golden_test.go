package convert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/format/gguf"
)

// convertGolden converts a golden folder and compares type, dims and sha256 of every
// tensor with expected.json, whose I2_S sums leave out the 28 bytes behind the scale.
func convertGolden(t *testing.T, dir string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.gguf")
	report, err := Convert(context.Background(), dir, out, Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Arch    string
		Tensors map[string]struct {
			Type   string
			Dims   []uint64
			SHA256 string
		}
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if report.Architecture != want.Arch || len(f.Tensors) != len(want.Tensors) {
		t.Errorf("architecture %s with %d tensors, want %s with %d", report.Architecture, len(f.Tensors), want.Arch, len(want.Tensors))
	}
	for _, got := range f.Tensors {
		data := f.Data(got)
		if got.Type == gguf.I2_S {
			data = data[:len(data)-28]
		}
		sum, w := sha256.Sum256(data), want.Tensors[got.Name]
		if got.Type.String() != w.Type || !slices.Equal(got.Dims, w.Dims) || hex.EncodeToString(sum[:]) != w.SHA256 {
			t.Errorf("%s: %s %v %x, want %s %v %s", got.Name, got.Type, got.Dims, sum, w.Type, w.Dims, w.SHA256)
		}
	}
	return out
}

func TestGoldenMasters(t *testing.T) { convertGolden(t, "../testdata/checkpoints/hf-bitnet-bf16") }

func TestNothingIsOverwritten(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.gguf")
	if err := os.WriteFile(out, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Convert(context.Background(), "../testdata/checkpoints/hf-bitnet-bf16", out, Options{}); err == nil {
		t.Error("an existing file was replaced")
	}
	if b, _ := os.ReadFile(out); string(b) != "mine" {
		t.Error("the existing file was changed")
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, find, replace, want string
		options                   Options
	}{
		{"ternary model as f16", "", "", "does not fit", Options{Type: "f16"}},
		{"unknown type", "", "", "cannot be written", Options{Type: "q2_k"}},
		{"wrong shape", `"intermediate_size": 512`, `"intermediate_size": 640`, "shape", Options{}},
		{"more layers than there are", `"num_hidden_layers": 2`, `"num_hidden_layers": 3`, "missing", Options{}},
		{"rows that I2_S cannot hold", `"hidden_size": 256`, `"hidden_size": 192`, "multiple of 128", Options{}},
	} {
		dir := t.TempDir()
		for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} {
			b, err := os.ReadFile(filepath.Join("../testdata/checkpoints/hf-bitnet-bf16", name))
			if err != nil {
				t.Fatal(err)
			}
			if name == "config.json" && c.find != "" {
				b = []byte(strings.Replace(string(b), c.find, c.replace, 1))
			}
			os.WriteFile(filepath.Join(dir, name), b, 0o644)
		}
		out := filepath.Join(dir, "x.gguf")
		if _, err := Convert(context.Background(), dir, out, c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: a file was left", c.name)
		}
	}
}

func TestInspect(t *testing.T) {
	out := convertGolden(t, "../testdata/checkpoints/hf-bitnet-bf16")
	for _, path := range []string{out, "../testdata/checkpoints/hf-bitnet-bf16", "../testdata/checkpoints/hf-bitnet-bf16/model.safetensors"} {
		r, err := Inspect(path)
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := r.WriteText(&text); err != nil || len(r.Tensors) == 0 || !strings.Contains(text.String(), r.Tensors[0].Name) || strings.Contains(text.String(), "00000000") {
			t.Errorf("%s: %v, %d tensors", path, err, len(r.Tensors))
		}
	}
}

package testutil

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"trit/format/safetensors"
	"trit/model"
)

// GoldenKind is what a golden of training holds.
type GoldenKind string

// Kinds of goldens.
const (
	GoldenTraining GoldenKind = "training of all weights"
	GoldenAdamW    GoldenKind = "the optimiser alone"
	GoldenLoRA     GoldenKind = "training of adapters"
	GoldenDPO      GoldenKind = "preferences"
	GoldenDistill  GoldenKind = "distillation"
)

// kindOf tells the kind of a golden by its metadata and, of one with neither key, by its tensor of
// tokens.
func kindOf(f *safetensors.File) GoldenKind {
	for key, kind := range map[string]GoldenKind{"lora": GoldenLoRA, "dpo": GoldenDPO, "distill": GoldenDistill} {
		if f.Metadata()[key] != "" {
			return kind
		}
	}
	if _, found := f.Tensor("tokens"); found {
		return GoldenTraining
	}
	return GoldenAdamW
}

// Goldens lists the goldens of a kind: the file of -golden, or without the flag those in dir. It
// skips the test if the file of -golden is of another kind.
func Goldens(t *testing.T, dir string, kind GoldenKind) (paths []string) {
	t.Helper()
	files := []string{*Golden}
	if files[0] == "" {
		var err error
		if files, err = filepath.Glob(filepath.Join(dir, "*.safetensors")); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range files {
		f := OpenGolden(t, path)
		found := kindOf(f)
		f.Close()
		if found == kind {
			paths = append(paths, path)
		} else if *Golden != "" {
			t.Skipf("%s is a golden of %s, this test is for %s", path, found, kind)
		}
	}
	if len(paths) == 0 {
		t.Fatalf("%s holds no golden of %s", dir, kind)
	}
	return paths
}

// OpenGolden opens a golden. The caller closes it.
func OpenGolden(t *testing.T, path string) *safetensors.File {
	t.Helper()
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// GoldenModel reads the model of a training golden, resolved.
func GoldenModel(t *testing.T, f *safetensors.File) model.Config {
	t.Helper()
	c := model.Config{SubNorms: true, Ternary: true, TieWordEmbeddings: true}
	if err := json.Unmarshal([]byte(f.Metadata()["config"]), &c); err != nil {
		t.Fatal(err)
	}
	c.Resolve()
	return c
}

// GoldenTokens reads the token ids of a training golden, [steps,batch,length+1].
func GoldenTokens(t *testing.T, f *safetensors.File) (tokens []int32, batch, length int) {
	t.Helper()
	tokens, err := f.Int32("tokens")
	if err != nil {
		t.Fatal(err)
	}
	info, _ := f.Tensor("tokens")
	return tokens, info.Shape[1], info.Shape[2] - 1
}

// Floats reads a tensor of float32.
func Floats(t *testing.T, f *safetensors.File, name string) []float32 {
	t.Helper()
	v, err := f.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// GoldenTargets reads step s of a golden [steps,batch,length+1] with a mask into tokens and targets,
// whose target is -1 where the mask has none.
func GoldenTargets(t *testing.T, f *safetensors.File, s int, tokens, targets []int32) {
	t.Helper()
	all, batch, length := GoldenTokens(t, f)
	mask := Floats(t, f, "mask")
	for b := range batch {
		row := all[(s*batch+b)*(length+1):][:length+1]
		copy(tokens[b*length:], row[:length])
		copy(targets[b*length:], row[1:])
	}
	for i, m := range mask[s*batch*length:][:batch*length] {
		if m == 0 {
			targets[i] = -1
		}
	}
}

package testutil

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"trit/format/safetensors"
	"trit/model"
)

// TrainingGoldens lists the training goldens of one kind: the file of -golden if it is of that
// kind, or without the flag the files in dir. A golden of a whole model holds the tensor
// "tokens"; one of the optimiser alone has none.
func TrainingGoldens(t *testing.T, dir string, wholeModel bool) (paths []string) {
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
		if _, found := f.Tensor("tokens"); found == wholeModel && !tuning(f) {
			paths = append(paths, path)
		}
		f.Close()
	}
	if len(paths) == 0 && *Golden == "" {
		t.Fatalf("%s holds no such goldens", dir)
	}
	return paths
}

// tuningKinds are the kinds of goldens of fine-tuning: each has its settings under the name of its
// kind in the metadata.
var tuningKinds = []string{"lora", "dpo", "distill"}

func tuning(f *safetensors.File) bool {
	return slices.ContainsFunc(tuningKinds, func(kind string) bool { return f.Metadata()[kind] != "" })
}

// TuningGoldens lists the goldens of fine-tuning of one kind: the file of -golden if it is of that
// kind, or without the flag those of paths that are.
func TuningGoldens(t *testing.T, kind string, paths ...string) (list []string) {
	t.Helper()
	if *Golden != "" {
		paths = []string{*Golden}
	}
	for _, path := range paths {
		f := OpenGolden(t, path)
		if f.Metadata()[kind] != "" {
			list = append(list, path)
		}
		f.Close()
	}
	return list
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

package testutil

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
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
		if _, found := f.Tensor("tokens"); found == wholeModel && tuningKind(f) == "" {
			paths = append(paths, path)
		}
		f.Close()
	}
	if len(paths) == 0 && *Golden == "" {
		t.Fatalf("%s holds no such goldens", dir)
	}
	return paths
}

// tuningKinds are the keys in the metadata of goldens of tuning, of which each has one.
var tuningKinds = []string{"distill", "dpo", "lora"}

// tuningKind is the kind of a golden of tuning, "" for any other file.
func tuningKind(f *safetensors.File) string {
	for _, kind := range tuningKinds {
		if f.Metadata()[kind] != "" {
			return kind
		}
	}
	return ""
}

// TuningGoldens lists the goldens of tuning of one kind: the file of -golden if it is of that kind, or
// without the flag the files in dir; none if dir is "".
func TuningGoldens(t *testing.T, dir, kind string) (paths []string) {
	t.Helper()
	files := []string{*Golden}
	if files[0] == "" {
		files, _ = filepath.Glob(filepath.Join(dir, "*.safetensors"))
	}
	for _, path := range files {
		f := OpenGolden(t, path)
		if tuningKind(f) == kind {
			paths = append(paths, path)
		}
		f.Close()
	}
	if len(paths) == 0 && *Golden == "" && dir != "" {
		t.Fatalf("%s holds no goldens of the kind %s", dir, kind)
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

// GoldenWeights are the weights of a training golden, by their usual names.
func GoldenWeights(t *testing.T, f *safetensors.File) map[string][]float32 {
	t.Helper()
	weights := map[string][]float32{}
	for _, info := range f.Tensors() {
		if name, ok := strings.CutPrefix(info.Name, "param."); ok {
			weights[name] = Floats(t, f, info.Name)
		}
	}
	return weights
}

// WriteModel writes a Hugging Face folder with these weights, and returns its path.
func WriteModel(t testing.TB, c model.Config, weights map[string][]float32) string {
	t.Helper()
	var list []safetensors.Source
	for _, spec := range c.Tensors() {
		list = append(list, safetensors.Float32Source(spec.Name, spec.Shape, weights[spec.Name]))
	}
	dir := t.TempDir()
	b, err := json.Marshal(model.ForTraining(c, -1, -1))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), b, 0o644)
	}
	if err == nil {
		err = safetensors.WriteFile(filepath.Join(dir, "model.safetensors"), nil, list)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
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

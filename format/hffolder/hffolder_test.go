package hffolder

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/format/safetensors"
	"trit/model"
)

// tiny is a model of 12 tensors.
func tiny() *model.HFConfig {
	c := model.Config{
		VocabSize: 8, HiddenSize: 4, IntermediateSize: 4, NumHiddenLayers: 1, NumAttentionHeads: 1,
		SubNorms: true, TieWordEmbeddings: true, Ternary: true,
	}
	c.Resolve()
	return model.ForTraining(c, 1, 2)
}

// folder writes a model whose weights are all value, but for those that edit changes.
func folder(t *testing.T, dir string, value float32, edit func(tensors map[string][]int)) string {
	t.Helper()
	c, tensors := tiny(), map[string][]int{}
	for _, spec := range c.Tensors() {
		tensors[spec.Name] = spec.Shape
	}
	if edit != nil {
		edit(tensors)
	}
	var infos []safetensors.TensorInfo
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		infos = append(infos, safetensors.TensorInfo{Name: name, DType: "F32", Shape: tensors[name]})
	}
	config, err := EncodeConfig(c)
	if err == nil {
		err = WriteFiles(dir, map[string][]byte{ConfigFile: config})
	}
	if err != nil {
		t.Fatal(err)
	}
	w, err := CreateWeights(dir, infos)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	for _, info := range infos {
		if err := safetensors.WriteFloat32(w, slices.Repeat([]float32{value}, info.Elements())); err != nil {
			t.Fatal(err)
		}
		if err := w.EndTensor(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func mustOpen(t *testing.T, path string) *Folder {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// What is written can be read, and is checked.
func TestCheck(t *testing.T) {
	const q, norm, sub = "model.layers.0.self_attn.q_proj.weight", "model.norm.weight", "model.layers.0.mlp.ffn_sub_norm.weight"
	for name, c := range map[string]struct {
		edit  func(tensors map[string][]int)
		wants []string
	}{
		"sound":               {nil, nil},
		"a tied head twice":   {func(m map[string][]int) { m[model.LMHead] = []int{8, 4} }, nil},
		"angles":              {func(m map[string][]int) { m["model.layers.0.self_attn.rotary_emb.inv_freq"] = []int{2} }, nil},
		"a bias":              {func(m map[string][]int) { m["b.bias"] = []int{4} }, []string{"b.bias, which the model of config.json has no place for"}},
		"a scale":             {func(m map[string][]int) { m[q+ScaleSuffix] = []int{1} }, []string{q + "_scale, which"}},
		"another shape":       {func(m map[string][]int) { m[norm] = []int{2, 2} }, []string{norm + " has shape [2 2]: config.json wants [4]"}},
		"a missing norm":      {func(m map[string][]int) { delete(m, norm) }, []string{norm + " is missing"}},
		"a missing sub-norm":  {func(m map[string][]int) { delete(m, sub) }, []string{sub + " is missing, but sub_norms is true"}},
		"both kinds of fault": {func(m map[string][]int) { delete(m, norm); m["x"] = nil }, []string{"tensor x, which", norm + " is missing"}},
		"many faults": {func(m map[string][]int) {
			for i := range 9 {
				m[strings.Repeat("x", i+1)] = []int{1}
			}
		}, []string{"tensor xxxxx, which", "and 4 more like these"}},
	} {
		err := mustOpen(t, folder(t, t.TempDir(), 1, c.edit)).Check()
		if (err == nil) != (c.wants == nil) {
			t.Errorf("%s: %v", name, err)
		}
		for _, want := range c.wants {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q in it", name, err, want)
			}
		}
	}
}

// The newest checkpoint of a run is taken, and its running mean if it has one.
func TestRun(t *testing.T) {
	run := t.TempDir()
	if _, err := Resolve(run); err == nil || !strings.Contains(err.Error(), "checkpoints of a run (step-N)") {
		t.Errorf("an empty folder: %v", err)
	}
	for value, name := range []string{"step-00000009", "step-00000010", "damaged-step-00000011", ".checkpoint-7", "step-x"} {
		if err := os.Mkdir(filepath.Join(run, name), 0o755); err != nil {
			t.Fatal(err)
		}
		folder(t, filepath.Join(run, name), float32(value), nil)
	}
	if steps, err := Checkpoints(run); err != nil || len(steps) != 2 || filepath.Base(steps[1]) != "step-00000010" {
		t.Errorf("the checkpoints are %v, %v", steps, err)
	}
	f := mustOpen(t, run)
	if v, err := f.Weights.Float32(model.FinalNorm); err != nil || v[0] != 1 || f.Dir != filepath.Join(run, "step-00000010") {
		t.Errorf("%s holds %v, %v", f.Dir, v, err)
	}
	if err := os.Rename(filepath.Join(run, "step-x", WeightsFile), filepath.Join(f.Dir, AverageFile)); err != nil {
		t.Fatal(err)
	}
	if v, err := mustOpen(t, run).Weights.Float32(model.FinalNorm); err != nil || v[0] != 4 {
		t.Errorf("with a mean: %v, %v", v, err)
	}
}

// The files beside the weights go wherever a model goes.
func TestFiles(t *testing.T) {
	files := map[string][]byte{
		"generation_config.json": []byte("{}"), "tokenizer.json": []byte("[]"), "1_Pooling/config.json": []byte("1"), CardFile: []byte("# x"),
	}
	dir := folder(t, t.TempDir(), 0, nil)
	if err := WriteFiles(dir, files); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "optimizer.safetensors"), nil)
	got, err := mustOpen(t, dir).Files()
	if err != nil || !maps.EqualFunc(got, files, bytes.Equal) {
		t.Errorf("got %q, %v", got, err)
	}
	if vocab, err := mustOpen(t, dir).Vocab(); err == nil {
		t.Errorf("a broken tokenizer was read: %v", vocab)
	}
	os.Remove(filepath.Join(dir, "tokenizer.json"))
	if vocab, err := mustOpen(t, dir).Vocab(); err != nil || len(vocab.Tokens) != 0 {
		t.Errorf("without a tokenizer: %v, %v", vocab, err)
	}
}

// An adapter beside the weights is not left out.
func TestAdapter(t *testing.T) {
	dir := folder(t, t.TempDir(), 1, nil)
	if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(`{"peft_type": "LORA"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "adapter_config.json") {
		t.Errorf("got %v, want an error of the adapter", err)
	}
}

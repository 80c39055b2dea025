package convert

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/convert/inspect"
	"trit/convert/source"
	"trit/setting"
)

const masters = "../testdata/checkpoints/hf-bitnet-bf16"

func TestNothingIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "x.gguf"), filepath.Join(dir, "folder")
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{file, folder} {
		if _, err := Convert(context.Background(), masters, out, Options{}); err == nil || !strings.Contains(err.Error(), "Options.Overwrite") {
			t.Errorf("%s: got %v, want an error that names Options.Overwrite", out, err)
		}
	}
	if b, _ := os.ReadFile(file); string(b) != "mine" {
		t.Error("the existing file was changed")
	}
	for _, out := range []string{file, folder} {
		if _, err := Convert(context.Background(), masters, out, Options{Overwrite: true}); err != nil {
			t.Error(err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("%d entries are left: want the file and the folder", len(entries))
	}
}

// What does not fit together is refused before anything is written.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, find, replace, out, want string
		options                        Options
	}{
		{"a ternary model as f16", "", "", "x.gguf", "i2_s, tq1_0, tq2_0", Options{Type: F16}},
		{"an unknown type", "", "", "x.gguf", "q2_k", Options{Type: "q2_k"}},
		{"an unknown embedding type", "", "", "x.gguf", "Options.EmbeddingType", Options{EmbeddingType: I2S}},
		{"a folder of i2_s", "", "", "x", "packed", Options{Type: I2S}},
		{"a folder that is padded", "", "", "x", "Options.Pad is for", Options{Pad: true}},
		{"an unknown quantization_mode", `"online"`, `"later"`, "x.gguf", "Options.Weights masters", Options{}},
		{"a full-precision model packed", "", "", "x", "full precision", Options{Type: Packed, Options: source.Options{Weights: source.WeightsFull}}},
		{"a rule for what is not packed", "", "", "x.gguf", "Options.Scale is for packed folders", Options{Options: source.Options{Scale: source.ScaleDivide}}},
		{"an unknown rule", "", "", "x.gguf", "multiply or divide", Options{Options: source.Options{Scale: "times"}}},
		{"an unknown kind of weights", "", "", "x.gguf", "masters, ternary or full", Options{Options: source.Options{Weights: "latent"}}},
		{"masters that are said to be ternary", "", "", "x.gguf", "not quantised", Options{Options: source.Options{Weights: source.WeightsTernary}}},
		{"another shape", `"intermediate_size": 512`, `"intermediate_size": 640`, "x.gguf", "config.json wants [640 256]", Options{}},
		{"more layers than there are", `"num_hidden_layers": 2`, `"num_hidden_layers": 3`, "x.gguf", "model.layers.2.self_attn.q_proj.weight is missing", Options{}},
		{"fewer layers than there are", `"num_hidden_layers": 2`, `"num_hidden_layers": 1`, "x.gguf", "no place for", Options{}},
		{"packed by its configuration alone", `"online"`, `"offline"`, "x.gguf", "Options.Weights masters", Options{}},
		{"a bias of the dead zone", `"hidden_size"`, `"deadzone_bias": 0.01, "hidden_size"`, "x.gguf", "deadzone_bias is 0.01", Options{}},
		{"the same as codes", `"hidden_size"`, `"deadzone_bias": 0.01, "hidden_size"`, "x", "deadzone_bias is 0.01", Options{Type: Packed}},
		{"blocks that do not fit", `"hidden_size"`, `"hadamard_block": 1024, "hidden_size"`, "x", "such as 256", Options{}},
		{"a negative bound", `"hidden_size"`, `"final_logit_softcapping": -1, "hidden_size"`, "x", "final_logit_softcapping is -1", Options{}},
		{"more tokens than rows", `"vocab_size": 512`, `"vocab_size": 500`, "x.gguf", "config.json wants [500 256]", Options{}},
	} {
		dir := t.TempDir()
		copyChanged(t, dir, masters, c.find, c.replace)
		out := filepath.Join(dir, c.out)
		if _, err := Convert(context.Background(), dir, out, c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, "*x*")); len(left) > 0 {
			t.Errorf("%s: %v was left", c.name, left)
		}
	}
}

// copyChanged copies a model folder with a change in its config.json.
func copyChanged(t *testing.T, dir, from, find, replace string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "expected") || e.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() == "config.json" && find != "" {
			changed := strings.Replace(string(b), find, replace, 1)
			if changed == string(b) {
				t.Fatalf("config.json does not hold %s", find)
			}
			b = []byte(changed)
		}
		if err := os.WriteFile(filepath.Join(dir, e.Name()), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInspect(t *testing.T) {
	file := mustConvert(t, masters, "x.gguf", Options{})
	for _, path := range []string{file, masters, masters + "/model.safetensors"} {
		r, err := inspect.Read(path, inspect.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var text, page strings.Builder
		if err := r.WriteText(&text); err != nil || len(r.Tensors) == 0 || !strings.Contains(text.String(), r.Tensors[0].Name) {
			t.Errorf("%s: %v, %d tensors", path, err, len(r.Tensors))
		}
		if err := r.WriteHTML(&page); err != nil || !strings.Contains(page.String(), r.Tensors[0].Name) || strings.Contains(page.String(), "http://") {
			t.Errorf("%s: the page: %v", path, err)
		}
		if path == masters+"/model.safetensors" {
			continue
		}
		// Of normally distributed weights 31.0 % are nearer to zero than half of their absmean.
		zeros := r.Layers[1].Zeros["up_proj"]
		if len(r.Layers) != 2 || zeros < 0.29 || zeros > 0.33 {
			t.Errorf("%s: %d layers, %.3f zeros", path, len(r.Layers), zeros)
		}
		count := 0
		for _, b := range r.Scales {
			count += b.Count
		}
		if count != 14 {
			t.Errorf("%s: the histogram counts %d scales, want 14", path, count)
		}
	}
}

// A model without a tokenizer and with an untied head is sound, but not for every engine.
func TestWarnings(t *testing.T) {
	dir := t.TempDir()
	c := shapes["tiny"]
	c.TieWordEmbeddings, c.HiddenAct = false, "relu2"
	generate(t, dir, c, true)
	r, err := inspect.Read(mustConvert(t, dir, "x.gguf", Options{}), inspect.Options{HeadersOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"no tokenizer", "bitnet.cpp ignores output.weight", "llama.cpp, Ollama cannot run this model: hidden_act is relu2"} {
		if !strings.Contains(setting.Join(r.Warnings, "\n"), want) {
			t.Errorf("no warning says %q: %q", want, r.Warnings)
		}
	}
}

// Bounded logits go from a folder into a file and back, and what others make of them is said. A folder of
// layers that only this program computes is not one that transformers reads.
func TestVariants(t *testing.T) {
	dir := t.TempDir()
	copyChanged(t, dir, masters, `"hidden_size"`, `"final_logit_softcapping": 30.0, "hidden_size"`)
	file := mustConvert(t, dir, "x.gguf", Options{})
	folder := mustConvert(t, file, "x", Options{Options: source.Options{Weights: source.WeightsTernary}})
	for _, path := range []string{dir, file, folder} {
		m, err := source.Open(path, source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if m.Config.FinalLogitSoftcapping != 30 {
			t.Errorf("%s: logits are bounded by %g, want 30", path, m.Config.FinalLogitSoftcapping)
		}
		m.Close()
	}
	notes, err := inspect.EngineWarnings(file)
	if want := "final_logit_softcapping is 30, which is not read for"; err != nil || !strings.Contains(setting.Join(notes, "\n"), want) {
		t.Errorf("no warning says %q: %q (%v)", want, notes, err)
	}
	dir = t.TempDir()
	copyChanged(t, dir, masters, `"hidden_size"`, `"hadamard_block": 64, "int4_activations": true, "hidden_size"`)
	b, err := os.ReadFile(filepath.Join(mustConvert(t, dir, "x", Options{Type: Packed}), "config.json"))
	if err != nil || !strings.Contains(string(b), `"quant_method": "trit"`) || !strings.Contains(string(b), `"hadamard_block": 64`) {
		t.Errorf("config.json is %s (%v)", b, err)
	}
}

// What llama.cpp does not load for an architecture is said by convert and inspect alike.
func TestRotaryWarnings(t *testing.T) {
	const tensor, part = "the rotary scaling stands in the tensor rope_freqs.weight", "turns 32 of the 64 values of a head"
	const llama3 = `"rope_scaling": {"rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":128}`
	const linear = `"rope_scaling": {"rope_type":"linear","factor":4.0}`
	for _, c := range []struct {
		golden, keys string
		want         []string
	}{
		{llamaGolden, llama3, nil},
		{llamaGolden, llama3 + `, "partial_rotary_factor": 0.5`, []string{part}},
		{mastersGolden, linear, nil},
		{mastersGolden, llama3 + `, "partial_rotary_factor": 0.5`, []string{tensor}},
		{embedGolden, linear, nil},
		{embedGolden, llama3, []string{tensor}},
		{embedGolden, `"partial_rotary_factor": 0.5`, []string{part}},
	} {
		dir, out := t.TempDir(), filepath.Join(t.TempDir(), "x.gguf")
		find, rest := `"rope_theta": 500000.0`, `, "rope_theta": 500000.0`
		if c.golden == embedGolden {
			find, rest = `"rope_scaling": null`, ""
		}
		copyChanged(t, dir, c.golden, find, c.keys+rest)
		converted, err := Convert(t.Context(), dir, out, Options{})
		if err != nil {
			t.Fatal(err)
		}
		found, err := inspect.Read(out, inspect.Options{HeadersOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		for door, notes := range map[string][]setting.Note{"convert": converted.Warnings, "inspect": found.Warnings} {
			for _, about := range []string{tensor, part} {
				said := strings.Count(setting.Join(notes, "\n"), about)
				if want := slices.Contains(c.want, about); said > 1 || (said == 1) != want {
					t.Errorf("%s of %s with %s says %q %d times, want it %v", door, c.golden, c.keys, about, said, want)
				}
			}
		}
	}
}

// Rows that a type cannot hold are told before anybody converts.
func TestRowWarnings(t *testing.T) {
	for size, want := range map[int]string{320: "no multiple of 128", 384: "tq1_0 and tq2_0", 512: ""} {
		dir := t.TempDir()
		c := shapes["tiny"]
		c.IntermediateSize = size
		generate(t, dir, c, true)
		r, err := inspect.Read(dir, inspect.Options{})
		if err != nil {
			t.Fatal(err)
		}
		repeats := func(n setting.Note) bool { return strings.Contains(n.String(), "byte for byte") } // of the test's weights
		got := setting.Join(slices.DeleteFunc(r.Warnings, repeats), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) || want != "" && !strings.Contains(got, "Options.Pad") {
			t.Errorf("intermediate_size %d: %q, want %q", size, got, want)
		}
	}
}

// A model in full precision that has sub-norms goes to GGUF and back in every type.
func TestFullPrecision(t *testing.T) {
	dir := t.TempDir()
	c := shapes["tiny"]
	c.Ternary, c.HiddenAct = false, "relu2"
	generate(t, dir, c, false)
	for _, typ := range []Type{F32, F16, BF16, Q8} {
		file := mustConvert(t, dir, "x.gguf", Options{Type: typ, EmbeddingType: Q6})
		mustConvert(t, file, "x", Options{Options: source.Options{Weights: source.WeightsFull}})
		if _, err := Convert(context.Background(), file, filepath.Join(t.TempDir(), "x"), Options{}); err == nil || !strings.Contains(err.Error(), "Options.Weights masters") {
			t.Errorf("%s: got %v, want an error that names Options.Weights", typ, err)
		}
	}
	mustConvert(t, dir, "x", Options{Type: F16})
}

package adapter

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/format/safetensors"
	"trit/model"
)

// llama is a small model of full precision, whose GGUF files permute queries and keys.
var llama = model.Config{
	VocabSize: 8, HiddenSize: 8, IntermediateSize: 12, NumHiddenLayers: 2, NumAttentionHeads: 2, NumKeyValueHeads: 1, HeadDim: 4,
	MaxPositionEmbeddings: 16, RMSNormEps: 1e-5, RopeTheta: 1e4, HiddenAct: model.SiLU, TieWordEmbeddings: true,
}

func target() Target { c := llama; return Target{Config: &c} }

// counted is n values that differ.
func counted(from, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(from+i) / 64
	}
	return v
}

func sample() *Adapter {
	return &Adapter{
		Alpha: 16, Placement: Beside, Dropout: 0.05, Base: "acme/base",
		Pairs: map[string]Pair{
			model.LayerTensor(0, model.QProj):    {Rank: 2, In: 8, Out: 8, A: counted(1, 16), B: counted(100, 16)},
			model.LayerTensor(1, model.KProj):    {Rank: 2, In: 8, Out: 4, A: counted(2, 16), B: counted(200, 8)},
			model.LayerTensor(1, model.DownProj): {Rank: 3, In: 12, Out: 8, A: counted(3, 36), B: counted(300, 24)},
		},
	}
}

// TestPEFTLayout compares what is written with names and keys of PEFT's documentation.
func TestPEFTLayout(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFolder(dir, sample()); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(filepath.Join(dir, "adapter_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := map[string][]int{
		"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": {2, 8},
		"base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": {8, 2},
		"base_model.model.model.layers.1.self_attn.k_proj.lora_A.weight": {2, 8},
		"base_model.model.model.layers.1.self_attn.k_proj.lora_B.weight": {4, 2},
		"base_model.model.model.layers.1.mlp.down_proj.lora_A.weight":    {3, 12},
		"base_model.model.model.layers.1.mlp.down_proj.lora_B.weight":    {8, 3},
	}
	if len(f.Tensors()) != len(want) {
		t.Errorf("%d tensors, want %d", len(f.Tensors()), len(want))
	}
	for name, shape := range want {
		if got, ok := f.Tensor(name); !ok || !slices.Equal(got.Shape, shape) || got.DType != "F32" {
			t.Errorf("%s is %+v, want F32 %v", name, got, shape)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, "adapter_config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]any{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "acme/base", "r": 3.0, "lora_alpha": 16.0,
		"lora_dropout": 0.05, "use_rslora": false, "use_dora": false, "fan_in_fan_out": false, "bias": "none", "modules_to_save": nil,
		"target_modules": []any{"down_proj", "k_proj", "q_proj"}, "init_lora_weights": true, "inference_mode": true,
		"rank_pattern": map[string]any{"model.layers.0.self_attn.q_proj": 2.0, "model.layers.1.self_attn.k_proj": 2.0},
	} {
		want := value
		if key == "r" { // that of the first weight by name
			want = 2.0
		}
		if key == "rank_pattern" {
			want = map[string]any{"model.layers.1.mlp.down_proj": 3.0}
		}
		if !reflect.DeepEqual(got[key], want) {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
}

// A run stands for its best adapter, or else its newest, and says so; a folder with an adapter of its own for that one.
func TestReadTakesTheBestOfARun(t *testing.T) {
	run, other := t.TempDir(), sample()
	other.Base = "acme/other"
	for i, a := range []*Adapter{other, sample()} {
		if err := WriteFolder(filepath.Join(run, fmt.Sprintf("step-%08d", 9+i)), a); err != nil {
			t.Fatal(err)
		}
	}
	if a, notes, err := Read(run, target()); err != nil || a.Base != "acme/base" || !strings.Contains(notes[0].String(), "newest") {
		t.Errorf("of a run without a best: %+v, %v, %v", a, notes, err)
	}
	if err := WriteFolder(filepath.Join(run, "best"), sample()); err != nil {
		t.Fatal(err)
	}
	a, notes, err := Read(run, target())
	if err != nil || a.Base != "acme/base" || len(notes) != 1 || !strings.Contains(notes[0].String(), filepath.Join(run, "best")) {
		t.Errorf("of a run: %+v, %v, %v", a, notes, err)
	}
	if err := WriteFolder(run, other); err != nil {
		t.Fatal(err)
	}
	if a, notes, err := Read(run, target()); err != nil || a.Base != "acme/other" || len(notes) != 0 {
		t.Errorf("of a folder with its own: %+v, %v, %v", a, notes, err)
	}
}

// TestFoldersAndFilesHoldTheSame writes adapters in both forms and reads them again.
func TestFoldersAndFilesHoldTheSame(t *testing.T) {
	for _, inside := range []bool{false, true} {
		a := sample()
		if inside {
			a.Placement = Inside
		}
		dir := filepath.Join(t.TempDir(), "new")
		if err := WriteFolder(dir, a); err != nil {
			t.Fatal(err)
		}
		got, notes, err := Read(dir, target())
		if err != nil || len(notes) > 0 || !reflect.DeepEqual(got, a) {
			t.Errorf("read %+v, %v, %v", got, notes, err)
		}
	}
	path := filepath.Join(t.TempDir(), "a.gguf")
	if err := WriteGGUF(path, sample(), target()); err != nil {
		t.Fatal(err)
	}
	want := sample()
	want.Dropout = 0 // of training alone
	if got, _, err := Read(path, target()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v", got, err)
	}
}

// TestGGUFIsLlamaCpps compares a file with the names, shapes, keys and order of rows that
// llama.cpp's converter writes: of a head of four rows, 0 2 1 3.
func TestGGUFIsLlamaCpps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.gguf")
	if err := WriteGGUF(path, sample(), target()); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for key, want := range map[string]any{
		"general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora", "adapter.lora.alpha": float32(16),
	} {
		if got, _ := f.Metadata.Get(key); got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
	for name, dims := range map[string][]uint64{
		"blk.0.attn_q.weight.lora_a": {8, 2}, "blk.0.attn_q.weight.lora_b": {2, 8}, "blk.1.attn_k.weight.lora_a": {8, 2},
		"blk.1.attn_k.weight.lora_b": {2, 4}, "blk.1.ffn_down.weight.lora_a": {12, 3}, "blk.1.ffn_down.weight.lora_b": {3, 8},
	} {
		if got, _ := f.Tensor(name); !slices.Equal(got.Dims, dims) || got.Type != gguf.F32 {
			t.Errorf("%s has %s %v, want F32 %v", name, got.Type, got.Dims, dims)
		}
	}
	info, _ := f.Tensor("blk.1.attn_k.weight.lora_b")
	got := make([]float32, 8)
	if err := gguf.Dequantize(info.Type, got, f.Data(info)); err != nil {
		t.Fatal(err)
	}
	if b := counted(200, 8); !slices.Equal(got, []float32{b[0], b[1], b[4], b[5], b[2], b[3], b[6], b[7]}) {
		t.Errorf("the rows of keys are %v", got)
	}
}

// TestRankStabilizedInGGUF has the scale of PEFT's rsLoRA by the rule of llama.cpp.
func TestRankStabilizedInGGUF(t *testing.T) {
	a := sample()
	a.RankStabilized = true
	path := filepath.Join(t.TempDir(), "a.gguf")
	if err := WriteGGUF(path, a, target()); err != nil {
		t.Fatal(err)
	}
	got, _, err := Read(path, target())
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range a.Pairs {
		for i, b := range got.Pairs[name].B {
			x, y := got.Scale(p.Rank)*float64(b), a.Scale(p.Rank)*float64(p.B[i])
			if d := x - y; d > 1e-5*y || -d > 1e-5*y {
				t.Errorf("%s: scaled to %g, want %g", name, x, y)
			}
		}
	}
	a.Placement = Inside
	if err := WriteGGUF(path, a, target()); err == nil || !strings.Contains(err.Error(), "merge it") {
		t.Errorf("an adapter inside the quantiser: %v", err)
	}
}

// folder writes the sample with some keys of its configuration replaced; nil takes a key out.
func folder(t testing.TB, keys map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	if err := WriteFolder(dir, sample()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, ConfigFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := map[string]any{}
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	for k, v := range keys {
		if c[k] = v; v == nil {
			delete(c, k)
		}
	}
	if b, err = json.Marshal(c); err == nil {
		err = os.WriteFile(path, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestKeys has a value of each key that must be refused, and values that change nothing.
func TestKeys(t *testing.T) {
	for key, values := range map[string][2]any{ // harmless, refused
		"peft_type": {"LORA", "IA3"}, "task_type": {"FEATURE_EXTRACTION", "SEQ_CLS"}, "bias": {"none", "lora_only"}, "lora_bias": {false, true},
		"use_dora": {false, true}, "modules_to_save": {[]string{}, []string{"lm_head"}}, "fan_in_fan_out": {false, true},
		"trainable_token_indices": {[]int{}, []int{3}}, "target_parameters": {[]string{}, []string{"experts"}},
		"layer_replication": {[]int{}, [][]int{{0, 2}}}, "layers_pattern": {"layers", "blocks"}, "init_lora_weights": {"gaussian", "pissa"},
		"loftq_config": {map[string]any{}, map[string]any{"loftq_bits": 4}}, "use_qalora": {false, true}, "arrow_config": {nil, map[string]any{"top_k": 1}},
		"alora_invocation_tokens": {nil, []int{1}}, "megatron_config": {nil, map[string]any{"a": 1}}, "use_bdlora": {false, true},
		"monteclora_config": {nil, map[string]any{"a": 1}}, "r": {2, 0}, "lora_alpha": {1e3, 1e300}, "lora_dropout": {0.5, 1.5},
		"rank_pattern":   {map[string]int{"mlp.down_proj": 3, "q_proj": 2}, map[string]int{}},
		"target_modules": {`.*\.(q|k|down)_proj`, []string{"q_proj", "k_proj"}}, "exclude_modules": {[]string{"v_proj"}, `.*layers\.1.*`},
		"layers_to_transform": {[]int{0, 1}, 0}, "eva_config": {map[string]any{"rho": 2}, nil}, "peft_version": {"9", nil},
	} {
		if _, notes, err := Read(folder(t, map[string]any{key: values[0]}), target()); err != nil || len(notes) > 0 {
			t.Errorf("%s %v: %v, %v", key, values[0], notes, err)
		}
		if values[1] == nil {
			continue
		}
		// A refusal names the key, or the weight that it leaves out.
		_, _, err := Read(folder(t, map[string]any{key: values[1]}), target())
		if err == nil || !strings.Contains(err.Error(), key) && !strings.Contains(err.Error(), "rank_pattern") {
			t.Errorf("%s %v: %v", key, values[1], err)
		}
	}
	if _, notes, err := Read(folder(t, map[string]any{"use_something": true}), target()); err != nil || len(notes) != 1 {
		t.Errorf("a key that is not known: %v, %v", notes, err)
	}
	if _, _, err := Read(folder(t, map[string]any{"lora_alpha": nil}), target()); err == nil || !strings.Contains(err.Error(), "lora_alpha") {
		t.Errorf("without alpha: %v", err)
	}
}

// TestAlphaPattern gives one weight another alpha.
func TestAlphaPattern(t *testing.T) {
	a, _, err := Read(folder(t, map[string]any{"alpha_pattern": map[string]any{"down_proj": 32}}), target())
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range sample().Pairs {
		factor := float32(1)
		if strings.Contains(name, "down") {
			factor = 2
		}
		if got := a.Pairs[name].B[3]; got != factor*p.B[3] {
			t.Errorf("%s: B has %g, want %g", name, got, factor*p.B[3])
		}
	}
	twice := map[string]any{"down_proj": 32, "mlp.down_proj": 16}
	if _, _, err := Read(folder(t, map[string]any{"alpha_pattern": twice}), target()); err == nil {
		t.Error("two patterns with different values were taken for one")
	}
}

// TestInsideIsRefusedByOthers has no name that PEFT, vLLM or llama.cpp's converter would compute with.
func TestInsideIsRefusedByOthers(t *testing.T) {
	a, dir := sample(), t.TempDir()
	a.Placement = Inside
	if err := WriteFolder(dir, a); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{ConfigFile, WeightsFile} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || strings.Contains(string(b), `"LORA"`) || strings.Contains(string(b), "lora_A") || strings.Contains(string(b), "lora_B") {
			t.Errorf("%s: %v: others would take it for an adapter beside the layers", name, err)
		}
	}
}

// TestOtherModels reads adapters that do not fit.
func TestOtherModels(t *testing.T) {
	dir, path := folder(t, nil), filepath.Join(t.TempDir(), "a.gguf")
	if err := WriteGGUF(path, sample(), target()); err != nil {
		t.Fatal(err)
	}
	wider, shallow, other := llama, llama, llama
	wider.IntermediateSize, shallow.NumHiddenLayers, other.SubNorms, other.HiddenAct = 16, 1, true, model.ReLU2
	for name, c := range map[string]struct {
		path string
		of   model.Config
		want string
	}{
		"shapes": {dir, wider, "8 x 12, and the model's weight is 8 x 16"}, "layers": {dir, shallow, "model.layers.1"},
		"architecture": {path, other, `its architecture is "llama", and the model's "bitnet-b1.58"`},
		"shapes, GGUF": {path, wider, "8 x 12"}, "layers, GGUF": {path, shallow, "blk.1."},
	} {
		_, _, err := Read(c.path, Target{Config: &c.of})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), `"acme/base"`) {
			t.Errorf("%s: %v, want %q and the base's name", name, err, c.want)
		}
	}
}

// TestDamagedAdapters refuses what is not whole.
func TestDamagedAdapters(t *testing.T) {
	const q = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
	matrix := func(name string, shape ...int) safetensors.Source {
		n := 1
		for _, d := range shape {
			n *= d
		}
		return safetensors.Float32Source(name, shape, make([]float32, n))
	}
	infinite := safetensors.Float32Source(q+"A.weight", []int{2, 8}, slices.Repeat([]float32{float32(math.Inf(1))}, 16))
	for want, tensors := range map[string][]safetensors.Source{
		"no matrices": nil, "is missing": {matrix(q+"A.weight", 2, 8)}, "ranks 2 and 3": {matrix(q+"A.weight", 2, 8), matrix(q+"B.weight", 8, 3)},
		"want two dimensions": {matrix(q+"A.weight", 2, 8, 1)}, "no matrix of an adapter": {matrix(q+"embedding_A", 2, 8)},
		"not finite": {infinite, matrix(q+"B.weight", 8, 2)}, "no projection": {matrix("base_model.model.lm_head.lora_A.weight", 2, 8)},
		"rank 0": {matrix(q+"A.weight", 0, 8), matrix(q+"B.weight", 8, 0)},
	} {
		dir := folder(t, nil)
		if err := safetensors.WriteFile(filepath.Join(dir, WeightsFile), nil, tensors); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Read(dir, target()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for name, want := range map[string]string{ConfigFile: ConfigFile, WeightsFile: "no such file"} {
		dir := folder(t, nil)
		os.Remove(filepath.Join(dir, name))
		if _, _, err := Read(dir, target()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	dir := folder(t, nil)
	if err := os.WriteFile(filepath.Join(dir, ConfigFile), make([]byte, maxConfigBytes+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(dir, target()); err == nil {
		t.Error("a configuration above the limit was read")
	}
	if _, _, err := Read(folder(t, map[string]any{"target_modules": strings.Repeat("a", 5000)}), target()); err == nil {
		t.Error("a pattern above the limit was read")
	}
	if _, _, err := Read(filepath.Join(dir, WeightsFile), target()); err == nil || !strings.Contains(err.Error(), "name its folder") {
		t.Errorf("the weights alone: %v", err)
	}
}

// TestDamagedGGUF changes one key or tensor of a file at a time.
func TestDamagedGGUF(t *testing.T) {
	for want, c := range map[string]struct {
		key   string
		value any
	}{
		"is the file a model": {keyType, "model"}, "want lora": {keyKind, "control"}, "no finite number": {keyAlpha, "16"},
		"it is 0": {keyAlpha, float32(0)}, "in the middle": {keyInvocation, []uint32{1}}, "no matrices": {"general.name", "x"},
	} {
		meta := &gguf.Metadata{}
		for key, v := range map[string]any{keyArchitecture: "llama", keyType: "adapter", keyKind: "lora", keyAlpha: float32(16)} {
			meta.Set(key, v)
		}
		meta.Set(c.key, c.value)
		path := filepath.Join(t.TempDir(), "a.gguf")
		if err := gguf.WriteFile(path, meta, nil); err != nil {
			t.Fatal(err)
		}
		_, _, err := Read(path, target())
		var damaged *FormatError
		if !errors.As(err, &damaged) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	b, err := os.ReadFile(filepath.Join(folder(f, map[string]any{"alpha_pattern": map[string]any{"q_proj": 3}}), ConfigFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"peft_type":"LORA","r":1,"lora_alpha":1,"target_modules":".*","layers_to_transform":[1]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, _, err := parseConfig(b, target())
		if err != nil {
			return
		}
		a := sample()
		if err := c.checkTargets(a); err == nil && c.Rank < 1 {
			t.Error("a rank below 1 was accepted")
		}
		c.applyAlphas(a)
	})
}

func FuzzGGUF(f *testing.F) {
	path := filepath.Join(f.TempDir(), "a.gguf")
	if err := WriteGGUF(path, sample(), target()); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := gguf.Parse(b)
		if err != nil {
			return
		}
		a, err := parseGGUF(file, target())
		if err == nil && a.Check(target().Config) != nil {
			t.Error("an adapter was read that does not fit the model")
		}
	})
}

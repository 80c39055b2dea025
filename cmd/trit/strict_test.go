package main

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/format/gguf"
	"trit/format/safetensors"
)

const checkpoints = "../../testdata/checkpoints/"

// goldenGGUF converts a golden folder.
func goldenGGUF(t *testing.T, name string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "model.gguf")
	if code, _, stderr := trit("convert", checkpoints+name, out); code != cmdline.ExitOK {
		t.Fatal(stderr)
	}
	return out
}

// changedGGUF copies a GGUF file with other keys, and tensors of one row of these values more.
func changedGGUF(t *testing.T, in string, keys map[string]any, more map[string][]float32) string {
	t.Helper()
	f, err := gguf.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, tensors := &gguf.Metadata{}, []gguf.Source(nil)
	for _, key := range f.Metadata.Keys {
		v, _ := f.Metadata.Get(key)
		m.Set(key, v)
	}
	for key, v := range keys {
		m.Set(key, v)
	}
	add := func(info gguf.TensorInfo, data []byte) {
		tensors = append(tensors, gguf.Source{Name: info.Name, Type: info.Type, Dims: info.Dims, Write: func(w io.Writer) error { _, err := w.Write(data); return err }})
	}
	for _, info := range f.Tensors {
		add(info, slices.Clone(f.Data(info)))
	}
	for name, values := range more {
		var data []byte
		for _, v := range values {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
		add(gguf.TensorInfo{Name: name, Type: gguf.F32, Dims: []uint64{uint64(len(values))}}, data)
	}
	out := filepath.Join(t.TempDir(), "changed.gguf")
	if err := gguf.WriteFile(out, m, tensors); err != nil {
		t.Fatal(err)
	}
	return out
}

// aTask writes a task of two questions.
func aTask(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"q.jsonl":   `{"q":"The fox","c":["sleeps","runs"],"g":0}` + "\n" + `{"q":"A cat","c":["eats","runs"],"g":1}` + "\n",
		"task.json": `{"name":"task","data":"q.jsonl","context":"{q}","choices":"c","gold":"g"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "task.json")
}

// doorsOf are all commands that read a GGUF file.
func doorsOf(t *testing.T, file string) [][]string {
	out := t.TempDir()
	return [][]string{
		{"run", file, "-p", "Hi", "-n", "2"}, {"logits", file, "--ids", "1,2", "--out", filepath.Join(out, "x.f32")},
		{"bench", file, "--prompt", "2", "--generate", "1", "--repeat", "1"}, {"eval", file, "--tasks", aTask(t)},
		{"embed", file, "-p", "Hi", "--pooling", "last"}, {"convert", file, filepath.Join(out, "x.gguf")}, {"verify", file, file}, {"inspect", file},
		{"inspect", file, "--headers-only"},
	}
}

// What would change a result is refused by every command alike; inspect lists the file and says so.
func TestEveryDoorRefuses(t *testing.T) {
	good := goldenGGUF(t, "hf-llama-packed")
	for name, c := range map[string]struct {
		keys map[string]any
		more map[string][]float32
		want string
	}{
		"a scaling that is none": {map[string]any{"llama.rope.scaling.type": "none", "llama.rope.scaling.factor": float32(4)}, nil, "llama.rope.scaling.type is none, but the factor is 4"},
		"too few factors":        {nil, map[string][]float32{"rope_freqs.weight": slices.Repeat([]float32{8}, 31)}, "rope_freqs.weight has dims [31]: want [32]"},
		"case 3":                 {nil, map[string][]float32{"blk.0.attn_q.bias": make([]float32, 256)}, "blk.0.attn_q.bias"},
		"a key":                  {map[string]any{"llama.logit_scale": float32(0.5)}, nil, "llama.logit_scale is 0.5"},
		"a size":                 {map[string]any{"llama.vocab_size": uint32(513)}, nil, "llama.vocab_size is 513"},
	} {
		for _, args := range doorsOf(t, changedGGUF(t, good, c.keys, c.more)) {
			code, out, stderr := trit(args...)
			if args[0] == "inspect" {
				if code != cmdline.ExitOK || !strings.Contains(out, "not a model that can be converted") || !strings.Contains(out, c.want) {
					t.Errorf("%s: %s: exit code %d, %.300s", name, args[0], code, out)
				}
			} else if code != cmdline.ExitFailed || !strings.Contains(stderr, c.want) {
				t.Errorf("%s: %s: exit code %d, %s, want %q", name, args[0], code, stderr, c.want)
			}
		}
	}
}

// Rotary scaling is computed by every command, and changes the logits.
func TestEveryDoorComputesScaling(t *testing.T) {
	good := goldenGGUF(t, "hf-llama-packed")
	logits := func(file string) string {
		out := filepath.Join(t.TempDir(), "x.f32")
		if code, _, stderr := trit("logits", file, "--ids", "1,2,3", "--out", out); code != cmdline.ExitOK {
			t.Fatal(stderr)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	plain := logits(good)
	for name, c := range map[string]struct {
		keys map[string]any
		more map[string][]float32
	}{
		"case 1": {map[string]any{"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": float32(4)}, nil},
		"case 2": {nil, map[string][]float32{"rope_freqs.weight": slices.Repeat([]float32{8}, 32)}},
	} {
		file := changedGGUF(t, good, c.keys, c.more)
		for _, args := range doorsOf(t, file) {
			code, out, stderr := trit(args...)
			if code != cmdline.ExitOK || strings.Contains(out+stderr, "not known here") || strings.Contains(out, "not a model") {
				t.Errorf("%s: %s: exit code %d, %.300s %s", name, args[0], code, out, stderr)
			}
		}
		if logits(file) == plain {
			t.Errorf("%s: the logits are those without scaling", name)
		}
		if code, out, _ := trit("verify", good, file); code != cmdline.ExitFailed {
			t.Errorf("%s: verify says that the model is that without scaling: %s", name, out)
		}
	}
}

// Keys that nobody knows are named by every command in one warning, and change nothing else.
func TestEveryDoorWarns(t *testing.T) {
	file := changedGGUF(t, goldenGGUF(t, "hf-llama-packed"), map[string]any{"llama.future": uint32(3), "mystery": "x"}, nil)
	const want = "the metadata has 2 keys that are not known here and were left out of the computation: llama.future, mystery\n"
	for _, args := range doorsOf(t, file) {
		code, out, stderr := trit(args...)
		n := 1
		if args[0] == "verify" { // once for each of the two models
			n = 2
		}
		if code != cmdline.ExitOK || strings.Count(out+stderr, want) != n || strings.Count(out+stderr, "warning: ") < n {
			t.Errorf("%s: exit code %d, %s%s, want %d warnings", args[0], code, out, stderr, n)
		}
	}
}

// goldenFolder copies hf-bitnet-bf16 with other keys in config.json; null takes a key out. edit
// changes the tensors.
func goldenFolder(t *testing.T, keys string, edit func(tensors map[string][]byte)) string {
	t.Helper()
	in, dir := checkpoints+"hf-bitnet-bf16", t.TempDir()
	config, changes := map[string]any{}, map[string]any{}
	for _, name := range []string{"config.json", "tokenizer.json", "tokenizer_config.json"} {
		b, err := os.ReadFile(filepath.Join(in, name))
		if err == nil && name == "config.json" {
			if err = json.Unmarshal(b, &config); err == nil {
				err = json.Unmarshal([]byte(keys), &changes)
			}
			for key, v := range changes {
				if config[key] = v; v == nil {
					delete(config, key)
				}
			}
			b, _ = json.Marshal(config)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := safetensors.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, infos := map[string][]byte{}, f.Tensors()
	for _, info := range infos {
		b, err := f.Bytes(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		data[info.Name] = slices.Clone(b)
	}
	if edit != nil {
		edit(data)
	}
	if _, ok := data["lm_head.weight"]; ok {
		infos = append(infos, safetensors.TensorInfo{Name: "lm_head.weight", DType: "BF16", Shape: []int{512, 256}})
	}
	var sources []safetensors.Source
	for _, info := range infos {
		sources = append(sources, safetensors.Source{TensorInfo: info, Write: func(w io.Writer) error { _, err := w.Write(data[info.Name]); return err }})
	}
	if err := safetensors.WriteFile(filepath.Join(dir, "model.safetensors"), nil, sources); err != nil {
		t.Fatal(err)
	}
	return dir
}

// otherHead puts a head beside the embedding that is it from the second row on.
func otherHead(tensors map[string][]byte) {
	embedding := tensors["model.embed_tokens.weight"]
	tensors["lm_head.weight"] = slices.Concat(embedding[512:], embedding[:512])
}

func sameHead(tensors map[string][]byte) {
	tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"]
}

// deadBlock makes the feed-forward projections of block 0 zero, and a key projection that of
// the block before.
func deadBlock(tensors map[string][]byte) {
	for _, name := range []string{"gate", "up", "down"} {
		clear(tensors["model.layers.0.mlp."+name+"_proj.weight"])
	}
	copy(tensors["model.layers.1.self_attn.k_proj.weight"], tensors["model.layers.0.self_attn.k_proj.weight"])
}

// Every command that reads a folder judges it alike.
func TestEveryDoorOfFolders(t *testing.T) {
	const noTie, repeated = `{"tie_word_embeddings": null}`, "model.layers.1.self_attn.k_proj.weight (of model.layers.0.self_attn.k_proj.weight)"
	const zero = "all zero, which no training leaves (3 found): model.layers.0.mlp.gate_proj.weight, model.layers.0.mlp.up_proj.weight, model.layers.0.mlp.down_proj.weight"
	for name, c := range map[string]struct {
		keys    string
		edit    func(map[string][]byte)
		refused bool
		says    []string
	}{
		"case 4":                  {`{"rope_parameters": {"rope_theta": 10000, "rope_type": "default"}}`, nil, true, []string{"rope_theta is 500000", "rope_theta is 10000", "--config-key"}},
		"case 5":                  {`{"rope_scaling": {"factor": 4}}`, nil, true, []string{"rope_scaling is", "without a rope_type"}},
		"case 6":                  {`{"rope_scaling": {"type": "default", "rope_type": "default"}}`, nil, false, nil},
		"case 7":                  {`{"quantization_config": {"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "online", "modules_to_not_convert": ["lm_head", "down_proj"]}}`, nil, true, []string{"modules_to_not_convert is"}},
		"case 8":                  {`{}`, otherHead, true, []string{"tie_word_embeddings is true", "lm_head.weight", "--config-key tie_word_embeddings=false"}},
		"case 8, the same head":   {`{}`, sameHead, false, nil},
		"case 9":                  {noTie, otherHead, false, []string{"no tie_word_embeddings"}},
		"case 10":                 {`{}`, deadBlock, false, []string{zero, repeated}},
		"a key that nobody knows": {`{"zeta": 1}`, nil, false, []string{"config.json has a key that is not known here and was left out of the computation: zeta"}},
	} {
		dir := goldenFolder(t, c.keys, c.edit)
		for _, args := range [][]string{
			{"convert", dir, filepath.Join(t.TempDir(), "x.gguf")}, {"verify", dir, dir}, {"inspect", dir}, {"inspect", dir, "--headers-only"},
			{"eval", dir, "--tasks", aTask(t)}, {"train", "--init", dir, "--print-config"},
		} {
			code, out, stderr := trit(args...)
			listed := args[0] == "inspect" && strings.Contains(out, "not a model that can be converted")
			if refused := code == cmdline.ExitFailed || listed; refused != c.refused || code == cmdline.ExitUsage {
				t.Errorf("%s: %s: exit code %d, %.200s %s", name, args[0], code, out, stderr)
			}
			for _, want := range c.says {
				if !strings.Contains(out+stderr, want) && (c.refused || args[0] != "train") { // which warns in the run's log
					t.Errorf("%s: %s: got %.600s %s, want %q in it", name, args[0], out, stderr, want)
				}
			}
		}
	}
}

// The flag that an error names decides.
func TestConfigKeyDecides(t *testing.T) {
	for _, c := range []struct {
		keys, set, want string
		edit            func(map[string][]byte)
	}{
		{`{"rope_parameters": {"rope_theta": 10000, "rope_type": "default"}}`, "rope_theta=250000", "250000", nil},
		{`{}`, "tie_word_embeddings=false", "output.weight", otherHead},
	} {
		dir, out := goldenFolder(t, c.keys, c.edit), filepath.Join(t.TempDir(), "x.gguf")
		for _, args := range [][]string{{"convert", dir, out, "--config-key", c.set}, {"inspect", dir, "--config-key", c.set}} {
			if code, _, stderr := trit(args...); code != cmdline.ExitOK {
				t.Errorf("%s: %s", args[0], stderr)
			}
		}
		if _, text, _ := trit("inspect", out); !strings.Contains(text, c.want) {
			t.Errorf("%s: the result has no %s", c.set, c.want)
		}
	}
	file := goldenGGUF(t, "hf-llama-packed")
	if code, _, stderr := trit("verify", file, file, "--config-key", "rope_theta=1"); code != cmdline.ExitFailed || !strings.Contains(stderr, "--config-key is for the config.json of folders") {
		t.Errorf("a GGUF file: exit code %d, %s", code, stderr)
	}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/format/gguf"
	"trit/infer"
	"trit/lm"
)

const tokensGolden = "../../testdata/checkpoints/hf-bitnet-bf16"

// withMeta writes a copy of a GGUF file with other metadata; nil takes a key away.
func withMeta(t *testing.T, in string, change map[string]any) string {
	t.Helper()
	f, err := gguf.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	values := map[string]any{}
	for _, key := range f.Metadata.Keys {
		values[key], _ = f.Metadata.Get(key)
	}
	maps.Copy(values, change)
	meta := &gguf.Metadata{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if values[key] != nil {
			meta.Set(key, values[key])
		}
	}
	var tensors []gguf.Source
	for _, info := range f.Tensors {
		data := f.Data(info)
		tensors = append(tensors, gguf.Source{Name: info.Name, Type: info.Type, Dims: info.Dims,
			Write: func(w io.Writer) error { _, err := w.Write(data); return err }})
	}
	out := filepath.Join(t.TempDir(), "changed.gguf")
	if err := gguf.WriteFile(out, meta, tensors); err != nil {
		t.Fatal(err)
	}
	return out
}

// metaOf is the metadata of a GGUF file.
func metaOf(t *testing.T, path string) gguf.Metadata {
	t.Helper()
	f, err := gguf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return f.Metadata
}

// goldenFolder is a copy of the golden with the values of other files changed, by "file:key".
func tokensFolder(t *testing.T, change map[string]any) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "folder")
	if err := os.CopyFS(dir, os.DirFS(tokensGolden)); err != nil {
		t.Fatal(err)
	}
	for where, value := range change {
		name, key, _ := strings.Cut(where, ":")
		file := map[string]any{}
		if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			if err := json.Unmarshal(b, &file); err != nil {
				t.Fatal(err)
			}
		}
		file[key] = value
		b, err := json.Marshal(file)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func convertedTo(t *testing.T, from, name string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	mustTrit(t, "convert", from, out)
	return out
}

// firstToken is the token that a model continues the prompt of the tests with.
func firstToken(t *testing.T, path string) int32 {
	t.Helper()
	m, err := infer.Load(path, infer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	tok, err := m.Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	g, err := m.NewGenerator(tok, m.ContextLength())
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Generate(context.Background(), lm.GenerateRequest{Prompt: tok.EncodePrompt("Hi"), MaxTokens: 1}, nil)
	if err != nil || len(r.Tokens) != 1 || slices.Contains(tok.EOSIDs(), r.Tokens[0]) {
		t.Fatal(r, err)
	}
	return r.Tokens[0]
}

// Every id that a model names as an end of text ends it, wherever it is named (case 11).
func TestEveryEndEndsAText(t *testing.T) {
	plain := convertedTo(t, tokensGolden, "x.gguf")
	first := firstToken(t, plain)
	meta := metaOf(t, plain)
	tokens, _ := meta.Strings("tokenizer.ggml.tokens")
	types, _ := meta.Int32s("tokenizer.ggml.token_type")
	merges, _ := meta.Strings("tokenizer.ggml.merges")
	merges = slices.DeleteFunc(slices.Clone(merges), func(m string) bool {
		left, right, _ := strings.Cut(m, " ")
		return slices.Contains([]string{left, right, left + right}, tokens[first])
	})
	turn, kinds := slices.Clone(tokens), slices.Clone(types)
	turn[first], kinds[first] = "<|turn_over|>", 3
	list := []int{505, int(first), 509}
	for name, model := range map[string]string{
		"config.json":            convertedTo(t, tokensFolder(t, map[string]any{"config.json:eos_token_id": list}), "x.gguf"),
		"generation_config.json": convertedTo(t, tokensFolder(t, map[string]any{"generation_config.json:eos_token_id": list}), "x.gguf"),
		"eot_token_id":           withMeta(t, plain, map[string]any{"tokenizer.ggml.eot_token_id": uint32(first)}),
		"eom_token_id":           withMeta(t, plain, map[string]any{"tokenizer.ggml.eom_token_id": uint32(first)}),
		"eos_token_ids":          withMeta(t, plain, map[string]any{"tokenizer.ggml.eos_token_ids": []int32{505, first}}),
		"the template": withMeta(t, plain, map[string]any{
			"tokenizer.ggml.tokens": turn, "tokenizer.ggml.token_type": kinds, "tokenizer.ggml.merges": merges,
			"tokenizer.chat_template": `{% for m in messages %}{{ m.content }} <|turn_over|>{% endfor %}`,
		}),
	} {
		code, out, stderr := trit("run", model, "-p", "Hi", "-n", "3", "--stats")
		if code != cmdline.ExitOK || strings.TrimSpace(out) != "Hi" || !strings.Contains(stderr, "ended by stop") {
			t.Errorf("%s: exit code %d, %q: %s", name, code, out, stderr)
		}
	}
	if _, out, _ := trit("run", plain, "-p", "Hi", "-n", "3"); strings.TrimSpace(out) == "Hi" {
		t.Error("without these the text ends too")
	}
}

// GGUF files carry the ends on, and a folder gets them back as a list.
func TestEndsInGGUFAndBack(t *testing.T) {
	folder := tokensFolder(t, map[string]any{
		"config.json:eos_token_id": []int{505, 507}, "generation_config.json:eos_token_id": []int{505, 506, 507},
	})
	model := convertedTo(t, folder, "x.gguf")
	m := metaOf(t, model)
	for key, want := range map[string]uint64{"eos_token_id": 505, "eot_token_id": 507} {
		if got, ok := m.Uint("tokenizer.ggml." + key); !ok || got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
	if got, _ := m.Int32s("tokenizer.ggml.eos_token_ids"); !slices.Equal(got, []int32{505, 507, 506}) {
		t.Errorf("eos_token_ids is %v", got)
	}
	mustTrit(t, "verify", folder, model)
	back := convertedTo(t, model, "back")
	for _, name := range []string{"config.json", "generation_config.json"} {
		var file struct {
			EOS []int `json:"eos_token_id"`
		}
		b, err := os.ReadFile(filepath.Join(back, name))
		if err == nil {
			err = json.Unmarshal(b, &file)
		}
		if err != nil || !slices.Equal(file.EOS, []int{505, 507, 506}) {
			t.Errorf("%s: %v, %v", name, file.EOS, err)
		}
	}
	mustTrit(t, "verify", folder, convertedTo(t, back, "again.gguf"))
	bare := withMeta(t, model, map[string]any{"tokenizer.ggml.eos_token_ids": nil, "tokenizer.ggml.eot_token_id": nil})
	code, out, _ := trit("verify", folder, bare)
	if code == cmdline.ExitOK || !strings.Contains(out, "the tokens that end a text") {
		t.Errorf("lost ends: exit code %d, %s", code, out)
	}
}

// A file without add_bos_token has the default of its pre-tokenizer (case 12), and a prompt
// that begins with BOS gets no second one (case 16). The golden's "Hi" has two tokens.
func TestBOSOnce(t *testing.T) {
	plain := convertedTo(t, tokensGolden, "x.gguf")
	for _, c := range []struct {
		pre, prompt string
		want        int
	}{
		{"gpt-2", "Hi", 2}, {"qwen2", "Hi", 2}, {"llama-bpe", "Hi", 3}, {"falcon3", "Hi", 3}, {"falcon_e", "Hi", 3},
		{"tekken", "Hi", 3}, {"smollm", "Hi", 2}, {"llama-bpe", "<|begin_of_text|>Hi", 3}, {"gpt-2", "<|begin_of_text|>Hi", 3},
	} {
		model := withMeta(t, plain, map[string]any{"tokenizer.ggml.pre": c.pre, "tokenizer.ggml.add_bos_token": nil})
		code, _, stderr := trit("run", model, "-p", c.prompt, "-n", "1", "--stats")
		if want := fmt.Sprintf("prompt %d tokens", c.want); code != cmdline.ExitOK || !strings.Contains(stderr, want) {
			t.Errorf("%s, %q: exit code %d, %s, want %s", c.pre, c.prompt, code, stderr, want)
		}
	}
}

// Every command that encodes says that the name of the pre-tokenizer is missing, and what it
// takes for it (case 13).
func TestMissingPreTokenizerIsSaid(t *testing.T) {
	plain := convertedTo(t, tokensGolden, "x.gguf")
	model := withMeta(t, plain, map[string]any{"tokenizer.ggml.pre": nil})
	const want = "tokenizer.ggml.pre, the name of the way to split text, is missing: it is taken for llama-bpe"
	for _, args := range [][]string{
		{"run", model, "-p", "Hi", "-n", "1"}, {"embed", model, "-p", "Hi", "--pooling", "last"}, {"verify", model, plain}, {"inspect", model},
		{"verify", model, plain, "--prompt", "Hi"}, {"eval", model, "--tasks", "arc_easy", "--data-dir", filepath.Join(t.TempDir(), "none")},
		{"eval", "http://127.0.0.1:1/v1", "--model", "m", "--tokenizer", model, "--tasks", "arc_easy", "--data-dir", filepath.Join(t.TempDir(), "none")},
		{"convert", model, filepath.Join(t.TempDir(), "folder")}, {"convert", model, filepath.Join(t.TempDir(), "x.gguf")},
	} {
		code, out, stderr := trit(args...)
		if !strings.Contains(out+stderr, want) || code != cmdline.ExitOK && args[0] != "eval" {
			t.Errorf("%v: exit code %d: %s%s", args, code, out, stderr)
		}
	}
	if _, out, stderr := trit("run", plain, "-p", "Hi", "-n", "1"); strings.Contains(out+stderr, "tokenizer.ggml.pre") {
		t.Error("it is said of a file that has the name")
	}
}

// What GGUF has no key for comes through it and back, and verify finds where it was lost
// (case 14).
func TestWholeTokenizerThroughGGUF(t *testing.T) {
	plain := convertedTo(t, tokensGolden, "x.gguf")
	if m := metaOf(t, plain); slices.Contains(m.Keys, "tokenizer.huggingface.json") {
		t.Error("a tokenizer.json that GGUF holds whole is there twice")
	}
	var file map[string]any
	b, err := os.ReadFile(filepath.Join(tokensGolden, "tokenizer.json"))
	if err == nil {
		err = json.Unmarshal(b, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	model, added := file["model"].(map[string]any), file["added_tokens"].([]any)[2].(map[string]any)
	model["ignore_merges"], added["rstrip"] = false, true
	folder := tokensFolder(t, map[string]any{"tokenizer.json:model": model, "tokenizer.json:added_tokens": file["added_tokens"]})
	converted := convertedTo(t, folder, "x.gguf")
	mustTrit(t, "verify", folder, converted)
	back := convertedTo(t, converted, "back")
	want, _ := os.ReadFile(filepath.Join(folder, "tokenizer.json"))
	if got, err := os.ReadFile(filepath.Join(back, "tokenizer.json")); err != nil || string(got) != string(want) {
		t.Errorf("the tokenizer.json came back otherwise: %v", err)
	}
	lost := withMeta(t, converted, map[string]any{"tokenizer.huggingface.json": nil})
	code, out, _ := trit("verify", folder, lost)
	for _, want := range []string{"ignore_merges is false and true", `"<|start_header_id|>" special rstrip and`} {
		if code == cmdline.ExitOK || !strings.Contains(out, want) {
			t.Errorf("exit code %d, %s, want %s", code, out, want)
		}
	}
}

// tiiuae's own files are read, and unknown names refused with those that are known (case 15).
func TestNamesOfPreTokenizersInGGUF(t *testing.T) {
	plain := convertedTo(t, tokensGolden, "x.gguf")
	_, want, _ := trit("run", plain, "-p", "Hi there, it's 12345!", "-n", "4")
	model := withMeta(t, plain, map[string]any{"tokenizer.ggml.pre": "falcon_e"})
	if code, got, stderr := trit("run", model, "-p", "Hi there, it's 12345!", "-n", "4"); code != cmdline.ExitOK || got != want {
		t.Errorf("exit code %d, %q, want %q: %s", code, got, want, stderr)
	}
	mustTrit(t, "verify", plain, model)
	unknown := withMeta(t, plain, map[string]any{"tokenizer.ggml.pre": "falcon_f"})
	code, _, stderr := trit("run", unknown, "-p", "Hi", "-n", "1")
	if code != cmdline.ExitFailed || !strings.Contains(stderr, `"falcon_f" is not supported: want llama-bpe, llama3`) {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

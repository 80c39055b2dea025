package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/format/gguf"
)

// renderIn runs the command with a template and a context in files.
func renderIn(t *testing.T, template, context string) (code int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	writeText(t, filepath.Join(dir, "template.jinja"), template)
	writeText(t, filepath.Join(dir, "context.json"), context)
	return trit("tokenizer", "render", filepath.Join(dir, "template.jinja"), "--context", filepath.Join(dir, "context.json"))
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The command prints what transformers renders, byte for byte.
func TestRenderVectors(t *testing.T) {
	b, err := os.ReadFile("../../tokenizer/jinja/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Template      string
		Context       json.RawMessage
		Output, Error *string
	}
	if err := json.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		if strings.Contains(v.Template, "strftime_now") {
			continue // the command has the time of now
		}
		code, out, stderr := renderIn(t, v.Template, string(v.Context))
		switch {
		case v.Error != nil && (code != cmdline.ExitFailed || out != "" || stderr == ""):
			t.Errorf("%s: exit code %d, %q, %q: want the error %s", v.Template, code, out, stderr, *v.Error)
		case v.Error == nil && (code != cmdline.ExitOK || out != *v.Output || stderr != ""):
			t.Errorf("%s: exit code %d, %q, %q: want %q", v.Template, code, out, stderr, *v.Output)
		}
	}
}

func TestRenderErrors(t *testing.T) {
	for _, c := range []struct{ template, context, want string }{
		{"{{ raise_exception('no') }}", "{}", "template line 1: TemplateError: no"},
		{"a\n{{ x.y }}", "{}", "template line 2: UndefinedError"},
		{"{% if %}", "{}", "syntax error"},
		{"x", "[]", "want a JSON object"},
		{"x", "{", "context.json"},
	} {
		if code, out, stderr := renderIn(t, c.template, c.context); code != cmdline.ExitFailed || out != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%s with %s: exit code %d, %q, %q", c.template, c.context, code, out, stderr)
		}
	}
	if code, _, stderr := trit("tokenizer", "render", "x"); code != cmdline.ExitUsage || !strings.Contains(stderr, "context") {
		t.Errorf("without --context: exit code %d, %s", code, stderr)
	}
	if code, _, _ := trit("tokenizer", "render", "nowhere", "--context", "nothing"); code != cmdline.ExitFailed {
		t.Errorf("without a template: exit code %d", code)
	}
}

// Files beyond the limits are refused before they are read.
func TestRenderRefusesLargeFiles(t *testing.T) {
	large := func(name string, size int64) string {
		path := filepath.Join(t.TempDir(), name)
		writeText(t, path, "{}")
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		return path
	}
	small := large("small", 2)
	for large, args := range map[string][2]string{
		"context.json":   {small, large("context.json", maxContextBytes+1)},
		"template.jinja": {large("template.jinja", maxTemplateBytes+1), small},
	} {
		code, out, stderr := trit("tokenizer", "render", args[0], "--context", args[1])
		if code != cmdline.ExitFailed || out != "" || !strings.Contains(stderr, large) || !strings.Contains(stderr, "has more than") {
			t.Errorf("%s: exit code %d, %q, %q", large, code, out, stderr)
		}
	}
}

// A folder and a GGUF file name their template and special tokens; the context goes first.
func TestRenderModels(t *testing.T) {
	const template = "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ tools is defined }}"
	dir := t.TempDir()
	context := filepath.Join(dir, "context.json")
	writeText(t, context, `{"messages": [{"content": "Hi"}]}`)
	folder := filepath.Join(dir, "model")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	config, _ := json.Marshal(map[string]string{"bos_token": "<s>", "eos_token": "</s>", "chat_template": template})
	writeText(t, filepath.Join(folder, "tokenizer_config.json"), string(config))
	file := filepath.Join(dir, "model.gguf")
	var meta gguf.Metadata
	meta.Set("general.architecture", "llama")
	meta.Set("tokenizer.ggml.model", "gpt2")
	meta.Set("tokenizer.ggml.tokens", []string{"a", "<s>", "</s>"})
	meta.Set("tokenizer.ggml.bos_token_id", uint32(1))
	meta.Set("tokenizer.ggml.eos_token_id", uint32(2))
	base := filepath.Join(dir, "base.gguf")
	if err := gguf.WriteFile(base, &meta, nil); err != nil {
		t.Fatal(err)
	}
	meta.Set("tokenizer.chat_template", template)
	if err := gguf.WriteFile(file, &meta, nil); err != nil {
		t.Fatal(err)
	}
	for _, model := range []string{folder, file} {
		code, out, stderr := trit("tokenizer", "render", model, "--context", context)
		if code != cmdline.ExitOK || out != "<s>Hi</s>False" {
			t.Errorf("%s: exit code %d, %q, %q", model, code, out, stderr)
		}
	}
	writeText(t, context, `{"messages": [{"content": "Hi"}], "bos_token": "B", "eos_token": null}`)
	if _, out, stderr := trit("tokenizer", "render", file, "--context", context); out != "BHiNoneFalse" {
		t.Errorf("the context's tokens: %q, %q", out, stderr)
	}
	for _, model := range []string{base, dir} {
		if code, _, stderr := trit("tokenizer", "render", model, "--context", context); code != cmdline.ExitFailed || !strings.Contains(stderr, "base model") {
			t.Errorf("%s: exit code %d, %s", model, code, stderr)
		}
	}
}

package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/eval/divergence"
)

func TestDivergence(t *testing.T) {
	model := chatModel(t, chatTemplate)
	text := t.TempDir() + "/text.txt"
	if err := os.WriteFile(text, []byte(strings.Repeat("Anna and the cat walked on. ", 60)), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"divergence", model, model, "--data", text, "--window", "32", "--limit", "3", "--cache"}
	ask := func(more ...string) string {
		code, stdout, stderr := trit(append(args, more...)...)
		if code != cmdline.ExitOK {
			t.Fatal(stderr)
		}
		return stdout
	}
	out := ask("f32", "--json")
	var r divergence.Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if r.Windows != 3 || r.Tokens != 3*15 || r.KL.Value > 1e-9 || r.SameTop.Value != 1 || r.Perplexity.Value != r.BasePerplexity.Value {
		t.Errorf("a model differs from itself: %+v", r)
	}
	if out := ask("int8"); !strings.Contains(out, "KL(base || model)") || !strings.Contains(out, "45 tokens") {
		t.Errorf("the table is %s", out)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"divergence", model, model}, "--data"},
		{[]string{"divergence", model, model, "--data", text, "--window", "2"}, "--window"},
		{[]string{"divergence", model, model, "--data", text, "--window", "4096"}, "a window has 4096"},
		{[]string{"divergence", model, "../../testdata/engine/tiny-i2_s.gguf", "--data", text}, "different vocabularies"},
	} {
		if code, _, stderr := trit(c.args...); code == cmdline.ExitOK || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit code %d, %s", c.args, code, stderr)
		}
	}
}

// Texts in any form that trit reads give the same windows, and --out the JSON that --json prints.
func TestDivergenceReadsTexts(t *testing.T) {
	model, dir := chatModel(t, chatTemplate), t.TempDir()
	forms := textForms(t, taleTexts())
	var first string
	for name, b := range map[string][]byte{
		"a.parquet": forms["parquet"], "b.jsonl": forms["jsonl"], "c.jsonl.gz": packGzip(t, forms["jsonl"]), "d.txt": forms["txt"],
		"folder/e.txt": forms["txt"],
	} {
		path, out := filepath.Join(dir, name), filepath.Join(dir, "out.json")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if name == "folder/e.txt" {
			path = filepath.Dir(path)
		}
		code, stdout, stderr := trit("divergence", model, model, "--data", path, "--window", "32", "--limit", "4", "--out", out, "--force", "--json")
		if code != cmdline.ExitOK {
			t.Fatal(stderr)
		}
		var printed, written map[string]any
		if err := errors.Join(json.Unmarshal([]byte(stdout), &printed), json.Unmarshal([]byte(readFile(t, out)), &written)); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(printed, written) || printed["base"] != model || len(printed["per_window"].([]any)) != 4 {
			t.Errorf("%s: printed %s, written %v", name, stdout, written)
		}
		result, err := json.Marshal([]any{printed["perplexity"], printed["per_window"]})
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(result)
		}
		if string(result) != first {
			t.Errorf("%s: %s, want %s", name, result, first)
		}
	}
	if code, _, stderr := trit("divergence", model, model, "--data", model); code != cmdline.ExitFailed || !strings.Contains(stderr, "GGUF") {
		t.Errorf("a model as text: exit code %d, %s", code, stderr)
	}
}

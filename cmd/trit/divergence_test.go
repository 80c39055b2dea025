package main

import (
	"encoding/json"
	"os"
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

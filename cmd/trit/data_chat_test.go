package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

const talksText = `{"messages":[{"role":"user","content":"Who <|end_of_text|>?"},{"role":"assistant","content":"A cat.\nOr é"}],"id":1}
{"messages":[{"role":"user","content":"Only a question"}],"id":2}
{"messages":[{"role":"user","content":"Where?"},{"role":"assistant","content":"Here"},{"role":"user","content":"Why?"},{"role":"assistant","content":"So"}],"id":3}
`

// writeTexts writes files into a new folder, with a tokenizer made of the first.
func writeTexts(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text := filepath.Join(dir, "corpus.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("Who is a cat? Here, so.\n", 30)), 0o644); err != nil {
		t.Fatal(err)
	}
	mustTrit(t, "tokenizer", "train", "--data", text, "--documents", "line", "--vocab-size", "270", "--out", filepath.Join(dir, "tok"))
	return dir
}

// From conversations to a trained step, and what is shown on the way.
func TestConversationsFromFileToModel(t *testing.T) {
	dir := writeTexts(t, map[string]string{"talks.jsonl": talksText})
	set := filepath.Join(dir, "set")
	prepare := []string{"data", "prepare", "--chat", "--data", filepath.Join(dir, "talks.jsonl"), "--tokenizer", filepath.Join(dir, "tok"), "--holdout", "0", "--out", set}
	code, _, stderr := trit(prepare...)
	if code != cmdline.ExitFailed || !strings.Contains(stderr, "no chat template: name one with --chat-template") {
		t.Errorf("without a template: %d, %q", code, stderr)
	}
	code, _, stderr = trit(append(prepare, "--chat-template", "chatml")...)
	if code != cmdline.ExitFailed || !strings.Contains(stderr, "lacks <|im_start|>, <|im_end|>") {
		t.Errorf("chatml without its tokens: %d, %q", code, stderr)
	}
	code, out, stderr := trit(append(prepare, "--chat-template", "plain")...)
	if code != 0 {
		t.Fatal(stderr)
	}
	for _, want := range []string{"2 conversations", "form      messages, of the fields messages; not read: id", "1 without an answer to learn"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q lacks %q", out, want)
		}
	}
	_, out, _ = trit("data", "show", "--data", set)
	plain := strings.NewReplacer("<|", "<|", "|>", "|>", "|", "").Replace(out)
	for _, want := range []string{"«<|begin_of_text|>»### User:\\n\nWho <|end_of_text|>?\\n\n### Assistant:\\n\n[[A cat.\\n\nOr \\xc3\\xa9«<|end_of_text|>»]]\\n",
		"[[Here«<|end_of_text|>»]]", "[[So«<|end_of_text|>»]]"} {
		if !strings.Contains(plain, want) {
			t.Errorf("%q lacks %q", plain, want)
		}
	}
	_, out, _ = trit("data", "show", "--data", set, "--rows", "300", "1")
	if strings.Count(out, "border") != 1 || !strings.Contains(out, "padding: ") {
		t.Errorf("a row is shown as %q", out)
	}
	_, out, _ = trit("data", "show", "--data", set, "--json", "--from", "2", "1")
	var shown struct {
		Tokens []struct{ Learned, Special bool }
	}
	if err := json.Unmarshal([]byte(out), &shown); err != nil || len(shown.Tokens) < 9 || !shown.Tokens[0].Special || shown.Tokens[0].Learned {
		t.Errorf("%q: %v", out, err)
	}
	code, _, stderr = trit("train", "--config", "trit-1m", "--data", set, "--out", filepath.Join(dir, "run"), "--max-steps", "1", "--set", "sequence_length=60")
	if code != 0 || !strings.Contains(stderr, "of 2 conversations in the train split, 1 are cut to 60 tokens") {
		t.Errorf("training: %d, %q", code, stderr)
	}
	code, _, stderr = trit("eval", filepath.Join(dir, "run"), "--tasks", "bits_per_byte", "--data-dir", set)
	if code == 0 {
		t.Errorf("held-out conversations are measured as texts: %q", stderr)
	}
}

func TestPairsFromFileToBatch(t *testing.T) {
	dir := writeTexts(t, map[string]string{"pairs.jsonl": `{"prompt":"Who?","chosen":"A cat","rejected":"A dog"}` + "\n"})
	set := filepath.Join(dir, "set")
	mustTrit(t, "data", "prepare", "--preferences", "--data", filepath.Join(dir, "pairs.jsonl"), "--tokenizer", filepath.Join(dir, "tok"),
		"--chat-template", "plain", "--holdout", "0", "--out", set)
	for _, args := range [][]string{{}, {"--rows", "99"}} {
		_, out, _ := trit(append([]string{"data", "show", "--data", set, "1"}, args...)...)
		out = strings.ReplaceAll(out, "|", "")
		if chosen, rejected := strings.Index(out, "[[A cat"), strings.Index(out, "[[A dog"); chosen < 0 || rejected < chosen || !strings.Contains(out, "pair 1, rejected") {
			t.Errorf("%v: %q", args, out)
		}
	}
	for _, c := range []struct{ line, says string }{
		{"data prepare --chat --preferences --data x --tokenizer x --out x", "want one of them"},
		{"data prepare --chat-template plain --data x --tokenizer x --out x", "want --chat or --preferences"},
		{"data prepare --chat --form alpaca --data x --tokenizer x --out x", "want one of messages"},
		{"data prepare --chat --too-long keep --data x --tokenizer x --out x", "want one of cut, drop"},
		{"data prepare --chat --chat-template nowhere --data DIR/pairs.jsonl --tokenizer DIR/tok --out DIR/x", "the usual templates are chatml, llama3, plain"},
		{"data show --data DIR/set nothing", "want one number"},
		{"data show --data DIR/set --from 0", "want 1 or more"},
		{"data show --data DIR/set --from 2", "ends with number 1"},
		{"data show --data DIR/set --split heldout", "the heldout split is empty"},
		{"data show --data DIR", "no prepared data set"},
	} {
		code, _, stderr := trit(strings.Fields(strings.ReplaceAll(c.line, "DIR", dir))...)
		if code == 0 || !strings.Contains(stderr, c.says) {
			t.Errorf("%s: %d, %q, want %q", c.line, code, stderr, c.says)
		}
	}
}

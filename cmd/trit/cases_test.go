package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
)

// The cases of public reports, tried through the command.

// chatTemplate shows the turns as they are.
const chatTemplate = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}" +
	"{% if add_generation_prompt %}<assistant>{% endif %}"

// chatModel converts a small run with a chat template.
func chatModel(t *testing.T, template string) string {
	t.Helper()
	dir := t.TempDir()
	run, _ := smallRun(t, dir)
	err := filepath.WalkDir(run, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "tokenizer_config.json" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		config := map[string]any{}
		if err := json.Unmarshal(b, &config); err != nil {
			return err
		}
		config["chat_template"] = template
		if b, err = json.Marshal(config); err != nil {
			return err
		}
		return os.WriteFile(path, b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	model := filepath.Join(dir, "m.gguf")
	mustTrit(t, "convert", run, model)
	return model
}

// chatWith talks over a pipe.
func chatWith(model, in string, flags ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	args := append([]string{"trit", "run", model, "--chat", "-n", "8"}, flags...)
	code = run(context.Background(), args, strings.NewReader(in), &out, &err)
	return code, out.String(), err.String()
}

// Case 17: a line of 100 kB is refused with its size, and the talk goes on.
func TestChatTakesLinesOfAnyLength(t *testing.T) {
	model := chatModel(t, chatTemplate)
	code, want, _ := chatWith(model, "Hello\n")
	if code != cmdline.ExitOK || want == "" {
		t.Fatalf("exit code %d, %q", code, want)
	}
	code, out, stderr := chatWith(model, strings.Repeat("long ", 20000)+"\nHello\n")
	if code != cmdline.ExitOK || out != want || !strings.Contains(stderr, "the message has ") || !strings.Contains(stderr, "shorten it") {
		t.Errorf("exit code %d, %q and %q, want the answer %q to the second message", code, out, stderr, want)
	}
}

// Case 18: prompts that do not fit are cut as before, and said, with the same figures.
func TestEvalSaysWhatItCut(t *testing.T) {
	dir := t.TempDir()
	model, _ := smallRun(t, dir)
	rows := func(n int) (text string) {
		for i := range n {
			text += fmt.Sprintf(`{"question":"How many is %d and one? %s","answer":"It is #### %d"}`+"\n", i, strings.Repeat("Think. ", 60), i+1)
		}
		return text
	}
	writeText(t, filepath.Join(dir, "gsm8k_test.jsonl"), rows(2))
	writeText(t, filepath.Join(dir, "gsm8k_train.jsonl"), rows(6))
	args := []string{"eval", model, "--tasks", "gsm8k", "--data-dir", dir, "--allow-partial", "--num-fewshot", "5", "--max-gen-toks", "8"}
	code, out, stderr := trit(append(args, "--out", filepath.Join(dir, "out"))...)
	if code != cmdline.ExitOK || !strings.Contains(out, "\ngsm8k: 2 of 2 requests were cut on the left to fit into the context of 512 tokens, by up to ") {
		t.Errorf("exit code %d, %s%s", code, out, stderr)
	}
	b, err := os.ReadFile(filepath.Join(dir, "out", "results.json"))
	if err != nil {
		t.Fatal(err)
	}
	var results struct {
		Trit struct {
			Remarks map[string]struct {
				Requests int
				Cut      int `json:"cut_requests"`
			}
		}
	}
	if err := json.Unmarshal(b, &results); err != nil || results.Trit.Remarks["gsm8k"].Cut != 2 || results.Trit.Remarks["gsm8k"].Requests != 2 {
		t.Errorf("results.json: %+v, %v", results, err)
	}
	code, out, stderr = trit(append(args, "--markdown")...)
	if code != cmdline.ExitOK || !strings.Contains(out, "|\n\n* gsm8k: 2 of 2 requests were cut") && !strings.Contains(out, "|\n* gsm8k: 2 of 2 requests were cut") {
		t.Errorf("Markdown: exit code %d, %s%s", code, out, stderr)
	}
	code, out, stderr = trit(append(args, "--strict-length")...)
	for _, want := range []string{"task gsm8k: document 0: the prompt has ", "the context length is 512", "without --strict-length it is cut"} {
		if code != cmdline.ExitFailed || !strings.Contains(stderr, want) {
			t.Errorf("--strict-length: exit code %d, %s%s, want %q", code, out, stderr, want)
		}
	}
}

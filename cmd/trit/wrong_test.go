package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trit/cmd/trit/cmdline"
)

var update = flag.Bool("update", false, "rewrite the messages in testdata/wrong-lines.txt")

// words takes a line apart at spaces; words in quotes stay whole.
func words(line string) (list []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			list = append(list, part)
			continue
		}
		list = append(list, strings.Fields(part)...)
	}
	return list
}

// tritFor is trit with an end, for a line that is not refused as it should be.
func tritFor(limit time.Duration, args ...string) (code int, stdout, stderr string) {
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	var out, err bytes.Buffer
	code = run(ctx, append([]string{"trit"}, args...), strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// wrongFiles are files of the wrong kind, or damaged ones.
var wrongFiles = map[string]string{
	"story.txt":        "Once upon a time there was a fox.\n",
	"page.gguf":        "<!DOCTYPE html>\n<html><body>404: not found</body></html>\n",
	"pointer.gguf":     "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 1187801280\n",
	"empty.gguf":       "",
	"cut.gguf":         "GGUF\x03\x00\x00\x00\x05",
	"table.parquet":    "PAR1\x15\x04\x15",
	"weights.bin":      "PK\x03\x04\x00\x00\x08\x08\x00\x00archive/data.pkl",
	"packed.gz":        "\x1f\x8b\x08\x00\x00\x00",
	"recipe.json":      "{\n  \"base\": \"trit-1m\",\n  \"hidden_size\": \"big\"\n}\n",
	"cut.json":         "{\n  \"base\": \"trit-1m\",\n",
	"comma.json":       "{\n  \"base\": \"trit-1m\",\n}\n",
	"task.json":        "{\"name\": \"mine\", \"dataset\": \"x.jsonl\", \"promt\": \"{{q}}\"}\n",
	"hf/config.json":   "{\n  \"model_type\": \"llama\",\n  \"hidden_size\": \"64\"\n}\n",
	"half/config.json": "{\"model_type\": \"llama\",\n",
	"texts.jsonl":      "{\"text\": \"a fox\", \"score\": 1}\n{\"text\": \"an owl\", \"score\": \"high\"}\n",
	"bodies.jsonl":     "{\"body\": \"a fox\", \"n\": 1}\n{\"body\": \"an owl\", \"n\": 2}\n",
	"numbers.jsonl":    "{\"text\": \"a fox\"}\n{\"text\": 5}\n",
	"cut.jsonl":        "{\"text\": \"a fox\"}\n{\"text\": \"an ",
	"mixed/a.jsonl":    "{\"text\": \"a fox\"}\n",
	"mixed/b.txt":      "An owl.\n",
}

// Wrong lines are answered with the right exit code in one line, which shows a way out. The messages are a
// golden, to be read as a newcomer would: go test ./cmd/trit -run WrongLines -update rewrites them.
func TestWrongLines(t *testing.T) {
	golden, err := filepath.Abs("testdata/wrong-lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run, _ := smallRun(t, dir)
	t.Chdir(dir)
	mustTrit(t, "convert", run, "m.gguf")
	for name, text := range wrongFiles {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		writeText(t, name, text)
	}
	var got strings.Builder
	lines := 0
	for line := range strings.Lines(string(b)) {
		typed, isLine := strings.CutPrefix(line, "$ trit ")
		if strings.HasPrefix(line, "#") || line == "\n" {
			got.WriteString(line)
		}
		if !isLine {
			continue
		}
		lines++
		code, out, stderr := tritFor(20*time.Second, words(typed)...)
		message, _, _ := strings.Cut(stderr, "\n")
		fmt.Fprintf(&got, "%s%d %s\n", line, code, message)
		if code != cmdline.ExitUsage && code != cmdline.ExitFailed || strings.Count(stderr, "\n") != 1 || out != "" {
			t.Errorf("trit %sexit code %d, %.200q and %.200q, want one line of an error", typed, code, out, stderr)
		}
	}
	if *update {
		writeText(t, golden, got.String())
	} else if got.String() != string(b) {
		t.Errorf("the messages are not those of %s:\n%s", golden, got.String())
	}
	if lines < 60 {
		t.Errorf("%d lines, want 60", lines)
	}
}

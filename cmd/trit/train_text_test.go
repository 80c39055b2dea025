package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/cmd/trit/cmdline"
	"trit/data"
)

// train --text does what the three commands do that it prints, and the first two once.
func TestTrainText(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{"my tales.txt": []byte(strings.Join(taleTexts(), "\n\n"))})
	t.Chdir(dir)
	flags := "--config trit-1m --out run --max-steps 2 --set vocab_size=300 --set sequence_length=16 --threads 1 --precision float32"
	withText := func(flags string) []string {
		return append([]string{"train", "--text", "my tales.txt", "--holdout", "0.2"}, strings.Fields(flags)...)
	}
	code, out, stderr := trit(withText(flags)...)
	want := `--text stands for three commands:
  trit tokenizer train --data 'my tales.txt' --vocab-size 300 --out run/prepared/tokenizer
  trit data prepare --data 'my tales.txt' --tokenizer run/prepared/tokenizer --holdout 0.2 --out run/prepared/data
  trit train --data run/prepared/data --config trit-1m --out run --set vocab_size=300 --set sequence_length=16 --max-steps 2 --precision float32 --threads 1
tokenizer of 300 tokens in run/prepared/tokenizer
`
	if code != cmdline.ExitOK || !strings.HasPrefix(out, want) {
		t.Fatalf("exit code %d, %s\n got %s\nwant %s", code, stderr, out, want)
	}
	mustTrit(t, strings.Fields("tokenizer train --vocab-size 300 --out by/tok --data my*")...)
	mustTrit(t, strings.Fields("data prepare --tokenizer by/tok --holdout 0.2 --out by/data --data my*")...)
	mustTrit(t, strings.Fields("train --data by/data "+strings.Replace(flags, "--out run", "--out by/run", 1))...)
	const weights = "step-00000002/model.safetensors"
	a, err := os.ReadFile(filepath.Join("run", weights))
	b, err2 := os.ReadFile(filepath.Join("by/run", weights))
	if err != nil || err2 != nil || string(a) != string(b) {
		t.Errorf("other weights than by three commands (%v, %v)", err, err2)
	}

	before, err := data.OpenManifest("run/prepared/data")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename("my tales.txt", "gone"); err != nil {
		t.Fatal(err)
	}
	code, out, stderr = trit(withText(strings.Replace(flags, "--max-steps 2", "--max-steps 3 --max-time 90s --resume", 1))...)
	if code != cmdline.ExitOK || !strings.Contains(out, "the first two are done already: run/prepared/data") {
		t.Errorf("resumed: exit code %d, %s%s", code, out, stderr)
	}
	if after, err := data.OpenManifest("run/prepared/data"); err != nil || after.Fingerprint() != before.Fingerprint() {
		t.Errorf("resumed: other data, %v", err)
	}
}

// What --text cannot do is refused before anything is made.
func TestTrainTextRefusals(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{"a.txt": []byte(strings.Join(taleTexts(), "\n\n")), "full/x": []byte("x")})
	t.Chdir(dir)
	for _, c := range []struct {
		flags string
		code  int
		want  string
	}{
		{"--text a.txt --data d --out run", cmdline.ExitUsage, "--text makes what --data names: give one of them"},
		{"--text a.txt --init m --out run", cmdline.ExitUsage, "--text trains a new tokenizer, but --init needs data made with its own: " +
			"trit data prepare --tokenizer DIR, then --data"},
		{"--data d --documents file --out run", cmdline.ExitUsage, "--documents belongs to --text"},
		{"--data a.txt --out run", cmdline.ExitUsage, "--data takes a folder made by trit data prepare, and a.txt is a file: --text takes texts"},
		{"--data d --holdout 0.1 --out run", cmdline.ExitUsage, "--holdout belongs to --text"},
		{"--text a.txt", cmdline.ExitUsage, "--data DIR or --text TEXTS, and --out DIR, are needed to train"},
		{"--text a.txt --out full", cmdline.ExitFailed, "full is not empty: --resume goes on with it, or name another --out"},
		{"--text none.txt --out run", cmdline.ExitFailed, "there is no file or folder none.txt"},
		{"--text a.txt --out run --set num_attention_heads=3 --unpackable", cmdline.ExitUsage, "num_attention_heads"},
		{"--text a.txt --out run --holdout 1", cmdline.ExitFailed, "--holdout is 1: want a share from 0 to below 1, such as 0.05"},
	} {
		code, _, stderr := trit(append([]string{"train", "--config", "trit-1m"}, strings.Fields(c.flags)...)...)
		if code != c.code || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: exit code %d, %swant %s", c.flags, code, stderr, c.want)
		}
		if entries, _ := os.ReadDir("run"); len(entries) > 0 {
			t.Errorf("%s: it left %v", c.flags, entries)
		}
	}
}

// A run finds its own prepared data where it lies now, and those of another run where they were.
func TestDataOf(t *testing.T) {
	run := t.TempDir()
	other := filepath.Join("elsewhere", "prepared", "data")
	if got := dataOf(run, other); got != other {
		t.Errorf("another run's data: %s", got)
	}
	own := filepath.Join(run, "prepared", "data")
	if err := os.MkdirAll(own, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := dataOf(run, other); got != own {
		t.Errorf("its own data: %s", got)
	}
}

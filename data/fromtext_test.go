package data

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/setting"
)

func writeText(t *testing.T, texts []string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "texts.txt")
	if err := os.WriteFile(path, []byte(strings.Join(texts, "\n\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// The folder is what training a tokenizer and preparing the data make one after the other, from
// a file and from a stream, and it is made once.
func TestPrepareText(t *testing.T) {
	texts := sentences(80)
	path, out := writeText(t, texts), filepath.Join(t.TempDir(), "run", "prepared")
	o := TextOptions{Texts: []string{path}, Column: "text", VocabSize: 270, Holdout: 0.2, Seed: 3}
	m, made, err := PrepareText(t.Context(), out, false, o)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	dir := t.TempDir()
	tok, err := TrainTokenizer(t.Context(), TokenizerOptions{
		Files: []string{path}, Column: "text", VocabSize: 270, Out: filepath.Join(dir, "tok"),
	})
	if err != nil {
		t.Fatal(err)
	}
	by, err := Prepare(t.Context(), PrepareOptions{
		Files: []string{path}, Column: "text", Tokenizer: tok, Holdout: 0.2, Seed: 3, Out: filepath.Join(dir, "set"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if m.Fingerprint() != by.Fingerprint() || m.Train.Documents+m.Heldout.Documents != 80 {
		t.Errorf("%d and %d documents, another data set than by two commands", m.Train.Documents, m.Heldout.Documents)
	}
	stream := o
	stream.Texts, stream.Stdin = []string{"-"}, strings.NewReader(strings.Join(texts, "\n\n"))
	streamed := filepath.Join(t.TempDir(), "prepared")
	if s, _, err := PrepareText(t.Context(), streamed, false, stream); err != nil || s.Fingerprint() != m.Fingerprint() {
		t.Errorf("from a stream: %v, or another data set", err)
	}
	wantEntries(t, streamed, ShardsDir, recordName, TokenizerDir)

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if again, made, err := PrepareText(t.Context(), out, true, o); err != nil || made || again.Fingerprint() != m.Fingerprint() {
		t.Errorf("taken again: made %v, error %v", made, err)
	}
	o.VocabSize = 280
	_, _, err = PrepareText(t.Context(), out, true, o)
	if e := setting.As(err); e == nil || !strings.Contains(err.Error(), "give the same texts and options") {
		t.Errorf("other options: %v", err)
	}
	_, _, err = PrepareText(t.Context(), out, false, o)
	wantError(t, err, "already holds")
}

// A record that no PrepareText wrote is refused.
func TestDamagedRecord(t *testing.T) {
	out := t.TempDir()
	record := filepath.Join(out, recordName)
	for says, size := range map[string]int64{"texts.json": maxRecordSize + 1, "JSON": 8} {
		if err := os.WriteFile(record, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(record, size); err != nil {
			t.Fatal(err)
		}
		_, _, err := PrepareText(t.Context(), out, true, TextOptions{})
		wantError(t, err, record, says)
	}
	if err := os.Remove(record); err != nil {
		t.Fatal(err)
	}
	_, _, err := PrepareText(t.Context(), out, true, TextOptions{})
	wantError(t, err, record, "no such file")
}

// A preparation that is stopped or fails leaves nothing.
func TestStoppedPrepareTextLeavesNothing(t *testing.T) {
	path, dir := writeText(t, sentences(80)), t.TempDir()
	out := filepath.Join(dir, "run", "prepared")
	ctx, cancel := context.WithCancel(t.Context())
	o := TextOptions{Texts: []string{path}, Column: "text", VocabSize: 270, Holdout: 0.2, Seed: 3}
	o.Merges = func(done, total int) { cancel() }
	if _, _, err := PrepareText(ctx, out, false, o); err != context.Canceled {
		t.Errorf("stopped: %v", err)
	}
	wantEntries(t, dir)
	o.Merges, o.Holdout = nil, 1
	_, _, err := PrepareText(t.Context(), out, false, o)
	wantError(t, err, "Holdout is 1")
	wantEntries(t, dir)
}

// wantEntries checks what a folder holds.
func wantEntries(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s holds %q, want %q", dir, got, want)
	}
}

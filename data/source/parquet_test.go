package source

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func readAll(ctx context.Context, files []string, column string) (texts []string, err error) {
	for text, err := range ReadColumn(ctx, files, column) {
		if err != nil {
			return texts, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func TestReadColumnKeepsOrderAndSkipsNulls(t *testing.T) {
	want := sentences(20)
	a, b := writeParquet(t, want[:12]...), writeParquet(t, want[12:]...)
	got, err := readAll(t.Context(), []string{a, b}, "text")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestReadColumnNamesTheColumnsThereAre(t *testing.T) {
	path := writeParquet(t, "a b")
	for column, problem := range map[string]string{
		"story": "no such column", "words": "it is a list", "id": "not text",
	} {
		_, err := readAll(t.Context(), []string{path}, column)
		wantError(t, err, path, column, problem, "id, text, words")
	}
}

func TestReadColumnStops(t *testing.T) {
	path := writeParquet(t, sentences(9)...)
	n := 0
	for range ReadColumn(t.Context(), []string{path}, "text") {
		if n++; n == 4 {
			break
		}
	}
	if n != 4 {
		t.Errorf("%d texts before the break, want 4", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if texts, err := readAll(ctx, []string{path}, "text"); err != context.Canceled || len(texts) != 0 {
		t.Errorf("after cancelling: %d texts and error %v", len(texts), err)
	}
}

func TestReadColumnOfBrokenFiles(t *testing.T) {
	whole, err := os.ReadFile(writeParquet(t, sentences(30)...))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "broken.parquet")
	for says, raw := range map[string][]byte{
		"this is an empty file": {}, "this is text": []byte("once upon a time there was a file"),
		"footer: the file ends with": whole[:len(whole)/2],
	} {
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := readAll(t.Context(), []string{path}, "text")
		t.Run(says, func(t *testing.T) { wantError(t, err, path, says) })
	}
}

// TestReadColumnSurvivesDamage flips every byte of a file in turn: what is read may
// differ, but nothing may panic.
func TestReadColumnSurvivesDamage(t *testing.T) {
	whole, err := os.ReadFile(writeParquet(t, sentences(4)...))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "damaged.parquet")
	failed := 0
	for i := range whole {
		raw := slices.Clone(whole)
		raw[i] ^= 0xff
		if err := os.WriteFile(path, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readAll(t.Context(), []string{path}, "text"); err != nil {
			failed++
		}
	}
	if failed < len(whole)/10 {
		t.Errorf("only %d of %d damages were noticed", failed, len(whole))
	}
}

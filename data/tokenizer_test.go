package data

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/setting"
	"trit/tokenizer"
)

// The folder holds the tokenizer that is returned, and nothing else is left beside it.
func TestTrainTokenizer(t *testing.T) {
	dir := t.TempDir()
	file := writeParquet(t, sentences(60)...)
	out, merges := filepath.Join(dir, "new", "tok"), 0
	o := TokenizerOptions{Files: []string{file}, Column: "text", VocabSize: 270, Out: out, Progress: func(done, total int) {
		if merges++; done != merges || total != 12 {
			t.Errorf("merge %d of %d, want %d of 12", done, total, merges)
		}
	}}
	tok, err := TrainTokenizer(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	read, err := tokenizer.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	const text = "the small world"
	if got, want := read.Encode(text, true), tok.Encode(text, true); len(want) < 2 || !slices.Equal(got, want) {
		t.Errorf("the folder's tokenizer encodes %v, the returned one %v", got, want)
	}
	if entries, err := os.ReadDir(filepath.Dir(out)); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v: want the folder alone", entries, err)
	}
	_, err = TrainTokenizer(context.Background(), o)
	if s := setting.As(err); s == nil || s.Field != "data.TokenizerOptions.Out" || !strings.Contains(err.Error(), "already holds") {
		t.Errorf("the folder is there already: %v", err)
	}
}

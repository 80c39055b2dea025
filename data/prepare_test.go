package data

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"trit/setting"
)

// The data set is the same for any number of threads.
func TestThreadsChangeNothing(t *testing.T) {
	texts := sentences(4000)
	_, want := prepare(t, PrepareOptions{Holdout: 0.2, Seed: 3, ShardTokens: 5000, Threads: 1}, texts...)
	for _, threads := range []int{2, 5, 0} {
		_, got := prepare(t, PrepareOptions{Holdout: 0.2, Seed: 3, ShardTokens: 5000, Threads: threads}, texts...)
		if got.Fingerprint() != want.Fingerprint() || len(got.Train.Shards) < 2 {
			t.Errorf("%d threads: another data set, of %d shards", threads, len(got.Train.Shards))
		}
	}
}

// An error names the option that decides.
func TestPrepareRejects(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "mine"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	file, empty := writeParquet(t, sentences(3)...), writeParquet(t)
	for _, c := range []struct {
		change func(*PrepareOptions)
		field  string
		says   string
	}{
		{func(o *PrepareOptions) { o.Files = nil }, "Files", "want files of text"},
		{func(o *PrepareOptions) { o.Tokenizer = nil }, "Tokenizer", "want a tokenizer"},
		{func(o *PrepareOptions) { o.Tokenizer = letters{maxVocabulary + 1} }, "Tokenizer", "16777217 tokens"},
		{func(o *PrepareOptions) { o.Out = "" }, "Out", "want a folder"},
		{func(o *PrepareOptions) { o.Out = full }, "Out", "already holds mine"},
		{func(o *PrepareOptions) { o.Holdout = 1 }, "Holdout", "is 1: want a share"},
		{func(o *PrepareOptions) { o.Holdout = -0.1 }, "Holdout", "is -0.1: want a share"},
		{func(o *PrepareOptions) { o.Holdout = math.NaN() }, "Holdout", "is NaN: want a share"},
		{func(o *PrepareOptions) { o.ShardTokens = -1 }, "ShardTokens", "is -1: want 0 or more"},
		{func(o *PrepareOptions) { o.Files = []string{empty} }, "Holdout", "no document to train on"},
		{func(o *PrepareOptions) { o.Holdout = 1e-9 }, "Holdout", "none of the 3 documents"},
	} {
		o := PrepareOptions{Files: []string{file}, Column: "text", Tokenizer: letters{}, Out: filepath.Join(t.TempDir(), "set")}
		c.change(&o)
		_, err := Prepare(t.Context(), o)
		wantError(t, err, c.says)
		if e := setting.As(err); e == nil || e.Field != "data.PrepareOptions."+c.field {
			t.Errorf("%v: it names %+v, want %s", err, e, c.field)
		}
	}
	if _, err := OpenManifest(full); !errors.Is(err, fs.ErrNotExist) || setting.As(err).Field != "data.Prepare" {
		t.Errorf("a folder without a data set: %v", err)
	}
	dir, _ := prepare(t, PrepareOptions{}, sentences(3)...)
	_, err := OpenLoader(dir, LoaderOptions{Split: Heldout, BatchSize: 1, SequenceLength: 1, Shuffle: true})
	if e := setting.As(err); e == nil || e.Field != "data.LoaderOptions.Shuffle" {
		t.Errorf("a shuffled held-out split: %v", err)
	}
}

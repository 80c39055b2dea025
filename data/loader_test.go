package data

import (
	"errors"
	"io"
	"slices"
	"testing"
)

func next(t *testing.T, l *Loader) Batch {
	t.Helper()
	var b Batch
	if err := l.Next(&b); err != nil {
		t.Fatal(err)
	}
	return b
}

// Two documents, "ab" and "c", packed into rows of four tokens by hand.
func TestPackingKeepsDocumentsApart(t *testing.T) {
	dir, _ := prepare(t, PrepareOptions{}, "ab", "c")
	l, err := OpenLoader(dir, LoaderOptions{Split: Train, BatchSize: 2, SequenceLength: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := next(t, l) // [BOS a b EOS] [BOS c EOS BOS], as the next epoch begins with "ab"
	if want := []int32{256, 'a', 'b', 257, 256, 'c', 257, 256}; !slices.Equal(b.Tokens, want) {
		t.Errorf("tokens %v, want %v", b.Tokens, want)
	}
	if want := []int32{'a', 'b', 257, -1, 'c', 257, -1, 'a'}; !slices.Equal(b.Targets, want) {
		t.Errorf("targets %v, want %v", b.Targets, want)
	}
	if want := []int32{0, 0, 0, 0, 0, 0, 0, 3}; !slices.Equal(b.Starts, want) {
		t.Errorf("starts %v, want %v", b.Starts, want)
	}
}

func TestRestoreGivesTheSameRest(t *testing.T) {
	dir, _ := prepare(t, PrepareOptions{}, sentences(50)...)
	o := LoaderOptions{Split: Train, BatchSize: 3, SequenceLength: 17, Seed: 5, Shuffle: true}
	l, err := OpenLoader(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 13 {
		next(t, l)
	}
	state := l.State()
	again, err := OpenLoader(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.Restore(state); err != nil {
		t.Fatal(err)
	}
	for i := range 60 { // over the end of an epoch
		a, b := next(t, l), next(t, again)
		if !slices.Equal(a.Tokens, b.Tokens) || !slices.Equal(a.Targets, b.Targets) || !slices.Equal(a.Starts, b.Starts) {
			t.Fatalf("batch %d after the restore differs", i)
		}
	}
	state.Seed++
	wantError(t, again.Restore(state), "seed")
}

func TestHeldoutEnds(t *testing.T) {
	dir, m := prepare(t, PrepareOptions{Holdout: 0.3, Seed: 1}, sentences(60)...)
	if m.Heldout.Documents == 0 || m.Heldout.Documents+m.Train.Documents != 60 {
		t.Fatalf("%d documents are held out and %d are not, of 60", m.Heldout.Documents, m.Train.Documents)
	}
	l, err := OpenLoader(dir, LoaderOptions{Split: Heldout, BatchSize: 2, SequenceLength: 8})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	bytes := 0.0
	for {
		var b Batch
		if err := l.Next(&b); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		bytes += b.Bytes
	}
	if diff := bytes - float64(m.Heldout.Bytes); diff > 1e-6 || diff < -1e-6 {
		t.Errorf("the targets stand for %g bytes, want %d", bytes, m.Heldout.Bytes)
	}
}

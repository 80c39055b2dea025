package data

import (
	"errors"
	"io"
	"slices"
	"testing"
)

// open opens a loader that the test closes.
func open(t *testing.T, dir string, o LoaderOptions) *Loader {
	t.Helper()
	l, err := OpenLoader(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// openRanks opens the loaders of n ranks.
func openRanks(t *testing.T, dir string, o LoaderOptions, n int) []*Loader {
	t.Helper()
	loaders := make([]*Loader, n)
	for r := range loaders {
		o.Rank, o.Ranks = r, n
		loaders[r] = open(t, dir, o)
	}
	return loaders
}

// together is the next batches of all ranks as one.
func together(t *testing.T, loaders []*Loader, batches int) Batch {
	t.Helper()
	var all Batch
	for range batches {
		for _, l := range loaders {
			b := next(t, l)
			all.Tokens, all.Targets = append(all.Tokens, b.Tokens...), append(all.Targets, b.Targets...)
			all.Starts, all.Bytes = append(all.Starts, b.Starts...), all.Bytes+b.Bytes
		}
	}
	return all
}

func wantSame(t *testing.T, got, want Batch) {
	t.Helper()
	diff := got.Bytes - want.Bytes
	if !slices.Equal(got.Tokens, want.Tokens) || !slices.Equal(got.Targets, want.Targets) || !slices.Equal(got.Starts, want.Starts) || diff > 1e-9 || diff < -1e-9 {
		t.Fatalf("the ranks' rows are\n%v, want\n%v", got, want)
	}
}

func TestRanksSeeTheRowsOfOne(t *testing.T) {
	dir, _ := prepare(t, PrepareOptions{}, sentences(50)...)
	for _, n := range []int{1, 2, 3, 7} {
		o := LoaderOptions{Split: Train, BatchSize: 2, SequenceLength: 17, Seed: 5, Shuffle: true}
		ranks := openRanks(t, dir, o, n)
		o.BatchSize *= n
		one := open(t, dir, o)
		for range 40 { // over the end of an epoch
			wantSame(t, together(t, ranks, 1), next(t, one))
			for r, l := range ranks {
				if l.State() != one.State() {
					t.Fatalf("rank %d of %d is at %+v, want %+v", r, n, l.State(), one.State())
				}
			}
		}
	}
}

// What three ranks have begun, any other number goes on with.
func TestPositionHoldsForAnyNumberOfRanks(t *testing.T) {
	dir, _ := prepare(t, PrepareOptions{}, sentences(50)...)
	o := LoaderOptions{Split: Train, BatchSize: 2, SequenceLength: 13, Seed: 5, Shuffle: true}
	three := openRanks(t, dir, o, 3)
	together(t, three, 9)
	state := three[2].State()
	twelve := o
	twelve.BatchSize = 12
	reference := open(t, dir, twelve)
	if err := reference.Restore(state); err != nil {
		t.Fatal(err)
	}
	want := next(t, reference)
	for _, n := range []int{1, 2, 3, 6} {
		ranks := openRanks(t, dir, o, n)
		for _, l := range ranks {
			if err := l.Restore(state); err != nil {
				t.Fatal(err)
			}
		}
		wantSame(t, together(t, ranks, 6/n), want)
	}
}

// All ranks come to the end of the held-out data together, and share all of its text.
func TestRanksEndTogether(t *testing.T) {
	dir, m := prepare(t, PrepareOptions{Holdout: 0.3, Seed: 1}, sentences(60)...)
	for _, n := range []int{2, 5} {
		ranks := openRanks(t, dir, LoaderOptions{Split: Heldout, BatchSize: 3, SequenceLength: 8}, n)
		bytes := 0.0
		for ended := 0; ended == 0; {
			for _, l := range ranks {
				var b Batch
				if err := l.Next(&b); errors.Is(err, io.EOF) {
					ended++
				} else if err != nil {
					t.Fatal(err)
				}
				bytes += b.Bytes
			}
			if ended != 0 && ended != n {
				t.Fatalf("%d of %d ranks are at the end", ended, n)
			}
		}
		if diff := bytes - float64(m.Heldout.Bytes); diff > 1e-6 || diff < -1e-6 {
			t.Errorf("the targets of %d ranks stand for %g bytes, want %d", n, bytes, m.Heldout.Bytes)
		}
	}
}

func TestRankOutOfRangeIsRefused(t *testing.T) {
	dir, _ := prepare(t, PrepareOptions{}, sentences(5)...)
	for _, rank := range []int{-1, 2} {
		_, err := OpenLoader(dir, LoaderOptions{Split: Train, BatchSize: 1, SequenceLength: 4, Rank: rank, Ranks: 2})
		wantError(t, err, "rank")
	}
}

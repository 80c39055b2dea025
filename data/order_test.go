package data

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Each document has one place, whatever their number.
func TestKeyedOrderIsAPermutation(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 1000, 4095, 4096, 4097, 70000} {
		for seed := range uint64(3) {
			k, seen := newKeyed(n, seed, 2), make([]bool, n)
			for place := range n {
				i := k.at(place)
				if i < 0 || i >= n || seen[i] {
					t.Fatalf("of %d: place %d has document %d, which is out of range or has a place", n, place, i)
				}
				seen[i] = true
			}
		}
	}
}

func listOf(o order, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = o.at(i)
	}
	return list
}

// Orders of other seeds and epochs are others: as many documents keep their place as by chance, which is one.
func TestKeyedOrderDependsOnSeedAndEpoch(t *testing.T) {
	const n = 5000
	orders := [][]int{listOf(newKeyed(n, 1, 0), n), listOf(newKeyed(n, 1, 1), n), listOf(newKeyed(n, 2, 0), n), listOf(newKeyed(n, 0, 1), n)}
	for a := range orders {
		for b := range a {
			same := 0
			for i := range n {
				if orders[a][i] == orders[b][i] {
					same++
				}
			}
			if same > 8 {
				t.Errorf("orders %d and %d have %d of %d places in common", a, b, same, n)
			}
		}
	}
}

// A hundred parts of the places hold documents of a hundred parts alike: chi-square, 99*99 degrees of freedom, whose
// deviation is sqrt(2*9801) = 140. Neighbours are as far from each other as by chance, n/3.
func TestKeyedOrderIsEven(t *testing.T) {
	const n, parts = 1_000_000, 100
	k := newKeyed(n, 7, 0)
	var counts [parts][parts]float64
	apart, last := 0.0, k.at(0)
	for place := range n {
		i := k.at(place)
		counts[place*parts/n][i*parts/n]++
		apart += math.Abs(float64(i - last))
		last = i
	}
	chi, expected := 0.0, float64(n)/parts/parts
	for _, row := range counts {
		for _, c := range row {
			chi += (c - expected) * (c - expected) / expected
		}
	}
	if chi < 9801-5*140 || chi > 9801+5*140 {
		t.Errorf("chi-square is %.0f, want 9801", chi)
	}
	if mean := apart / n; mean < 0.99*n/3 || mean > 1.01*n/3 {
		t.Errorf("neighbours are %.0f apart, want %d", mean, n/3)
	}
}

// What a program in Python makes of the same formulas, with PCG-DXSM written out in its whole numbers.
var (
	wantKeyed  = []int{8021116, 11346674, 17511183, 18677306, 18427433}
	wantListed = []int{7, 9, 3, 2, 5, 4, 8, 0, 1, 6}
)

// The orders never change, since saved positions are places in them.
func TestOrdersStay(t *testing.T) {
	if got := listOf(newKeyed(20_000_000, 5, 3), 5); !slices.Equal(got, wantKeyed) {
		t.Errorf("the keyed order begins with %v, want %v", got, wantKeyed)
	}
	if got := listOf(shuffled(10, 5, 3, nil), 10); !slices.Equal(got, wantListed) {
		t.Errorf("the held order is %v, want %v", got, wantListed)
	}
	if orderOf(keyedFrom-1) != "" || orderOf(keyedFrom) != keyedOrder {
		t.Error("another number of documents decides")
	}
}

// A run on data whose order is computed goes on in the middle of an epoch as it would have.
func TestKeyedLoaderGoesOn(t *testing.T) {
	dir, m := prepare(t, PrepareOptions{}, sentences(50)...)
	held := m.Fingerprint()
	path := filepath.Join(dir, ManifestName)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	open := func() *Loader {
		l, err := OpenLoader(dir, LoaderOptions{Split: Train, BatchSize: 3, SequenceLength: 17, Seed: 5, Shuffle: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	before := open().State()
	if err := os.WriteFile(path, bytes.Replace(raw, []byte(`"train"`), []byte(`"order": "keyed", "train"`), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	l, again := open(), open()
	wantError(t, l.Restore(before), "data set")
	if l.dataset == held {
		t.Error("the fingerprint does not say how documents are ordered")
	}
	seen := map[string]int{}
	for range 9 {
		next(t, l)
	}
	if err := again.Restore(l.State()); err != nil {
		t.Fatal(err)
	}
	for i := range 60 { // over the end of an epoch
		a, b := next(t, l), next(t, again)
		if !slices.Equal(a.Tokens, b.Tokens) || !slices.Equal(a.Starts, b.Starts) {
			t.Fatalf("batch %d differs", i)
		}
		seen[fmt.Sprint(a.Tokens)]++
	}
	if l.Epoch() < 2 || len(seen) < 55 {
		t.Errorf("after %d epochs only %d batches were different", l.Epoch(), len(seen))
	}
	if err := os.WriteFile(path, bytes.Replace(raw, []byte(`"train"`), []byte(`"order": "sorted", "train"`), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = OpenManifest(dir)
	wantError(t, err, "order", `"sorted"`, "keyed")
}

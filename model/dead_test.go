package model

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// stored makes a weight whose Zero is by its bytes.
func stored(name, kind string, data []byte) StoredWeight {
	return StoredWeight{
		Name: name, Kind: kind, Data: data,
		Zero:    func() bool { return !slices.ContainsFunc(data, func(b byte) bool { return b != 0 }) },
		Release: func([]byte) error { return nil },
	}
}

// Of a file that is larger than the memory, no more than one weight is held at a time.
func TestDeadWeightsHoldOne(t *testing.T) {
	var weights []StoredWeight
	held, reads, releases := 0, 0, 0
	for i := range 10 {
		w := stored(fmt.Sprint(i), "x", slices.Repeat([]byte{byte(i / 2)}, 1<<12))
		zero, data := w.Zero, w.Data
		w.Zero = func() bool {
			held, reads = held+1, reads+1
			if held > 1 {
				t.Errorf("%d weights are held", held)
			}
			return zero()
		}
		w.Release = func(part []byte) error {
			held, releases = 0, releases+1
			if &part[0] != &data[0] || len(part) != len(data) {
				t.Error("a part of the weight stays")
			}
			return nil
		}
		weights = append(weights, w)
	}
	DeadWeights(weights)
	// Each is read once for zeros; eight are live and read for their beginning, and as all are alike in pairs, whole.
	if reads != 10 || releases != 10+8+8 {
		t.Errorf("%d weights were read and %d times given back", reads, releases)
	}
}

func TestDeadWeights(t *testing.T) {
	long := func(last byte) []byte { return append(slices.Repeat([]byte{5}, 2*fingerprintBytes), last) } // alike at their beginning
	live := []StoredWeight{stored("a", "x", long(1)), stored("b", "x", long(2)), stored("c", "y", long(1)), stored("d", "x", []byte{1})}
	if notes := DeadWeights(live); len(notes) > 0 {
		t.Errorf("sound weights: %q", notes)
	}
	notes := DeadWeights(append(live, stored("e", "x", long(2)), stored("f", "x", make([]byte, 9)), stored("g", "x", make([]byte, 9))))
	want := []string{
		"projections are all zero, which no training leaves (2 found): f, g",
		"projections repeat the weights of another one byte for byte, which no training leaves (1 found): e (of b)",
	}
	if len(notes) != 2 || notes[0].String() != want[0] || notes[1].String() != want[1] {
		t.Errorf("got %q, want %q", notes, want)
	}
	var many []StoredWeight
	for i := range 100 {
		many = append(many, stored(fmt.Sprint("w", i), "x", make([]byte, 3)))
	}
	if notes := DeadWeights(many); len(notes) != 1 || !strings.HasSuffix(notes[0].String(), "(100 found): w0, w1, w2, w3, w4, w5, w6, w7 and 92 more") {
		t.Errorf("got %q", notes)
	}
}

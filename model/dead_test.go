package model

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// stored makes a weight whose Zero is by its bytes.
func stored(name, kind string, data []byte) StoredWeight {
	return StoredWeight{name, kind, data, func() bool { return !slices.ContainsFunc(data, func(b byte) bool { return b != 0 }) }}
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

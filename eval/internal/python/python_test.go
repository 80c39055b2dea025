package python

import (
	"slices"
	"strconv"
	"testing"

	"trit/eval/internal/evaltest"
)

// The vectors are CPython's.
func TestRandomIsCPythons(t *testing.T) {
	r := NewRandom(1234)
	for i, want := range []uint32{4150886329, 3342196574, 1892932127, 501869158, 32175636} {
		if got := r.uint32(); got != want {
			t.Fatalf("number %d is %d, want %d", i, got, want)
		}
	}
	r = NewRandom(1234)
	for _, want := range [][]int{{6374, 3610, 957, 61, 742}, {7462, 6610, 4769, 286, 5501}, {5677, 687, 806, 6279, 2905}} {
		if got := r.Sample(7473, 5); !slices.Equal(got, want) {
			t.Fatalf("sample is %v, want %v", got, want)
		}
	}
	r = NewRandom(1234)
	for _, want := range [][]int{{7, 1, 0, 9, 4}, {0, 1, 8, 6, 2}} {
		if got := r.Sample(10, 5); !slices.Equal(got, want) {
			t.Fatalf("sample is %v, want %v", got, want)
		}
	}
}

func TestTextIsPythons(t *testing.T) {
	v := evaltest.ReadVectors(t, "../../testdata/python.json")
	for _, c := range v.Floats {
		f, err := strconv.ParseFloat(c.In, 64)
		if got := Float(f); err != nil || got != c.Out {
			t.Errorf("%s is %s, want %s", c.In, got, c.Out)
		}
	}
	for _, c := range v.Caps {
		if Capitalize(c.In) != c.Capital || Lower(c.In) != c.Lower {
			t.Errorf("%q: %q and %q, want %q and %q", c.In, Capitalize(c.In), Lower(c.In), c.Capital, c.Lower)
		}
	}
	for _, c := range v.Wiki {
		if got := CountWords(c.In); got != c.Words {
			t.Errorf("%q has %d words, want %d", c.In, got, c.Words)
		}
	}
}

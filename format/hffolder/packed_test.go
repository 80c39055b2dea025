package hffolder

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPackRows compares the packing of folders with its definition, byte by byte.
func TestPackRows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 4))
	for k := 1; k < 70; k++ {
		var rows [4][]byte
		want := make([]byte, k)
		for part := range rows {
			rows[part] = make([]byte, k)
			for i := range k {
				c := byte(r.IntN(3))
				rows[part][i] = c
				want[i] |= c << (2 * part)
			}
		}
		got := make([]byte, k)
		if PackRows(got, &rows); !bytes.Equal(got, want) {
			t.Fatalf("%d columns: got %x, want %x", k, got, want)
		}
		back := make([]byte, k)
		for part := range rows {
			if bad := UnpackRow(back, got, part); bad || !bytes.Equal(back, rows[part]) {
				t.Fatalf("%d columns, part %d: got %v, want %v", k, part, back, rows[part])
			}
			at := r.IntN(k)
			three := slices.Clone(got)
			three[at] |= 3 << (2 * part)
			for other := range rows {
				if bad := UnpackRow(back, three, other); bad != (other == part) {
					t.Fatalf("%d columns: a code 3 in part %d at %d, in part %d: %v", k, part, at, other, bad)
				}
			}
		}
	}
}

// TestPublishedPacking has the published vector of packed folders: 8 rows of 2,
// q[r][c] = (2r+c)%3 - 1.
func TestPublishedPacking(t *testing.T) {
	want := [][]byte{{36, 73}, {146, 36}}
	for p := range 2 {
		var rows [4][]byte
		for part := range rows {
			row := p + 2*part
			rows[part] = []byte{byte((2 * row) % 3), byte((2*row + 1) % 3)}
		}
		got := make([]byte, 2)
		if PackRows(got, &rows); !bytes.Equal(got, want[p]) {
			t.Errorf("row %d: %v, want %v", p, got, want[p])
		}
	}
}

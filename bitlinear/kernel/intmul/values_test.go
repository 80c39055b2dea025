package intmul

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

// Values gives what PackMasters packed, from any column on, to any length.
func TestValues(t *testing.T) {
	const n, k = 37, 75
	r := rand.New(rand.NewPCG(3, 1))
	masters := make([]float32, n*k)
	for i := range masters {
		masters[i] = float32(r.NormFloat64())
	}
	w := NewTernary(n, k)
	w.PackMasters(parallel.New(2), masters, quant.ToNearest(0.9))
	for row := range n {
		for col := 0; col < k; col += 4 {
			for _, length := range []int{1, 3, 15, 16, 17, 33, k - col} {
				got := make([]float32, min(length, k-col))
				w.Values(got, row, col)
				for i, v := range got {
					if want := float32(quant.Ternary(masters[row*k+col+i], 0.9)); v != want {
						t.Fatalf("row %d, column %d is %g, want %g", row, col+i, v, want)
					}
				}
			}
		}
	}
}

// BF16Pairs gives the values of Values, for any number of pairs from any even row on, in plain Go too.
func TestBF16Pairs(t *testing.T) {
	const n, k = 38, 75
	w := RandomTernary(nil, Bits2, n, k, 9)
	defer func(on implementation) { chosen = on }(chosen)
	for _, chosen = range implementations() {
		for row := 0; row < n; row += 2 {
			for col := 0; col+groupCols <= k; col += groupCols {
				for pairs := 1; row+2*pairs <= n; pairs += 3 {
					checkPairs(t, w, pairs, row, col)
				}
			}
		}
	}
}

func checkPairs(t *testing.T, w *Ternary, pairs, row, col int) {
	t.Helper()
	got := slices.Repeat([]byte{0xaa}, pairs*pairBytes+1)
	w.BF16Pairs(got, pairs, row, col)
	for i := range pairs * 2 * groupCols {
		at, column, want := row+i/(2*groupCols)*2+i%2, i/2%groupCols, [groupCols]float32{}
		w.Values(want[:], at, col)
		if v := math.Float32frombits(uint32(binary.LittleEndian.Uint16(got[2*i:])) << 16); v != want[column] {
			t.Fatalf("%s: row %d, column %d is %g, want %g", chosen.name, at, col+column, v, want[column])
		}
	}
	if got[pairs*pairBytes] != 0xaa {
		t.Fatalf("%s: %d pairs from row %d on: wrote outside", chosen.name, pairs, row)
	}
}

// Int8Quads gives the values of Values, in plain Go too.
func TestInt8Quads(t *testing.T) {
	const n, k, distance = 38, 75, 300
	w := RandomTernary(nil, Bits2, n, k, 9)
	defer func(on implementation) { chosen = on }(chosen)
	for _, chosen = range implementations() {
		for row := 0; row < n; row += blockRows {
			for group := range k / groupCols {
				groups := k/groupCols - group
				got := slices.Repeat([]byte{0xaa}, groups*distance)
				w.Int8Quads(got, distance, row, group*groupCols, groups)
				checkQuads(t, w, got, distance, row, group*groupCols)
			}
		}
	}
}

func checkQuads(t *testing.T, w *Ternary, got []byte, distance, row, col int) {
	t.Helper()
	for i, v := range got {
		at, r, j := i%distance, i%distance/lineBytes*4+i%4, i/distance*groupCols+i%distance%lineBytes/4
		if at >= blockRows*groupCols {
			if v != 0xaa {
				t.Fatalf("%s: byte %d of row %d, column %d was written", chosen.name, i, row, col)
			}
			continue
		}
		var want [1]float32
		if row+r < w.N {
			if w.Values(want[:], row+r, col+j); float32(int8(v)) != want[0] {
				t.Fatalf("%s: row %d, column %d is %d, want %g", chosen.name, row+r, col+j, int8(v), want[0])
			}
		}
	}
}

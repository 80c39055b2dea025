package intmul

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/quant"
)

// fillTernary makes weights and activations: random, or the extremes that add up to the
// largest sums.
func fillTernary(r *rand.Rand, q, x []int8, extreme bool) {
	for i := range q {
		q[i] = int8(r.IntN(3) - 1)
		if extreme {
			q[i] = 1
		}
	}
	for i := range x {
		x[i] = int8(r.IntN(256) - 128)
		if extreme {
			x[i] = 127
		}
	}
}

// TestTernaryTiles compares every implementation with the definition, around powers of
// two, for each number of tokens up to past the largest tile, with guards at both ends.
func TestTernaryTiles(t *testing.T) {
	const guard = 17
	everyTernary(func(name string, format Format, on *implementation) {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 1))
			for _, k := range []int{1, 3, 4, 15, 16, 17, 63, 64, 65, 127, 128, 129, 1023, 1025} {
				for _, n := range []int{1, 15, 16, 17, 33, 80} {
					for m := range 36 {
						m++
						q, x := make([]int8, n*k), make([]int8, m*k)
						fillTernary(r, q, x, m%7 == 0)
						w, err := PackTernary(nil, format, n, k, q)
						if err != nil {
							t.Fatal(err)
						}
						all := make([]int32, guard+m*n+guard)
						for i := range all {
							all[i] = 1 << 30
						}
						dst := all[guard:][:m*n]
						multiply(nil, w.product(on, func(s sums) { s.copyTo(dst, n) }), x, m)
						for i, v := range all {
							want := int32(1 << 30)
							if j := i - guard; j >= 0 && j < m*n {
								want = quant.Dot(x[j/n*k:][:k], q[j%n*k:][:k])
							}
							if v != want {
								t.Fatalf("n %d k %d m %d: value %d is %d, want %d", n, k, m, i-guard, v, want)
							}
						}
					}
				}
			}
		})
	})
}

// everyTernary calls body with each implementation and each format.
func everyTernary(body func(name string, format Format, on *implementation)) {
	for _, on := range implementations() {
		for _, format := range []Format{Bits2, Bits1_6} {
			body(fmt.Sprintf("%s/%v", on.name, format), format, &on)
		}
	}
}

// everyImplementation runs a test with each implementation.
func everyImplementation(t *testing.T, test func(t *testing.T)) {
	defer func(i implementation) { chosen = i }(chosen)
	for _, chosen = range implementations() {
		t.Run(chosen.name, test)
	}
}

// TestLongestRowDoesNotOverflow has all weights +1 and all activations 127 and -128.
func TestLongestRowDoesNotOverflow(t *testing.T) {
	const k = 32768
	everyTernary(func(name string, format Format, on *implementation) {
		for i, v := range []int8{127, -128, 127, -128} {
			tokens := 1 + i/2*31
			q, x := make([]int8, 64*k), make([]int8, tokens*k)
			for i := range q {
				q[i] = 1
			}
			for i := range x {
				x[i] = v
			}
			w, _ := PackTernary(nil, format, 64, k, q)
			multiply(nil, w.product(on, func(s sums) {
				values, want := s.values[:s.tokens*s.stride], k*int32(v)
				if slices.Min(values) != want || slices.Max(values) != want {
					t.Errorf("%s: %v, want %d", name, values, want)
				}
			}), x, tokens)
		}
	})
}

func TestInt8Tiles(t *testing.T) {
	for _, on := range implementations() {
		r := rand.New(rand.NewPCG(2, 2))
		for _, k := range []int{1, 5, 16, 31, 128, 2560} {
			for _, n := range []int{1, 16, 21} {
				for _, m := range []int{1, 2, 3, 7, 25, 50} {
					rows := make([][]float32, n)
					for i := range rows {
						rows[i] = make([]float32, k)
						rows[i][r.IntN(k)] = 127 // so the scale is 1, and values stay as they are
						for j := range rows[i] {
							if rows[i][j] == 0 {
								rows[i][j] = float32(r.IntN(255) - 127)
							}
						}
					}
					x := make([]int8, m*k)
					fillTernary(r, nil, x, m == 7)
					w, err := NewInt8(nil, n, k, func(dst []float32, i int) { copy(dst, rows[i]) })
					if err != nil {
						t.Fatal(err)
					}
					dst := make([]int32, m*n)
					multiply(nil, w.product(&on, func(s sums) { s.copyTo(dst, n) }), x, m)
					for i, got := range dst {
						want := int32(0)
						for j, v := range rows[i%n] {
							want += int32(v) * int32(x[i/n*k+j])
						}
						if got != want {
							t.Fatalf("%s: n %d k %d m %d: value %d is %d, want %d", on.name, n, k, m, i, got, want)
						}
					}
				}
			}
		}
	}
}

func FuzzTernaryTiles(f *testing.F) {
	f.Add(uint64(1), 16, 16, 1)
	f.Add(uint64(2), 33, 129, 25)
	f.Fuzz(func(t *testing.T, seed uint64, n, k, m int) {
		n, k, m = 1+(n&0xff)%80, 1+(k&0xfff)%700, 1+(m&0xff)%60
		r := rand.New(rand.NewPCG(seed, 0))
		q, x := make([]int8, n*k), make([]int8, m*k)
		fillTernary(r, q, x, false)
		w, _ := PackTernary(nil, Bits2, n, k, q)
		want := make([]int32, m*n)
		w.tiled(want, x, m, &generic)
		everyTernary(func(name string, format Format, on *implementation) {
			w, _ := PackTernary(nil, format, n, k, q)
			got := make([]int32, m*n)
			w.tiled(got, x, m, on)
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("%s: n %d k %d m %d: value %d is %d, generic has %d", name, n, k, m, i, got[i], want[i])
				}
			}
		})
	})
}

func (w *Ternary) tiled(dst []int32, x []int8, m int, on *implementation) {
	multiply(nil, w.product(on, func(s sums) { s.copyTo(dst, w.N) }), x, m)
}

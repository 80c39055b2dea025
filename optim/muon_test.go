package optim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/gemm"
	"trit/internal/parallel"
)

// orthonormal are k rows of n values that are orthogonal to each other and of length 1.
func orthonormal(r *rand.Rand, k, n int) [][]float64 {
	rows := make([][]float64, k)
	for i := range rows {
		rows[i] = make([]float64, n)
		for j := range rows[i] {
			rows[i][j] = r.NormFloat64()
		}
		for range 2 { // once more, for what rounding left
			for _, before := range rows[:i] {
				dot := 0.0
				for j, v := range before {
					dot += v * rows[i][j]
				}
				for j, v := range before {
					rows[i][j] -= dot * v
				}
			}
		}
		length := 0.0
		for _, v := range rows[i] {
			length += v * v
		}
		for j := range rows[i] {
			rows[i][j] /= math.Sqrt(length)
		}
	}
	return rows
}

// fromSingular is the matrix [rows,cols] of singular values, times f of them.
func fromSingular(u, v [][]float64, rows, cols int, singular []float64, f func(s float64) float64) []float32 {
	out := make([]float32, rows*cols)
	values := make([]float64, len(singular))
	for k, s := range singular {
		values[k] = f(s)
	}
	for i := range rows {
		for j := range cols {
			sum := 0.0
			for k, s := range values {
				sum += u[k][i] * s * v[k][j]
			}
			out[i*cols+j] = float32(sum)
		}
	}
	return out
}

// A matrix whose singular values are known keeps its singular vectors, and each value goes through the
// polynomial by itself.
func TestOrthogonalize(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, shape := range [][2]int{{24, 40}, {40, 24}, {33, 33}, {1, 7}, {7, 1}, {96, 300}, {300, 288}} {
		rows, cols := shape[0], shape[1]
		short := min(rows, cols)
		u, v, singular, norm := orthonormal(r, short, rows), orthonormal(r, short, cols), make([]float64, short), 0.0
		for i := range singular {
			singular[i] = 0.05 + r.Float64()
			norm += math.Pow(singular[i], 4)
		}
		x := fromSingular(u, v, rows, cols, singular, func(s float64) float64 { return 12 * s }) // the length must not matter
		want := fromSingular(u, v, rows, cols, singular, func(s float64) float64 {
			s /= math.Pow(norm, 0.25)
			for range 3 {
				s = 3.4445*s - 4.7750*math.Pow(s, 3) + 2.0315*math.Pow(s, 5)
			}
			return s
		})
		for _, bf16 := range []bool{false, true} {
			if bf16 && !gemm.HasBF16() {
				continue
			}
			for _, threads := range []int{1, 3} {
				got := slices.Clone(x)
				NewMuon(parallel.New(threads)).Orthogonalize([]Matrix{{got, rows, cols}}, bf16)
				most := map[bool]float64{false: 5e-6, true: 0.04}[bf16]
				if e := distanceOf(got, want); e > most {
					t.Errorf("%v, bf16 %v, %d threads: off by %.3g of the length, want at most %g", shape, bf16, threads, e, most)
				}
			}
		}
	}
}

// Of singular values over many orders of magnitude, as momenta have them, none that rounding drowns grows beyond the
// others, and the large ones are not spoiled by the small ones, which are multiplied by much more.
func TestOrthogonalizeStaysBounded(t *testing.T) {
	const n = 96
	r := rand.New(rand.NewPCG(9, 9))
	u, v, singular := orthonormal(r, n, n), orthonormal(r, n, n), make([]float64, n)
	for i := range singular {
		singular[i] = math.Pow(0.85, float64(i)) // down to 2e-7
	}
	fresh := fromSingular(u, v, n, n, singular, func(s float64) float64 { return s })
	for _, bf16 := range []bool{false, gemm.HasBF16()} {
		x := slices.Clone(fresh)
		NewMuon(parallel.New(1)).Orthogonalize([]Matrix{{x, n, n}}, bf16)
		for i, s := range singular {
			sum := 0.0
			for k := range n {
				dot := 0.0
				for j := range n {
					dot += float64(x[k*n+j]) * v[i][j]
				}
				sum += dot * dot
			}
			if length := math.Sqrt(sum); length > 1.25 || s > 0.02 && length < 0.6 {
				t.Errorf("bf16 %v: the direction of singular value %.2g has length %.3f", bf16, s, length)
			}
		}
	}
}

// distanceOf is the length of a-b over that of b.
func distanceOf(a, b []float32) float64 {
	sum, all := 0.0, 0.0
	for i := range b {
		sum += math.Pow(float64(a[i])-float64(b[i]), 2)
		all += math.Pow(float64(b[i]), 2)
	}
	return math.Sqrt(sum / all)
}

// Neither the number of threads nor the company of other matrices changes a bit.
func TestOrthogonalizeHasTheSameBits(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var fresh, want []Matrix
	for _, shape := range [][2]int{{120, 70}, {33, 64}, {64, 33}, {1, 1}, {70, 120}, {16, 16}} {
		x := make([]float32, shape[0]*shape[1])
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		alone := Matrix{slices.Clone(x), shape[0], shape[1]}
		NewMuon(parallel.New(1)).Orthogonalize([]Matrix{alone}, gemm.HasBF16())
		fresh, want = append(fresh, Matrix{x, shape[0], shape[1]}), append(want, alone)
	}
	for _, threads := range []int{1, 2, 5} {
		for _, count := range []int{1, 2, len(want)} {
			got := slices.Clone(fresh[:count])
			for i := range got {
				got[i].X = slices.Clone(got[i].X)
			}
			NewMuon(parallel.New(threads)).Orthogonalize(got, gemm.HasBF16())
			for i := range got {
				if !slices.Equal(got[i].X, want[i].X) {
					t.Errorf("%d threads, %d matrices: the bits of matrix %d are others", threads, count, i)
				}
			}
		}
	}
}

func TestOrthogonalizeLeavesZeros(t *testing.T) {
	x := make([]float32, 12)
	NewMuon(parallel.New(1)).Orthogonalize([]Matrix{{x, 3, 4}}, false)
	if !slices.Equal(x, make([]float32, 12)) {
		t.Errorf("got %v", x)
	}
}

// Momentum, look-ahead, decay and the scale of a step, in float64; the order of the parts does not
// matter.
func TestMuonSteps(t *testing.T) {
	const rows, cols, momentum, rate, decay, scale = 6, 10, 0.95, 0.02, 0.3, 0.5
	r, n := rand.New(rand.NewPCG(7, 8)), rows*cols
	a, err := NewAdamW(0.9, 0.95, 1e-8, MomentsBF16, []Param{{Name: "w", Value: make([]float32, n), Muon: true}})
	if err != nil {
		t.Fatal(err)
	}
	p, muon := &a.Params[0], NewMuon(parallel.New(1))
	if p.V != nil || p.MBF16 != nil || len(p.M) != n {
		t.Fatal("a parameter of Muon has other state than one momentum in float32")
	}
	value, m := make([]float64, n), make([]float64, n)
	for i := range value {
		value[i] = r.NormFloat64()
		p.Value[i] = float32(value[i])
	}
	for range 4 {
		grad, ahead := make([]float32, n), make([]float32, n)
		for i := range grad {
			grad[i] = float32(r.NormFloat64())
			m[i] = momentum*m[i] + (1-momentum)*scale*float64(grad[i])
			ahead[i] = float32((1-momentum)*scale*float64(grad[i]) + momentum*m[i])
		}
		for _, part := range [][2]int{{17, n}, {0, 17}} {
			p.Nesterov(part[0], part[1], grad, scale, momentum)
		}
		if e := distanceOf(grad, ahead); e > 1e-6 {
			t.Fatalf("what is to be orthogonal is off by %g", e)
		}
		muon.Orthogonalize([]Matrix{{grad, rows, cols}}, false)
		for i, v := range grad {
			value[i] = value[i]*(1-rate*decay) - rate*0.2*math.Sqrt(10)*float64(v)
		}
		for _, part := range [][2]int{{0, 17}, {17, n}} {
			p.Descend(part[0], part[1], grad, rows, cols, rate, decay)
		}
		want := make([]float32, n)
		for i, v := range value {
			want[i] = float32(v)
		}
		if e := distanceOf(p.Value, want); e > 1e-6 {
			t.Fatalf("the weights are off by %g", e)
		}
	}
}

func TestMuonFLOPs(t *testing.T) {
	// XX^T of [2,3] is 12 multiplications, and so is the last product. Three times GG, twice PQ and four times a product by P
	// are 8. Symmetric ones are halved, and a multiplication has two operations.
	if got := MuonFLOPs(2, 3); got != 12+9*8+2*12 || got != MuonFLOPs(3, 2) {
		t.Errorf("got %d", got)
	}
}

// BenchmarkOrthogonalize takes the matrices of layers: four of trit-3m's alone and together, and one of 1B's.
func BenchmarkOrthogonalize(b *testing.B) {
	small := [][2]int{{256, 256}, {128, 256}, {256, 768}, {768, 256}}
	for name, shapes := range map[string][][2]int{"256x256": small[:1], "four": small, "1024x4096": {{1024, 4096}}} {
		for _, bf16 := range []bool{false, gemm.HasBF16()} {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("%s/bf16=%v/%d", name, bf16, threads), func(b *testing.B) {
					var xs []Matrix
					flops, r, m := 0, rand.New(rand.NewPCG(1, 1)), NewMuon(parallel.New(threads))
					for _, s := range shapes {
						x := Matrix{make([]float32, s[0]*s[1]), s[0], s[1]}
						for i := range x.X {
							x.X[i] = float32(r.NormFloat64())
						}
						xs, flops = append(xs, x), flops+MuonFLOPs(s[0], s[1])
					}
					for b.Loop() {
						m.Orthogonalize(xs, bf16)
					}
					b.ReportMetric(float64(flops)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
		}
	}
}

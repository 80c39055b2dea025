package causal

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/internal/float16"
)

// heads are one head of keys and values and some of queries that share it, in columns of wider rows. All values are
// those of bfloat16.
type heads struct {
	length, dim, group, width int
	scale                     float32
	starts                    []int32
	qkv, out, grad            []float32 // [T,width]
	lse                       [][]float32
}

// column is a view of head i of the rows x; the keys and values follow the queries.
func (s *heads) column(x []float32, i int) Rows { return Rows{x[i*(s.dim+1):], s.width} }

func newHeads(r *rand.Rand, length, dim, group int, documents []int32) *heads {
	s := &heads{length: length, dim: dim, group: group, width: (group+2)*(dim+1) + 3, scale: float32(1 / math.Sqrt(float64(dim)))}
	s.starts = make([]int32, length)
	for _, start := range documents {
		for i := int(start); i < length; i++ {
			s.starts[i] = start
		}
	}
	values := func() []float32 {
		x := slices.Repeat([]float32{kerneltest.Guard}, length*s.width)
		for t := range length {
			for i := range group + 2 {
				for d, v := range kerneltest.Normal(r, dim) {
					s.column(x, i).from(t).X[d] = float16.BFromBits(float16.BBits(v))
				}
			}
		}
		return x
	}
	s.qkv, s.out, s.grad = values(), values(), values()
	for range group {
		s.lse = append(s.lse, make([]float32, length))
	}
	return s
}

// run returns what Attend writes and what Gradient makes of the queries, keys and values.
func (s *heads) run(h *Head) (out, grads []float32) {
	out, grads = slices.Clone(s.out), slices.Clone(s.qkv)
	k, v := s.column(s.qkv, s.group), s.column(s.qkv, s.group+1)
	h.Load(k, v)
	for i := range s.group {
		h.Attend(s.column(s.qkv, i), s.column(out, i), s.lse[i], s.starts)
	}
	h.LoadBackward(k, v)
	for i := range s.group {
		h.Gradient(s.column(grads, i), s.column(out, i), s.column(s.grad, i), s.lse[i], s.starts)
	}
	h.StoreGradients(s.column(grads, s.group), s.column(grads, s.group+1))
	return out, grads
}

// formula is run in float64, with the logarithms of sums over scale.
func (s *heads) formula() (out, grads []float64, lse [][]float64) {
	out, grads = make([]float64, len(s.qkv)), make([]float64, len(s.qkv))
	at := func(x []float32, i, t, d int) float64 { return float64(s.column(x, i).from(t).X[d]) }
	add := func(x []float64, i, t, d int, v float64) { x[i*(s.dim+1)+t*s.width+d] += v }
	dot := func(x []float32, i, t int, y []float32, j, u int) (sum float64) {
		for d := range s.dim {
			sum += at(x, i, t, d) * at(y, j, u, d)
		}
		return sum
	}
	key, value := s.group, s.group+1
	lse = make([][]float64, s.group)
	for i := range s.group {
		for t := range s.length {
			var weights, dWeights []float64
			total, mean := 0.0, 0.0
			for u := int(s.starts[t]); u <= t; u++ {
				weights = append(weights, math.Exp(float64(s.scale)*dot(s.qkv, i, t, s.qkv, key, u)))
				dWeights = append(dWeights, dot(s.grad, i, t, s.qkv, value, u))
				total += weights[len(weights)-1]
			}
			lse[i] = append(lse[i], math.Log(total)/float64(s.scale))
			for j := range weights {
				weights[j] /= total
				mean += weights[j] * dWeights[j]
			}
			for j, p := range weights {
				u, ds := int(s.starts[t])+j, p*(dWeights[j]-mean)*float64(s.scale)
				for d := range s.dim {
					add(out, i, t, d, p*at(s.qkv, value, u, d))
					add(grads, i, t, d, ds*at(s.qkv, key, u, d))
					add(grads, key, u, d, ds*at(s.qkv, i, t, d))
					add(grads, value, u, d, p*at(s.grad, i, t, d))
				}
			}
		}
	}
	return out, grads, lse
}

// difference is the error of head i, relative to its values or to 0.1, and reports whether the columns beside it are as they were.
func (s *heads) difference(got []float32, want []float64, i int) (e float64, intact bool) {
	var diff, norm float64
	intact = true
	for t := range s.length {
		row := s.column(got, i).from(t).X
		for d := range s.dim {
			v := want[i*(s.dim+1)+t*s.width+d]
			diff, norm = diff+(float64(row[d])-v)*(float64(row[d])-v), norm+v*v
		}
		intact = intact && row[s.dim] == kerneltest.Guard
	}
	return math.Sqrt(diff / (norm + 0.01*float64(s.length*s.dim))), intact // sums of few keys cancel
}

func needBF16(t testing.TB) {
	if !Has() {
		t.Skip("this machine has no bfloat16 or no AVX-512")
	}
}

// Weights and their gradients are rounded to bfloat16, by up to 2^-9 of each: 0.2 % or less of the result.
func TestHeadIsTheFormula(t *testing.T) {
	needBF16(t)
	r := rand.New(rand.NewPCG(3, 3))
	for _, length := range []int{1, 2, 31, 32, 33, 64, 70, 450} { // the last has several groups
		dims := []int{6, 16, 32, 48, 64, 80, 128}
		if length > 100 {
			dims = []int{32, 80} // the formula takes long
		}
		for _, dim := range dims {
			for _, documents := range [][]int32{nil, {5}, {1, 33, 34, 64, 200}} {
				s := newHeads(r, length, dim, 2, documents)
				name := fmt.Sprintf("length %d, dim %d, documents %v", length, dim, documents)
				h := New(length, dim, s.scale, true)
				out, grads := s.run(h)
				wantOut, wantGrads, lse := s.formula()
				for i := range lse {
					for q, want := range lse[i] {
						if got := float64(s.lse[i][q]); !(math.Abs(got-want) < 2e-5/float64(s.scale)+1e-6*math.Abs(want)) {
							t.Fatalf("%s: the logarithm of query %d of head %d is %g, want %g", name, q, i, got, want)
						}
					}
				}
				check := func(what string, got []float32, want []float64, heads int) {
					for i := range heads {
						if e, intact := s.difference(got, want, i); !(e < 5e-3) || !intact {
							t.Errorf("%s: %s of head %d: error %.2g, columns beside it intact: %v", name, what, i, e, intact)
						}
					}
				}
				check("out", out, wantOut, s.group)
				check("gradient", grads, wantGrads, s.group+2)
				again, gradsAgain := s.run(h)
				if !slices.Equal(out, again) || !slices.Equal(grads, gradsAgain) {
					t.Errorf("%s: a second run has other bits", name)
				}
			}
		}
	}
}

// What a query does not see changes no bit of its results.
func TestHiddenKeysHaveNoWeight(t *testing.T) {
	needBF16(t)
	const length, dim, seam = 150, 32, 70
	s := newHeads(rand.New(rand.NewPCG(4, 4)), length, dim, 1, []int32{seam})
	out, grads := s.run(New(length, dim, s.scale, true))
	for i := range 3 {
		for u := range seam {
			row := s.column(s.qkv, i).from(u).X[:dim]
			for d := range row {
				row[d] *= 100
			}
		}
	}
	otherOut, otherGrads := s.run(New(length, dim, s.scale, true))
	if !slices.Equal(out[seam*s.width:], otherOut[seam*s.width:]) || !slices.Equal(grads[seam*s.width:], otherGrads[seam*s.width:]) {
		t.Error("the first document shows in the second")
	}
	if slices.Equal(out, otherOut) {
		t.Error("nothing shows in the first")
	}
}

// BenchmarkHead is one head of models of 5.8M and 110M parameters, and a longer one.
func BenchmarkHead(b *testing.B) {
	needBF16(b)
	r := rand.New(rand.NewPCG(5, 5))
	for _, shape := range [][2]int{{256, 32}, {512, 64}, {2048, 128}} {
		length, dim := shape[0], shape[1]
		s := newHeads(r, length, dim, 1, nil)
		h := New(length, dim, s.scale, true)
		q, k, v, out, grad := s.column(s.qkv, 0), s.column(s.qkv, 1), s.column(s.qkv, 2), s.column(s.out, 0), s.column(s.grad, 0)
		blocks := float64(h.panels*(h.panels+1)) / 2
		b.Run(fmt.Sprintf("forward/%dx%d", length, dim), func(b *testing.B) {
			for b.Loop() {
				h.Load(k, v)
				h.Attend(q, out, s.lse[0], s.starts)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/blocks, "ns/block")
		})
		b.Run(fmt.Sprintf("backward/%dx%d", length, dim), func(b *testing.B) {
			for b.Loop() {
				h.LoadBackward(k, v)
				h.Gradient(q, out, grad, s.lse[0], s.starts)
				h.StoreGradients(k, v)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/blocks, "ns/block")
		})
	}
}

package infer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"trit/format/gguf"
	"trit/infer/sampling"
	"trit/lm"
)

// normalDense is a matrix of normal weights.
func normalDense(t testing.TB, r *rand.Rand, typ gguf.Type, n, k int) *denseMatrix {
	t.Helper()
	values := make([]float32, n*k)
	for i := range values {
		values[i] = float32(r.NormFloat64() * 0.02)
	}
	size, err := typ.Size([]uint64{uint64(k), uint64(n)})
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, size)
	if err := gguf.Quantize(typ, data, values); err != nil {
		t.Fatal(err)
	}
	return newDense(typ, data, n, k)
}

// TestDenseProducts compares with the definition, and tokens together to the bit with each
// alone and with single products.
func TestDenseProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 1))
	for _, typ := range []gguf.Type{gguf.F32, gguf.F16, gguf.BF16, gguf.Q8_0, gguf.Q4_0, gguf.Q6_K} {
		for _, k := range []int{70, 256, 512} {
			if _, err := typ.Size([]uint64{uint64(k)}); err != nil {
				continue
			}
			const n = 37
			d := normalDense(t, r, typ, n, k)
			row, want := make([]float32, k), make([]float32, k)
			for i := range n {
				d.row(row, i)
				if err := gguf.Dequantize(typ, want, d.data[i*d.bytes:][:d.bytes]); err != nil || !slices.Equal(row, want) {
					t.Fatalf("%s: row %d is not what the format says (%v)", typ, i, err)
				}
			}
			for _, m := range []int{1, 2, 5, 64} {
				x := activationsLike(r, m*k, 1, true)
				y, one := make([]float32, m*n), make([]float32, n)
				d.mul(nil, y, fromRows(x, k), m)
				for token := range m {
					in := x[token*k:][:k]
					d.mul(nil, one, fromRows(in, k), 1)
					for i, got := range y[token*n:][:n] {
						if got != one[i] || got != d.dot(row, i, in) {
							t.Fatalf("%s, k %d: logit %d of token %d of %d is %g, alone %g, a single product %g",
								typ, k, i, token, m, got, one[i], d.dot(row, i, in))
						}
						d.row(row, i)
						if sum, size := product(row, in); math.Abs(sum-float64(got)) > 1e-6*size {
							t.Fatalf("%s, k %d: logit %d of token %d of %d is %g, want %g", typ, k, i, token, m, got, sum)
						}
					}
				}
			}
		}
	}
}

// product is w.x and the sum of the sizes of its terms.
func product(w, x []float32) (sum, size float64) {
	for i, v := range x {
		sum += float64(w[i]) * float64(v)
		size += math.Abs(float64(w[i]) * float64(v))
	}
	return sum, size
}

// TestBoundedQ6K chooses as the head of the file does, when that is Q6_K.
func TestBoundedQ6K(t *testing.T) {
	r := rand.New(rand.NewPCG(22, 1))
	const n, k = 2000, 256
	h, err := newBounded(nil, normalDense(t, r, gguf.Q6_K, n, k))
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		x, logits := activationsLike(r, k, 1, true), make([]float32, n)
		h.mul(nil, logits, fromRows(x, k), 1)
		got, ok := sampling.New(lm.Sampling{}).SampleFrom(&h.logits(nil, nil, x, 1)[0], nil)
		if want := sampling.New(lm.Sampling{}).Sample(logits, nil); ok && got != want {
			t.Fatalf("token %d, the full head gives %d", got, want)
		}
	}
}

func BenchmarkDenseHead(b *testing.B) {
	const n, k = 32064, 2560
	for _, typ := range []gguf.Type{gguf.F16, gguf.Q6_K} {
		d := normalDense(b, rand.New(rand.NewPCG(23, 1)), typ, n, k)
		for _, m := range []int{1, 4, 64} {
			b.Run(fmt.Sprintf("%s/2560x%dx%d", typ, n, m), func(b *testing.B) {
				x, y := make([]float32, m*k), make([]float32, m*n)
				for b.Loop() {
					d.mul(nil, y, fromRows(x, k), m)
				}
				s := b.Elapsed().Seconds() / float64(b.N)
				b.ReportMetric(float64(len(d.data))/s/1e9, "GB/s")
				b.ReportMetric(float64(m)/s, "tokens/s")
			})
		}
	}
}

package gemm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/internal/parallel"
)

func BenchmarkMul(b *testing.B) {
	for _, s := range []struct{ m, n, k int }{{2048, 256, 256}, {2048, 768, 256}, {256, 768, 2048}, {1024, 4096, 256}} {
		b.Run(fmt.Sprintf("%dx%dx%d", s.m, s.n, s.k), func(b *testing.B) {
			x, w, y := make([]float32, s.m*s.k), make([]float32, s.n*s.k), make([]float32, s.m*s.n)
			for b.Loop() {
				Mul(nil, false, true, s.m, s.n, s.k, x, w, y, false)
			}
			b.ReportMetric(2*float64(s.m*s.n*s.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
	}
}

// BenchmarkProduct times products of a backward pass: over 2048 tokens for layers of a small model
// (the first two) and of a model of 110M parameters, and over 512 tokens for the head of the latter.
func BenchmarkProduct(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, s := range []struct {
		name    string
		transA  bool
		m, n, k int
		form    int // of rightForms
	}{
		{"dX", false, 2048, 256, 1536, 2},
		{"dW", true, 1536, 256, 2048, 1},
		{"dX", false, 2048, 768, 4096, 2},
		{"dW", true, 4096, 768, 2048, 1},
		{"head dX", false, 512, 768, 4096, 0},
		{"head dW", true, 4096, 768, 512, 0},
	} {
		rows, _ := makeRows(r, s.k, s.n, s.form)
		p := Product{
			M: s.m, N: s.n, K: s.k, A: kerneltest.Spread(r, s.m*s.k), LDA: s.k, TransA: s.transA, B: []Rows{rows},
			C: [][]float32{make([]float32, s.m*s.n)}, RowFactor: kerneltest.Spread(r, s.m), Accumulate: s.transA,
		}
		if s.transA {
			p.LDA = s.m
		}
		for _, engine := range productEngines(&p) {
			name := fmt.Sprintf("%s/%s/%dx%dx%d", engine.name, s.name, s.m, s.n, s.k)
			b.Run(fmt.Sprintf("%s/threads%d", name, (*parallel.Pool)(nil).Threads()), func(b *testing.B) {
				for b.Loop() {
					engine.run()
				}
				perSecond := float64(b.N) / b.Elapsed().Seconds()
				b.ReportMetric(2*float64(s.m*s.n*s.k)*perSecond/1e9, "GFLOP/s")
			})
		}
	}
}

type productEngine struct {
	name string
	run  func()
}

func productEngines(p *Product) []productEngine {
	list := []productEngine{{"float32", func() { p.Float32(nil) }}}
	for _, e := range engines() {
		list = append(list, productEngine{e.name, func() {
			chosenBF16 = e
			p.BF16(nil)
		}})
	}
	return list
}

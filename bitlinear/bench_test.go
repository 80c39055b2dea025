package bitlinear

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/intgrad"
	"trit/bitlinear/kernel/memory"
)

// BenchmarkBackward times the backward pass of layers of models of 110M and, the last ones, 5.8M parameters, with
// gradients in the forms that this machine multiplies.
func BenchmarkBackward(b *testing.B) {
	for _, s := range []struct {
		name string
		m, k int
		rows []int
	}{
		{"qkv", 2048, 768, []int{768, 768, 768}}, {"o", 2048, 768, []int{768}}, {"gateUp", 2048, 768, []int{2048, 2048}},
		{"down", 2048, 2048, []int{768}}, {"qkv", 512, 768, []int{768, 768, 768}}, {"o", 512, 768, []int{768}},
		{"gateUp", 512, 768, []int{2048, 2048}}, {"down", 512, 2048, []int{768}},
		{"gateUp", 2048, 256, []int{768, 768}}, {"down", 2048, 768, []int{256}},
	} {
		for _, mode := range []Mode{{BF16: gemm.HasBF16()}, {Int8Gradients: true}} {
			form := "float32"
			switch {
			case mode.Int8Gradients:
				form = "int8-" + intgrad.Kernel()
			case mode.BF16:
				form = "bf16-" + gemm.KernelBF16()
			}
			mode.Ternary, mode.KeepCodes, mode.Lambda = true, true, 1
			l := NewLinear(&mode, &Scratch{}, s.m, s.k, s.rows...)
			b.Run(fmt.Sprintf("%s/%dx%dx%d/%s", s.name, s.m, l.n, s.k, form), func(b *testing.B) { benchBackward(b, l) })
		}
	}
}

func benchBackward(b *testing.B, l *Linear) {
	r := rand.New(rand.NewPCG(1, 1))
	numbers := func(n int) []float32 {
		v := memory.Make[float32](n)
		for i := range v {
			v[i] = r.Float32() - 0.5
		}
		return v
	}
	in, dx, dy := l.NewInput(), numbers(l.m*l.k), numbers(l.m*l.n)
	weights, grads := make([]Weight, len(l.rows)), make([]Grad, len(l.rows))
	for i, n := range l.rows {
		weights[i].Value, grads[i].Value = numbers(n*l.k), numbers(n*l.k)
	}
	for t := range l.m {
		l.SetInput(in, t, dx[t*l.k:][:l.k])
	}
	l.Forward(in, weights, numbers(l.m*l.n))
	for b.Loop() {
		l.Backward(in, weights, dy, dx, grads, false)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)*1e3, "ms")
	b.ReportMetric(4*float64(l.m*l.n*l.k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GOP/s")
}

package intmul

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"trit/bitlinear/kernel/kerneltest"
	"trit/bitlinear/quant"
)

// BenchmarkGrouped times products of matrices that no cache holds together.
func BenchmarkGrouped(b *testing.B) {
	defer func(i implementation) { chosen = i }(chosen)
	for _, chosen = range implementations() {
		for name, form := range map[string]GroupedForm{"Q2_0": {64, false}, "PQ2_0": {128, false}, "Q1_0": {128, true}} {
			list := benchGrouped(form, rowsFor(chosen.name), benchCols)
			for _, m := range []int{1, 2, 4, 8, 512} {
				b.Run(fmt.Sprintf("%s/%s/%d/threads%d", chosen.name, name, m, threads), func(b *testing.B) {
					timeGrouped(b, list, m)
				})
			}
		}
	}
}

// benchGrouped is as many matrices with random codes as no cache holds.
func benchGrouped(form GroupedForm, n, k int) (list []GroupedOutput) {
	codes := kerneltest.Int8(rand.New(rand.NewPCG(1, 2)), 2*k)
	for size := 0; size < benchBytes && (size == 0 || n == benchRows); size += list[0].W.Bytes() {
		w, err := PackGrouped(nil, form, n, k, GroupedRows{Row: func(dst Weights, i int) error {
			for j := range dst.Codes {
				dst.Codes[j] = byte(codes[i%k+j]) & 2
			}
			return nil
		}})
		if err != nil {
			panic(err)
		}
		list = append(list, GroupedOutput{W: w, Dst: make([]float32, 512*n)})
	}
	return list
}

func timeGrouped(b *testing.B, list []GroupedOutput, m int) {
	w := list[0].W
	x, factor := kerneltest.Int8(rand.New(rand.NewPCG(3, 3)), m*w.K), make([]float32, ceil(w.K, quant.ActivationGroup)*m)
	for i := 0; b.Loop(); i++ {
		MulGrouped(nil, x, factor, m, list[i%len(list)])
	}
	kerneltest.ReportProduct(b, 2*float64(w.N*w.K*m), instructionLimit(), w.Bytes())
}

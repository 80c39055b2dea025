package intgrad

import (
	"testing"

	"trit/bitlinear/kernel/memory"
)

// BenchmarkTiles times tiles whose right operand is in the first cache and whose left one is in the second.
func BenchmarkTiles(b *testing.B) {
	const panels = areaRows / tileRows
	left, right := memory.Make[int8](panels*chunk*panelStep), memory.Make[byte](2*chunk*blockStep)
	sums := make([]int32, panels*tileRows*tileCols)
	for _, i := range implementations() {
		for name, t := range map[string]tiles{"codes": i.codes, "activations": i.activations} {
			b.Run(i.name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					t.run(panels, chunk, &right[0], chunk*blockStep, &left[0], chunk*panelStep, &sums[0], 1, &right[0])
				}
				report(b, 2*panels*tileRows*tileCols*chunk*stepCols, "GOP/s")
			})
		}
	}
}

// BenchmarkPacking times what makes the operands, of 64 by 64 values in the first cache.
func BenchmarkPacking(b *testing.B) {
	const n = stepCols * stepCols
	x, bytes, out := memory.Make[float32](n), memory.Make[int8](n), memory.Make[int8](n)
	columns, quads := make([]uint32, n), memory.Make[byte](n)
	for _, i := range implementations() {
		for name, run := range map[string]func(){
			"maxima": func() { i.maxima(n, &x[0], 1, &columns[0]) },
			"rows":   func() { i.rows(stepCols, &out[0], stepCols, &x[0], 1, 2, 3, i.codes.bias) },
			"columns": func() {
				for j := 0; j < stepCols; j += blockCols {
					i.columns(&out[j*stepCols], &x[j], stepCols, &x[0], &x[0], 2, 3, i.activations.bias)
				}
			},
			"quads": func() { i.quads(stepCols/quad, &quads[0], blockStep, &bytes[0], stepCols) },
		} {
			b.Run(i.name+"/"+name, func(b *testing.B) {
				for b.Loop() {
					run()
				}
				report(b, n, "Gvalues/s")
			})
		}
	}
}

func report(b *testing.B, count float64, unit string) {
	b.ReportMetric(0, "ns/op") // the other figure says the same
	b.ReportMetric(count*float64(b.N)/b.Elapsed().Seconds()/1e9, unit)
}

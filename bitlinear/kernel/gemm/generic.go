package gemm

import "unsafe"

// generic is the implementation in plain Go.
var generic = implementation{name: "generic", tile: tileGeneric}

// tileGeneric computes one tile: for each of the tileRows x tileCols elements,
// c[r*ldc+j] (+)= sum over p of a[p*tileRows+r] * b[p*tileCols+j].
func tileGeneric(k int, a, b, c *float32, ldc int, accumulate bool) {
	as, bs := unsafe.Slice(a, k*tileRows), unsafe.Slice(b, k*tileCols)
	cs := unsafe.Slice(c, (tileRows-1)*ldc+tileCols)
	for r := range tileRows {
		var sum [tileCols]float32
		row := cs[r*ldc:][:tileCols]
		for p := range k {
			x := as[p*tileRows+r]
			for j, y := range bs[p*tileCols:][:tileCols] {
				sum[j] += x * y
			}
		}
		for j, s := range sum {
			if accumulate {
				s += row[j]
			}
			row[j] = s
		}
	}
}

func storeSumsGeneric(dst []float32, width int, sums, factor []float32, cols int) {
	for r, f := range factor {
		row := dst[r*width:][:cols]
		for j, v := range sums[r*tileCols:][:cols] {
			row[j] = v * f
		}
	}
}

func addSumsGeneric(dst []float32, width int, sums, factor []float32, cols int) {
	for r, f := range factor {
		row := dst[r*width:][:cols]
		for j, v := range sums[r*tileCols:][:cols] {
			row[j] += float32(v * f) // two roundings, on all machines
		}
	}
}

package intgrad

import (
	"math"
	"unsafe"
)

// generic is the implementation in plain Go.
var generic = implementation{
	name: "generic", codes: tiles{run: tilesGeneric}, activations: tiles{run: tilesGeneric},
	maxima: maximaGeneric, rows: rowsGeneric, columns: columnsGeneric, quads: quadsGeneric,
	store: storeGeneric, add: addGeneric, stream: storeGeneric,
}

func tilesGeneric(panels, steps int, w *byte, blockBytes int, x *int8, panelBytes int, dst *int32, more int, _ *byte) {
	blocks := unsafe.Slice((*int8)(unsafe.Pointer(w)), blockBytes+steps*blockStep)
	left, sums := unsafe.Slice(x, (panels-1)*panelBytes+steps*panelStep), unsafe.Slice(dst, panels*tileRows*tileCols)
	for i := range sums {
		panel, r, b, c := i/(tileRows*tileCols), i/tileCols%tileRows, i/blockCols%2, i%blockCols
		sum := int32(0)
		for s := range steps {
			row, block := left[panel*panelBytes+s*panelStep+r*stepCols:], blocks[b*blockBytes+s*blockStep+c*quad:]
			for j := range stepCols {
				sum += int32(row[j]) * int32(block[j/quad*lineBytes+j%quad])
			}
		}
		if more != 0 {
			sum += sums[i]
		}
		sums[i] = sum
	}
}

// maximaGeneric makes columns[i] the bits of |x[i]*inverse| where they are larger, and returns the largest bits of an
// |x[i]|. As integers, bits of what is not a number are larger than those of infinity, which are larger than others.
func maximaGeneric(n int, x *float32, inverse float32, columns *uint32) (top uint32) {
	all := unsafe.Slice(columns, n)
	for i, v := range unsafe.Slice(x, n) {
		top = max(top, math.Float32bits(v)&^signBit)
		all[i] = max(all[i], math.Float32bits(v*inverse)&^signBit)
	}
	return top
}

const signBit = 1 << 31

// rowsGeneric rounds 64 values of a row for each step, times a factor, to int8 plus bias: those of the next are written
// a distance further on, and have the next 16 random numbers.
func rowsGeneric(steps int, dst *int8, distance int, x *float32, factor float32, number, key, bias uint32) {
	out := unsafe.Slice(dst, (steps-1)*distance+stepCols)
	for s, in := range steps64(steps, x) {
		for i, v := range in {
			out[s*distance+i] = rounded(v*factor, i/blockCols, i%blockCols, number+uint32(s*blockCols), key, bias)
		}
	}
}

func steps64(steps int, x *float32) [][stepCols]float32 {
	return unsafe.Slice((*[stepCols]float32)(unsafe.Pointer(x)), steps)
}

// columnsGeneric rounds 16 columns of 64 rows, which are ld values apart, times inverse of the row and factor of the
// column, to rows dst[j][i].
func columnsGeneric(dst *int8, x *float32, ld int, inverse, factor *float32, number, key, bias uint32) {
	in, out := unsafe.Slice(x, (stepCols-1)*ld+blockCols), unsafe.Slice(dst, blockCols*stepCols)
	of := unsafe.Slice(factor, blockCols)
	for i, f := range unsafe.Slice(inverse, stepCols) {
		for j, v := range in[i*ld:][:blockCols] {
			out[j*stepCols+i] = rounded(v*f*of[j], i%quad, j, number+uint32(i/quad*blockCols), key, bias)
		}
	}
}

// rounded is v in fixed point, rounded down after a random byte was added, plus bias. 64 values, four lines of 16
// lanes, share the hashes of 16 numbers; which byte of which is whose follows the instructions that pack lines.
func rounded(v float32, line, lane int, number, key, bias uint32) int8 {
	hash := mix32(key ^ (number + uint32(lane/4*4+2*(line%2)+lane%4/2)))
	random := int32(hash >> (16*(lane%2) + 8*(line/2)) & 255)
	return int8((int32(math.RoundToEven(float64(v)))+random)>>8 + int32(bias&255))
}

// quadsGeneric copies 64 columns of 4n rows of x, ld values apart, to n lines of four blocks, a distance apart:
// dst[b*distance+64q+4j+i] = x[(4q+i)*ld+16b+j].
func quadsGeneric(n int, dst *byte, distance int, x *int8, ld int) {
	in, out := unsafe.Slice(x, (4*n-1)*ld+stepCols), unsafe.Slice(dst, 3*distance+n*lineBytes)
	for row := range 4 * n {
		for col, v := range in[row*ld:][:stepCols] {
			out[col/blockCols*distance+row/quad*lineBytes+col%blockCols*quad+row%quad] = byte(v)
		}
	}
}

// storeGeneric writes dst[r*width+j] = sums[r*32+j]*factor[r] for 32 columns j.
func storeGeneric(rows int, dst *float32, width int, sums *int32, factor *float32) {
	scaled(rows, dst, width, sums, factor, func(to *float32, v float32) { *to = v })
}

// addGeneric adds what storeGeneric writes.
func addGeneric(rows int, dst *float32, width int, sums *int32, factor *float32) {
	scaled(rows, dst, width, sums, factor, func(to *float32, v float32) { *to += v })
}

func scaled(rows int, dst *float32, width int, sums *int32, factor *float32, put func(to *float32, v float32)) {
	out, from := unsafe.Slice(dst, (rows-1)*width+tileCols), unsafe.Slice(sums, rows*tileCols)
	for r, f := range unsafe.Slice(factor, rows) {
		for j, v := range from[r*tileCols:][:tileCols] {
			put(&out[r*width+j], float32(float32(v)*f))
		}
	}
}

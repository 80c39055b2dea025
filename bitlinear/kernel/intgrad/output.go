package intgrad

import "unsafe"

// output is where the sums of a product go: rows of width values, which lie in some parts one below the other.
type output struct {
	parts      [][]float32
	width      int
	units      []float32 // by row
	accumulate bool
	late       bool // nothing reads it soon: it is written past the caches
}

// write writes sums [rows][32], times the units of the rows, to the rows from one on and cols columns from col on.
func (o *output) write(sums []int32, row, rows, col, cols int) {
	for rows > 0 {
		dst := o.from(row)
		n := min(rows, ceil(len(dst), o.width))
		o.writePart(dst[col:], sums, o.units[row:][:n], cols)
		sums, row, rows = sums[n*tileCols:], row+n, rows-n
	}
}

// from returns the rows from one on to the end of its part.
func (o *output) from(row int) []float32 {
	at, part := row*o.width, 0
	for ; at >= len(o.parts[part]); part++ {
		at -= len(o.parts[part])
	}
	return o.parts[part][at:]
}

// writePart writes rows of one part.
func (o *output) writePart(dst []float32, sums []int32, units []float32, cols int) {
	if cols < tileCols {
		o.writeNarrow(dst, sums, units, cols)
		return
	}
	store := chosen.store
	switch {
	case o.accumulate:
		store = chosen.add
	case o.late && o.width%blockCols == 0 && uintptr(unsafe.Pointer(&dst[0]))%64 == 0:
		store = chosen.stream
	}
	store(len(units), &dst[0], o.width, &sums[0], &units[0])
}

// writeNarrow writes fewer columns than a tile has.
func (o *output) writeNarrow(dst []float32, sums []int32, units []float32, cols int) {
	for r, unit := range units {
		row := dst[r*o.width:][:cols]
		for j, sum := range sums[r*tileCols:][:cols] {
			v := float32(float32(sum) * unit)
			if o.accumulate {
				v += row[j]
			}
			row[j] = v
		}
	}
}

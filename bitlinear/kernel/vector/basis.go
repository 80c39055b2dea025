package vector

import "sync"

// Basis is a rotated basis for rows of one width (model.Basis). A nil one leaves rows as they are.
type Basis struct {
	Signs []float32 // +1 or -1, as many as a row has values; nil: all are +1
	Block int       // values that are transformed together, see Hadamard
	// Swapped are numbers of rows and columns: the heads of a row, so many of each, change places as those of
	// a matrix that is transposed, before signs and transform. A zero or one: they stay.
	Swapped [2]int
}

// Into replaces x by H(s*x), in blocks: the input of weights in the basis, and a row of such weights.
func (b *Basis) Into(x []float32) {
	if b == nil {
		return
	}
	transpose(x, b.Swapped[0], b.Swapped[1])
	flip(x, b.Signs)
	Hadamard(x, b.Block)
}

// OutOf is the inverse of Into.
func (b *Basis) OutOf(x []float32) {
	if b == nil {
		return
	}
	Hadamard(x, b.Block)
	flip(x, b.Signs)
	transpose(x, b.Swapped[1], b.Swapped[0])
}

func flip(x, signs []float32) {
	for i, s := range signs {
		x[i] *= s
	}
}

// transpose makes x, [rows][columns][head], [columns][rows][head].
func transpose(x []float32, rows, columns int) {
	if rows <= 1 || columns <= 1 {
		return
	}
	buffer := rowBuffers.Get().(*[]float32)
	defer rowBuffers.Put(buffer)
	*buffer = append((*buffer)[:0], x...)
	head := len(x) / (rows * columns)
	for i := range rows * columns {
		copy(x[(i%columns*rows+i/columns)*head:][:head], (*buffer)[i*head:])
	}
}

// rowBuffers keeps copies of rows from call to call.
var rowBuffers = sync.Pool{New: func() any { return new([]float32) }}

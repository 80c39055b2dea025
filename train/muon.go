package train

import (
	"trit/optim"
	"trit/train/ranks"
)

// muonBatch holds the gradients of matrices, whole, until they are enough to be made orthogonal together. Those of a
// rank that is alone are made so where they are.
type muonBatch struct {
	sharing  *sharing
	muon     *optim.Muon
	matrices []optim.Matrix
	size     int             // values of all matrices
	values   []float32       // copies, one after the other
	pieces   [][]ranks.Piece // of each matrix that is a copy, those that this rank owns
}

// addWhole takes the next matrix, which this rank owns as a whole.
func (b *muonBatch) addWhole(values []float32, shape []int) {
	b.matrices = append(b.matrices, optim.Matrix{X: values, Rows: shape[0], Cols: shape[1]})
	b.grow(len(values))
}

// add takes the next matrix from the pieces of all ranks.
func (b *muonBatch) add(all *ranks.Gathering, shape []int, pieces []ranks.Piece) error {
	before := len(b.values)
	if err := all.Next(func(values []float32) error {
		b.values = append(b.values, values...)
		return nil
	}); err != nil {
		return err
	}
	b.matrices, b.pieces = append(b.matrices, optim.Matrix{Rows: shape[0], Cols: shape[1]}), append(b.pieces, pieces)
	b.grow(len(b.values) - before)
	return nil
}

func (b *muonBatch) grow(n int) {
	if b.size += n; b.size >= optim.MuonBatch {
		b.finish()
	}
}

// finish makes the matrices orthogonal, and puts the pieces of this rank of those that are copies where their
// gradients were.
func (b *muonBatch) finish() {
	rest := b.values
	for i := range b.pieces {
		m := &b.matrices[i]
		m.X, rest = rest[:m.Rows*m.Cols], rest[m.Rows*m.Cols:]
	}
	b.muon.Orthogonalize(b.matrices, b.sharing.options.MuonPrecision == PrecisionBF16)
	for i, pieces := range b.pieces {
		for _, p := range pieces {
			copy(b.sharing.exchange.Sums(p), b.matrices[i].X[p.Lo:p.Hi])
		}
	}
	b.values, b.matrices, b.pieces, b.size = b.values[:0], b.matrices[:0], b.pieces[:0], 0
}

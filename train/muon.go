package train

import (
	"trit/optim"
	"trit/train/ranks"
)

// muonBatch holds the gradients of matrices, whole, until they are enough to be made orthogonal together.
type muonBatch struct {
	sharing  *sharing
	muon     *optim.Muon
	values   []float32 // of all matrices, one after the other
	matrices []optim.Matrix
	pieces   [][]ranks.Piece // of each matrix, those that this rank owns
}

// add takes the next matrix from the pieces of all ranks.
func (b *muonBatch) add(all *ranks.Gathering, shape []int, pieces []ranks.Piece) error {
	if err := all.Next(func(values []float32) error {
		b.values = append(b.values, values...)
		return nil
	}); err != nil {
		return err
	}
	b.matrices, b.pieces = append(b.matrices, optim.Matrix{Rows: shape[0], Cols: shape[1]}), append(b.pieces, pieces)
	if len(b.values) >= optim.MuonBatch {
		b.finish()
	}
	return nil
}

// finish makes the matrices orthogonal, and puts the pieces of this rank where their gradients were.
func (b *muonBatch) finish() {
	rest := b.values
	for i := range b.matrices {
		m := &b.matrices[i]
		m.X, rest = rest[:m.Rows*m.Cols], rest[m.Rows*m.Cols:]
	}
	b.muon.Orthogonalize(b.matrices, b.sharing.options.MuonPrecision == PrecisionBF16)
	for i, m := range b.matrices {
		for _, p := range b.pieces[i] {
			copy(b.sharing.exchange.Sums(p), m.X[p.Lo:p.Hi])
		}
	}
	b.values, b.matrices, b.pieces = b.values[:0], b.matrices[:0], b.pieces[:0]
}

package ranks

// Weight is a weight of the model. Its whole gradient is handed over at once, by Exchange.Add.
type Weight struct {
	Name string
	Len  int // values
}

// Piece is the range [Lo,Hi) of a weight that one rank owns: it holds the moments of
// these values, and only it updates them.
type Piece struct {
	Name   string
	Lo, Hi int
	Owner  int
	at     int // position in the bucket
	sum    int // position among all values of the owner
}

// bucket is a range of all the weights laid one after another, cut into a part for each
// rank. So every rank sends and adds up the same amount for every bucket.
type bucket struct {
	part   int // values a rank; what exceeds the weights at the end is padding
	pieces []Piece
}

// cut lays the weights into buckets of length values, a multiple of ranks; the last one
// is the remainder.
func cut(weights []Weight, ranks, length int) []bucket {
	left := 0
	for _, w := range weights {
		left += w.Len
	}
	var buckets []bucket
	for next := (cursor{weights: weights}); left > 0; {
		n := min(length, left)
		b := bucket{part: (n + ranks - 1) / ranks}
		for r := range ranks {
			at := min(r*b.part, n)
			p := Piece{Owner: r, at: at, sum: len(buckets) * length / ranks}
			b.pieces = append(b.pieces, next.takePieces(p, min(b.part, n-at))...)
		}
		buckets = append(buckets, b)
		left -= n
	}
	return buckets
}

// cursor goes through the weights value by value.
type cursor struct {
	weights []Weight
	lo      int // of the first weight
}

// takePieces returns the pieces of the next n values; p has the positions of the first.
func (c *cursor) takePieces(p Piece, n int) (pieces []Piece) {
	for n > 0 {
		w := c.weights[0]
		k := min(n, w.Len-c.lo)
		if k > 0 {
			p.Name, p.Lo, p.Hi = w.Name, c.lo, c.lo+k
			pieces = append(pieces, p)
		}
		p.at, p.sum, n, c.lo = p.at+k, p.sum+k, n-k, c.lo+k
		if c.lo == w.Len {
			c.weights, c.lo = c.weights[1:], 0
		}
	}
	return pieces
}

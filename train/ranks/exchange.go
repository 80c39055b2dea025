package ranks

import "fmt"

// BucketBytes is a usual size of buckets: large enough that the network's latency does
// not show, small enough that the first is sent soon after the backward pass began.
const BucketBytes = 8 << 20

// Exchange divides the weights of a model among the ranks and moves gradients, weights and
// moments between them, a bucket at a time. With more than one rank it holds two buckets
// and the sums of the gradients that this rank owns.
//
// A step is Begin, an Add for each weight, and Wait, which together are a ReduceScatter of
// the gradients; then the update of the Owned pieces from their Sums; and AllGather of the weights.
type Exchange struct {
	comm       Comm
	weights    []Weight
	lengths    map[string]int
	buckets    []bucket
	owned      []Piece
	send, recv []float32 // a bucket each
	sums       []float32
	gradients  map[string][]float32 // of this rank, this step
	arrived    chan gradient
	reduced    chan error
}

// NewExchange makes an exchange. The weights are listed in the order in which the backward
// pass finishes their gradients, as far as that is known: another order gives the same
// results, but buckets wait longer. bytes is the size of a bucket.
func NewExchange(c Comm, weights []Weight, bytes int) (*Exchange, error) {
	e := &Exchange{comm: c, weights: weights, lengths: map[string]int{}}
	total := 0
	for _, w := range weights {
		if _, twice := e.lengths[w.Name]; twice || w.Len < 0 {
			return nil, fmt.Errorf("weight %q of %d values: it is listed twice, or its length is negative", w.Name, w.Len)
		}
		e.lengths[w.Name] = w.Len
		total += w.Len
	}
	if err := Agree(c, "the list of weights", fmt.Append(nil, weights, bytes)); err != nil {
		return nil, err
	}
	n := c.Size()
	part := max(1, min(bytes/4/n, (total+n-1)/n))
	e.buckets = cut(weights, n, part*n)
	if n > 1 {
		e.send, e.recv = make([]float32, part*n), make([]float32, part*n)
		e.sums = make([]float32, part*len(e.buckets))
	}
	e.listOwned()
	return e, nil
}

// listOwned makes the list of the pieces that this rank owns.
func (e *Exchange) listOwned() {
	for _, b := range e.buckets {
		for _, p := range b.pieces {
			if p.Owner == e.comm.Rank() {
				e.owned = append(e.owned, p)
			}
		}
	}
}

// Owned lists the pieces that this rank owns, in the order of the weights. All ranks own the
// same number of values of each bucket but the last.
func (e *Exchange) Owned() []Piece { return e.owned }

// AllGather gives every rank all weights: each sends the pieces that it owns and receives the
// pieces of the others. value returns the memory of a piece.
func (e *Exchange) AllGather(value func(Piece) []float32) error {
	if e.comm.Size() == 1 {
		return nil
	}
	for _, b := range e.buckets {
		if err := e.allGather(b, value); err != nil {
			return err
		}
		for _, p := range b.pieces {
			if p.Owner != e.comm.Rank() {
				copy(value(p), e.recv[p.at:])
			}
		}
	}
	return nil
}

// allGather receives the bucket's values of all ranks in e.recv.
func (e *Exchange) allGather(b bucket, own func(Piece) []float32) error {
	for _, p := range b.pieces {
		if p.Owner == e.comm.Rank() {
			copy(e.send[p.at-p.Owner*b.part:], own(p))
		}
	}
	return e.comm.AllGather(view(e.recv[:b.part*e.comm.Size()]), view(e.send[:b.part]))
}

// Scatter sends pieces from rank 0 to the ranks that need them. On rank 0, read fills all
// pieces in the order of the weights. memory returns the memory for a piece on this rank, nil if
// the rank does not need it. done is called when a piece is filled, before the next one is.
func (e *Exchange) Scatter(
	read func(p Piece, dst []float32) error, memory func(Piece) []float32, done func(Piece),
) error {
	for _, b := range e.buckets {
		for _, p := range b.pieces {
			if e.comm.Rank() != 0 {
				break
			}
			if err := read(p, e.buffer(p, memory)); err != nil {
				return err
			}
			if e.comm.Size() == 1 {
				done(p)
			}
		}
		if e.comm.Size() == 1 {
			continue
		}
		if err := e.comm.Broadcast(view(e.recv[:b.part*e.comm.Size()])); err != nil {
			return err
		}
		for _, p := range b.pieces {
			copy(memory(p), e.recv[p.at:])
			done(p)
		}
	}
	return nil
}

// buffer returns the memory that rank 0 reads a piece into: its own memory if there is no other
// rank, else a part of the bucket that is sent.
func (e *Exchange) buffer(p Piece, memory func(Piece) []float32) []float32 {
	if e.comm.Size() == 1 {
		return memory(p)
	}
	return e.recv[p.at:][:p.Hi-p.Lo]
}

// Gathering collects a quantity, such as a moment, weight by weight. Each rank holds the pieces
// of it that it owns.
type Gathering struct {
	exchange *Exchange
	own      func(Piece) []float32
	weight   int     // number of the next one
	bucket   int     // number of the next one
	left     []Piece // pieces of the last bucket that were not taken yet
}

// Gather begins to gather a quantity; own gives this rank's values of a piece.
func (e *Exchange) Gather(own func(Piece) []float32) *Gathering {
	return &Gathering{exchange: e, own: own}
}

// Next calls take with the values of the next weight, one piece after another; a piece is
// valid until take returns. Every rank calls Next once for each weight, in the order of
// NewExchange, and gets the values. Only one Gathering at a time may be under way, since
// all use the buffers of the Exchange.
func (g *Gathering) Next(take func(values []float32) error) error {
	left := g.exchange.weights[g.weight].Len
	for g.weight++; left > 0; {
		if len(g.left) == 0 {
			if err := g.nextBucket(); err != nil {
				return err
			}
		}
		p := g.left[0]
		if err := take(g.values(p)); err != nil {
			return err
		}
		g.left, left = g.left[1:], left-(p.Hi-p.Lo)
	}
	return nil
}

func (g *Gathering) nextBucket() error {
	b := g.exchange.buckets[g.bucket]
	g.left, g.bucket = b.pieces, g.bucket+1
	if g.exchange.comm.Size() == 1 {
		return nil
	}
	return g.exchange.allGather(b, g.own)
}

func (g *Gathering) values(p Piece) []float32 {
	if g.exchange.comm.Size() == 1 {
		return g.own(p)
	}
	return g.exchange.recv[p.at:][:p.Hi-p.Lo]
}

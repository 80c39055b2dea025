package train

import (
	"errors"
	"slices"

	"trit/internal/parallel"
	"trit/model"
	"trit/optim"
	"trit/train/graph"
	"trit/train/ranks"
)

// sharing holds the weights of a run and, piece by piece, the part of the optimiser's state that
// this rank owns: the moments, and the running mean of the weights if the run keeps one. It moves
// gradients, weights and moments between the ranks. A single rank owns everything.
type sharing struct {
	comm      ranks.Comm
	exchange  *ranks.Exchange
	pool      *parallel.Pool
	params    *graph.Params
	optimizer *optim.AdamW // its parameters are the pieces that this rank owns
	muon      *muonBatch   // nil: AdamW moves all weights
	byMuon    map[string]bool
	options   *Options
	emaDecay  float64 // 0: there is no running mean
	chunks    []chunk
	number    map[ranks.Piece]int // index of each piece that this rank owns in exchange.Owned
	shapes    [][]int             // of the weight of each of these pieces
	mean      [][]float32         // running mean of each piece that this rank owns; nil if none is kept
}

// newSharing makes the optimiser of what this rank owns of the weights.
func newSharing(c ranks.Comm, pool *parallel.Pool, p *graph.Params, o *Options) (*sharing, error) {
	s := &sharing{comm: c, pool: pool, params: p, options: o, emaDecay: o.EMADecay, number: map[ranks.Piece]int{},
		byMuon: map[string]bool{}}
	var weights []ranks.Weight
	specs := map[string]model.TensorSpec{}
	for _, spec := range slices.Backward(p.Specs()) { // about the order in which the backward pass ends their gradients
		weights = append(weights, ranks.Weight{Name: spec.Name, Len: spec.Elements()})
		specs[spec.Name], s.byMuon[spec.Name] = spec, o.byMuon(spec)
	}
	var err error
	if s.exchange, err = ranks.NewExchange(c, weights, ranks.BucketBytes); err != nil {
		return nil, err
	}
	if o.Optimizer == optim.ByMuon {
		s.muon = &muonBatch{sharing: s, muon: optim.NewMuon(pool)}
	}
	var params []optim.Param
	for i, piece := range s.exchange.Owned() {
		s.number[piece] = i
		spec := specs[piece.Name]
		s.shapes = append(s.shapes, spec.Shape)
		params = append(params, optim.Param{Name: piece.Name, Value: s.value(piece), Decay: len(spec.Shape) == 2,
			Muon: s.byMuon[spec.Name]})
	}
	s.chunks = makeChunks(params)
	s.optimizer, err = optim.NewAdamW(o.AdamBeta1, o.AdamBeta2, o.AdamEpsilon, o.Moments, params)
	return s, err
}

// isRank0 reports whether this rank is the one that reads and writes the run folder.
func (s *sharing) isRank0() bool { return s.comm.Rank() == 0 }

// value is the memory of a piece of the weights.
func (s *sharing) value(p ranks.Piece) []float32 { return s.params.Value(p.Name)[p.Lo:p.Hi] }

// chunk is a range of one parameter of the optimiser, the unit of work of a thread.
type chunk struct{ param, lo, hi int }

// chunkSize is small enough to keep all threads busy and large enough for its overhead not
// to show.
const chunkSize = 1 << 15

func makeChunks(params []optim.Param) []chunk {
	var chunks []chunk
	for i, p := range params {
		for lo := 0; lo < len(p.Value); lo += chunkSize {
			chunks = append(chunks, chunk{i, lo, min(lo+chunkSize, len(p.Value))})
		}
	}
	return chunks
}

// forChunks calls body for each chunk, on all threads.
func (s *sharing) forChunks(body func(i int, c chunk)) {
	s.pool.For(len(s.chunks), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			body(i, s.chunks[i])
		}
	})
}

// grad is the gradient of a parameter, a sum over the micro-batches of all ranks.
func (s *sharing) grad(param int) []float32 { return s.exchange.Sums(s.exchange.Owned()[param]) }

// sumSquares is the sum of the squares of all gradients that this rank owns. Partial sums are
// added in the order of the chunks, so the number of threads does not change a bit.
func (s *sharing) sumSquares() float64 {
	partial := make([]float64, len(s.chunks))
	s.forChunks(func(i int, c chunk) { partial[i] = optim.SumSquares(s.grad(c.param)[c.lo:c.hi]) })
	sum := 0.0
	for _, p := range partial {
		sum += p
	}
	return sum
}

// update does a step of the optimiser on the pieces that this rank owns, with their gradients
// times scale. It moves their running mean too, while a chunk is in the cache. Then all ranks
// get all weights.
func (s *sharing) update(rate, decay, scale float64) error {
	s.optimizer.Begin()
	if err := s.findDirections(scale); err != nil {
		return err
	}
	keep := optim.AverageDecay(s.emaDecay, s.optimizer.StepCount)
	s.forChunks(func(_ int, c chunk) {
		s.move(c, float32(scale), rate, decay)
		if s.mean != nil {
			optim.Average(s.mean[c.param][c.lo:c.hi], s.optimizer.Params[c.param].Value[c.lo:c.hi], keep)
		}
	})
	return s.exchange.AllGather(s.value)
}

// move moves a chunk of the weights against its gradient, or against the direction that
// findDirections put there.
func (s *sharing) move(c chunk, scale float32, rate, decay float64) {
	p := &s.optimizer.Params[c.param]
	if !p.Muon {
		s.optimizer.Update(c.param, c.lo, c.hi, s.grad(c.param), scale, rate, decay)
		return
	}
	shape := s.shapes[c.param]
	p.Descend(c.lo, c.hi, s.grad(c.param), shape[0], shape[1], rate*s.options.MuonRate, s.options.MuonWeightDecay)
}

// findDirections replaces the gradients of the matrices of Muon by the directions against which their
// weights go, and moves their momenta. A matrix is made orthogonal as a whole, by each rank that owns a
// piece of it; the buckets are so large that these are few.
func (s *sharing) findDirections(scale float64) error {
	if s.muon == nil {
		return nil
	}
	s.forChunks(func(_ int, c chunk) {
		if p := &s.optimizer.Params[c.param]; p.Muon {
			p.Nesterov(c.lo, c.hi, s.grad(c.param), float32(scale), s.options.MuonMomentum)
		}
	})
	err := s.gatherMatrices()
	s.muon.finish()
	return err
}

// gatherMatrices gives Muon the matrices that this rank owns a piece of.
func (s *sharing) gatherMatrices() error {
	if s.comm.Size() == 1 {
		for _, spec := range slices.Backward(s.params.Specs()) {
			if s.byMuon[spec.Name] {
				s.muon.addWhole(s.exchange.Sums(ranks.Piece{Name: spec.Name, Hi: spec.Elements()}), spec.Shape)
			}
		}
		return nil
	}
	ours := map[string][]ranks.Piece{}
	for i, piece := range s.exchange.Owned() {
		if s.optimizer.Params[i].Muon {
			ours[piece.Name] = append(ours[piece.Name], piece)
		}
	}
	all := s.exchange.Gather(s.ofPieces(s.grad))
	for _, spec := range slices.Backward(s.params.Specs()) {
		if pieces := ours[spec.Name]; pieces == nil {
			if err := all.Next(func([]float32) error { return nil }); err != nil {
				return err
			}
		} else if err := s.muon.add(all, spec.Shape, pieces); err != nil {
			return err
		}
	}
	return nil
}

// broadcastWeights gives all ranks the weights of rank 0.
func (s *sharing) broadcastWeights() error {
	if s.comm.Size() == 1 {
		return nil
	}
	return s.exchange.Scatter(func(p ranks.Piece, dst []float32) error {
		copy(dst, s.value(p))
		return nil
	}, s.value, func(ranks.Piece) {})
}

// beginMean sets the running mean of the weights that this rank owns to the present weights, if
// the run keeps a mean.
func (s *sharing) beginMean() {
	if s.emaDecay == 0 {
		return
	}
	s.mean = nil
	for _, p := range s.optimizer.Params {
		s.mean = append(s.mean, append([]float32(nil), p.Value...))
	}
}

// withMean calls f while the weights are replaced by their running mean, if the run keeps one,
// and puts them back afterwards. All ranks call it together.
func (s *sharing) withMean(f func() error) (err error) {
	if err := s.swapMean(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.swapMean()) }()
	return f()
}

// swapMean exchanges the weights with their running mean; a second call puts them back. The
// exchange is in place, since the graphs read the weights there. Each rank swaps what it owns,
// then receives the rest.
func (s *sharing) swapMean() error {
	if s.mean == nil {
		return nil
	}
	s.forChunks(func(_ int, c chunk) {
		mean, value := s.mean[c.param][c.lo:c.hi], s.optimizer.Params[c.param].Value[c.lo:c.hi]
		for i, v := range value {
			value[i], mean[i] = mean[i], v
		}
	})
	return s.exchange.AllGather(s.value)
}

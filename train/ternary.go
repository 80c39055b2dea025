package train

import (
	"math"
	"math/bits"
	"sync/atomic"

	"trit/internal/parallel"
	"trit/train/runlog"
)

// LayerStats is the state of one ternary weight, as a line of metrics.jsonl has it.
type LayerStats = runlog.LayerStats

// codeSource has ternary weights, as *graph.Decoder does: Codes calls f with each one's
// name, codes and scale, always in the same order.
type codeSource interface {
	Codes(f func(name string, codes []float32, scale float32))
}

// ternaryStats counts the values of the ternary weights, and their changes from line to line of
// the log.
type ternaryStats struct {
	pool    *parallel.Pool
	weights map[string]*ternaryWeight
	order   []string
	listed  int // step of the last list of layers
	started bool
}

// ternaryWeight holds the counts of one weight.
type ternaryWeight struct {
	last  []uint64 // codes at the last line, 32 in a word
	stats LayerStats
}

// update returns the share of zeros and the number of weights that changed since the last call.
func (s *ternaryStats) update(d codeSource) (zeros float64, flips int) {
	total, zero := 0, 0
	d.Codes(func(name string, codes []float32, scale float32) {
		w, known := s.weights[name]
		if !known {
			w = s.add(name, len(codes))
		}
		minus, plus, changed := countCodes(s.pool, codes, w.last)
		if !known {
			changed = 0 // there is nothing to compare with
		}
		n := float64(max(len(codes), 1))
		w.stats.Minus, w.stats.Plus, w.stats.Zero = float64(minus)/n, float64(plus)/n, float64(len(codes)-minus-plus)/n
		w.stats.Scale = scale
		w.stats.Flips += changed
		flips += changed
		zero += len(codes) - minus - plus
		total += len(codes)
	})
	return float64(zero) / float64(max(total, 1)), flips
}

func (s *ternaryStats) add(name string, size int) *ternaryWeight {
	if s.weights == nil {
		s.weights = map[string]*ternaryWeight{}
	}
	w := &ternaryWeight{make([]uint64, (size+codesPerWord-1)/codesPerWord), LayerStats{Name: name}}
	s.weights[name], s.order = w, append(s.order, name)
	return w
}

// layers lists the weights as the last update saw them, or nothing while fewer than
// interval steps have passed since the last list; with an interval of 0 there is none.
// The first call lists. absmax returns the largest absolute value at the input of the layer
// with this weight; it may be nil.
func (s *ternaryStats) layers(step, interval int, absmax func(name string) float32) []LayerStats {
	if interval <= 0 || s.started && step < s.listed+interval {
		return nil
	}
	s.listed, s.started = step, true
	list := make([]LayerStats, len(s.order))
	for i, name := range s.order {
		w := s.weights[name]
		list[i] = compact(w.stats)
		if absmax != nil {
			a := largest(absmax(name))
			list[i].AbsMax = &a
		}
		w.stats.Flips = 0
	}
	return list
}

// compact rounds shares to 1e-5, finer than a chart shows, to keep the lines of the log short.
func compact(l LayerStats) LayerStats {
	for _, share := range []*float64{&l.Minus, &l.Zero, &l.Plus} {
		*share = math.Round(*share*1e5) / 1e5
	}
	return l
}

// largest replaces NaN and infinity, which JSON does not have, by the largest float32.
func largest(v float32) float32 {
	if !(v <= math.MaxFloat32) {
		return math.MaxFloat32
	}
	return v
}

// codesPerWord is the number of codes of two bits in a word: 01 is +1 and 11 is -1.
const (
	codesPerWord = 32
	lowBits      = 0x5555555555555555 // of the codes of a word
)

// countCodes counts the codes that are -1 and +1 and those that differ from last, and keeps
// the codes in last for the next call. It uses all threads: a large model has billions.
func countCodes(pool *parallel.Pool, codes []float32, last []uint64) (minus, plus, changed int) {
	var sums [3]atomic.Int64
	pool.For(len(last), 1<<11, func(lo, hi int) {
		m, p, c := countRange(codes[lo*codesPerWord:min(hi*codesPerWord, len(codes))], last[lo:hi])
		sums[0].Add(int64(m))
		sums[1].Add(int64(p))
		sums[2].Add(int64(c))
	})
	return int(sums[0].Load()), int(sums[1].Load()), int(sums[2].Load())
}

func countRange(codes []float32, last []uint64) (minus, plus, changed int) {
	for i, before := range last {
		w := uint64(0)
		for j, c := range codes[:min(codesPerWord, len(codes))] {
			w |= uint64(int8(c)&3) << (2 * j)
		}
		codes = codes[min(codesPerWord, len(codes)):]
		minus += bits.OnesCount64(w >> 1 & lowBits)
		plus += bits.OnesCount64(w &^ (w >> 1) & lowBits)
		differ := w ^ before
		changed += bits.OnesCount64((differ | differ>>1) & lowBits)
		last[i] = w
	}
	return minus, plus, changed
}

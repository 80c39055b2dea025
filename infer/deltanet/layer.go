package deltanet

import (
	"math"
	"sync"

	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
	"trit/model"
)

// Layer is the weights of a gated delta net that are no projections.
type Layer struct {
	shape     *model.DeltaNet
	taps      [][]float32 // [kernel][channels], the oldest position first
	rate, lag []float32   // [value heads]: the decay is e^(rate softplus(alpha + lag))
	ones      []float32   // [Block][values of a head]
}

// NewLayer makes a layer. conv is [channels][kernel], rate (-e^A_log) and lag (dt_bias) are [value
// heads]. Value head h reads key head h mod the number of key heads, as in GGUF files.
func NewLayer(shape *model.DeltaNet, conv, rate, lag []float32) *Layer {
	l := &Layer{shape: shape, rate: rate, lag: lag, ones: make([]float32, Block*shape.HeadDim)}
	for i := range l.ones {
		l.ones[i] = 1
	}
	for k := range shape.Kernel {
		tap := make([]float32, shape.ConvDim())
		for c := range tap {
			tap[c] = conv[c*shape.Kernel+k]
		}
		l.taps = append(l.taps, tap)
	}
	return l
}

// Span is the next tokens of a sequence.
type Span struct {
	Memory *Memory
	N      int
	Draft  bool // they may be cut back to any of them
}

// Rows are the values of the tokens of all spans.
type Rows struct {
	Inputs      []float32 // [rows, channels], of the convolution: queries, keys, values
	Alpha, Beta []float32 // [rows, value heads], of the decay and the strength
	Out         []float32 // [rows, values of all heads], is written
}

// Run reads the tokens of all spans, each of another sequence.
func (l *Layer) Run(pool *parallel.Pool, spans []Span, rows *Rows) {
	tasks := make([]task, 0, len(spans)*l.shape.KeyHeads)
	first := 0
	for _, sp := range spans {
		sp.Memory.reserve(sp.N, sp.Draft)
		for head := range l.shape.KeyHeads {
			tasks = append(tasks, task{sp.Memory, first, head})
		}
		first += sp.N
	}
	pool.Chunks(len(tasks), 1, func(lo, hi int) {
		w := works.Get().(*work)
		defer works.Put(w)
		for _, t := range tasks[lo:hi] {
			l.run(w, t, rows)
		}
	})
	first = 0
	for _, sp := range spans {
		sp.Memory.commit(rows.Inputs[first*l.shape.ConvDim():])
		first += sp.N
	}
}

// task is the tokens of a span, rows from first on, in the value heads of one key head.
type task struct {
	memory  *Memory
	first   int
	keyHead int
}

// convolve writes the channels of a head, from one on, of the tokens of a segment to dst [tokens][values of a head],
// after the convolution and SiLU.
func (l *Layer) convolve(w *work, s *segment, t task, channel int, dst []float32, rows *Rows) {
	d, n := l.shape.HeadDim, s.hi-s.lo
	l.gather(w, s, t, channel, rows)
	for i := range n {
		row := dst[i*d:][:d]
		vector.ScaledProduct(row, l.taps[0][channel:][:d], w.inputs[i*d:], 1)
		for k, tap := range l.taps[1:] {
			vector.ScaledProduct(w.product, tap[channel:][:d], w.inputs[(i+1+k)*d:], 1)
			vector.Axpy(1, w.product, row)
		}
	}
	vector.SiLUProduct(dst[:n*d], dst[:n*d], l.ones)
}

// gather copies what the convolution needs of a head's channels, those of the tokens before the segment first. Rows
// are far apart in memory: copying many of them waits for it once.
func (l *Layer) gather(w *work, s *segment, t task, channel int, rows *Rows) {
	d, width, before := l.shape.HeadDim, l.shape.ConvDim(), len(l.taps)-1
	for i := range before + s.hi - s.lo {
		var x []float32
		if at := s.first + i - before; at >= 0 {
			x = rows.Inputs[(t.first+at)*width:]
		} else {
			x = t.memory.input(-at)
		}
		copy(w.inputs[i*d:][:d], x[channel:])
	}
}

// scaleHeads divides each of the heads x by its length, and multiplies it by a factor.
func scaleHeads(x []float32, d int, factor float64) {
	for ; len(x) > 0; x = x[d:] {
		vector.Scale(float32(factor/math.Sqrt(float64(vector.Dot(x[:d], x[:d]))+lengthEps)), x[:d])
	}
}

// lengthEps keeps the lengths of keys and queries above 0.
const lengthEps = 1e-6

// work is the memory of a task.
type work struct {
	inputs  []float32 // of the convolution for a head, [kernel-1+tokens][values]
	product []float32 // of a tap, [values]
	x       []float32 // keys of the tokens of a segment, then their queries, [2 tokens][keys]
	known   []float32 // their products with the keys of the block, [2 tokens][Block]
	read    []float32 // their products with the state, [2 tokens][values]
	weights []float32 // of the state, and of the updates of the block, [1+Block]
	factors []float32 // [Block]
	scaled  []float32 // updates times their weights, [Block][values]
}

var works = sync.Pool{New: func() any { return new(work) }}

func grow(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}

// run takes a task through its blocks.
func (l *Layer) run(w *work, t task, rows *Rows) {
	d := l.shape.HeadDim
	w.x, w.known = grow(w.x, 2*Block*d), grow(w.known, 2*Block*Block)
	w.read, w.scaled = grow(w.read, 2*Block*d), grow(w.scaled, Block*d)
	w.weights, w.factors = grow(w.weights, 1+Block), grow(w.factors, Block)
	w.inputs, w.product = grow(w.inputs, (len(l.taps)-1+Block)*d), grow(w.product, d)
	for i := range t.memory.plan {
		s := &t.memory.plan[i]
		if s.hi > s.lo {
			l.multiplyKeys(w, s, t, rows)
		}
		for h := t.keyHead; h < l.shape.ValueHeads; h += l.shape.KeyHeads {
			if s.hi > s.lo {
				l.head(w, s, t, h, rows)
			}
			if s.next != nil {
				l.fold(w, s, t.keyHead, h)
			}
		}
	}
}

// multiplyKeys enters the keys of a segment into its block, and multiplies keys and queries by all keys
// of the block. Keys have length 1, queries are divided by the root of their size too.
func (l *Layer) multiplyKeys(w *work, s *segment, t task, rows *Rows) {
	d, n := l.shape.HeadDim, s.hi-s.lo
	x, keys, channel := w.x[:2*n*d], s.block.keysOf(t.keyHead, l.shape), t.keyHead*d
	l.convolve(w, s, t, l.shape.KeyDim()+channel, x[:n*d], rows)
	l.convolve(w, s, t, channel, x[n*d:], rows)
	scaleHeads(x[:n*d], d, 1)
	scaleHeads(x[n*d:], d, 1/math.Sqrt(float64(d)))
	copy(keys[s.lo*d:], x[:n*d])
	vector.DotRows(w.known, Block, keys[:s.hi*d], x, d)
}

// head computes the updates and outputs of the tokens of a segment in value head h.
func (l *Layer) head(w *work, s *segment, t task, h int, rows *Rows) {
	d, n, heads := l.shape.HeadDim, s.hi-s.lo, l.shape.ValueHeads
	if s.base.s == nil {
		clear(w.read[:2*n*d])
	} else {
		vector.DotRows(w.read, d, s.base.s[h*d*d:][:d*d], w.x[:2*n*d], d)
	}
	decays := s.block.decays[h*Block:][:Block]
	w.weigh(decays[:s.lo])
	updates := s.block.updatesOf(h, l.shape)
	l.convolve(w, s, t, 2*l.shape.KeyDim()+h*d, updates[s.lo*d:], rows)
	for i := range n {
		row, at := t.first+s.first+i, s.lo+i
		decays[at] = decay(l.rate[h], rows.Alpha[row*heads+h]+l.lag[h])
		w.fade(at, decays[at])

		u := updates[at*d:][:d]
		vector.Axpy(-w.weights[0], w.read[i*d:][:d], u)
		vector.AddLowRank(u, w.products(i, at), updates, -1)
		vector.Scale(sigmoid(rows.Beta[row*heads+h]), u)

		out := rows.Out[row*l.shape.ValueDim()+h*d:][:d]
		vector.ScaleTo(out, w.read[(n+i)*d:][:d], w.weights[0])
		vector.AddLowRank(out, w.products(n+i, at+1), updates, 1)
	}
}

// products are the products of row i of x with the first n keys of the block, times the weights of these.
func (w *work) products(i, n int) []float32 {
	vector.ScaledProduct(w.factors[:n], w.weights[1:1+n], w.known[i*Block:][:n], 1)
	return w.factors[:n]
}

// weigh makes the weights of the state and of the updates after positions with these decays.
func (w *work) weigh(decays []float32) {
	w.weights[0] = 1
	for i, v := range decays {
		w.fade(i, v)
	}
}

// fade makes the weights after position i of a block those after the next one, which has this decay.
func (w *work) fade(i int, decay float32) {
	vector.Scale(decay, w.weights[:1+i])
	for at := 0; at <= i && w.weights[at] < leastWeight; at++ { // they are ascending
		w.weights[at] = 0
	}
	w.weights[1+i] = 1
}

// leastWeight is a weight of which nothing remains in a sum of floats. Products with smaller ones would soon be
// subnormal, and these take a processor many times as long.
const leastWeight = 1e-18

// fold makes the state after a whole block in value head h.
func (l *Layer) fold(w *work, s *segment, keyHead, h int) {
	d := l.shape.HeadDim
	w.weigh(s.block.decays[h*Block:][:Block])
	updates, dst := s.block.updatesOf(h, l.shape), s.next.s[h*d*d:][:d*d]
	for i := range Block {
		vector.ScaleTo(w.scaled[i*d:][:d], updates[i*d:][:d], w.weights[1+i])
	}
	if s.base.s != nil {
		vector.ScaleTo(dst, s.base.s[h*d*d:][:d*d], w.weights[0])
	}
	gemm.MulOneThread(true, false, d, d, Block, w.scaled, d, s.block.keysOf(keyHead, l.shape), d, dst, s.base.s != nil)
}

// decay is e^(rate softplus(x)).
func decay(rate, x float32) float32 {
	soft := float64(x)
	if x < 20 {
		soft = math.Log1p(math.Exp(soft))
	}
	return float32(math.Exp(float64(rate) * soft))
}

func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

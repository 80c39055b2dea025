package bitlinear

import (
	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/vector"
	"trit/bitlinear/quant"
	"trit/internal/parallel"
)

// Mode says how the layers of a graph compute. All layers share one Mode, so that a run can change
// Lambda between steps.
type Mode struct {
	Ternary bool // BitLinear; false: plain linear layers
	Sign    bool // with Ternary: b1, whose weights are the sign of W - mean W, instead of b1.58
	Int4    bool // with Ternary: activations in 4 bits, see quant.Activations4
	// Deadzone is with Ternary the factor of a bias of each row: of the sum of its weights that are rounded
	// to 0; see Linear.addDeadzone.
	Deadzone float32
	BF16     bool // products that are not of integers in bfloat16; see gemm.HasBF16
	// Group is the number of columns of a row that share a scale of the weights, or quant.WholeTensor or
	// quant.WholeRow; see quant.Groups.
	Group            int
	HalfScales       bool // with quant.WholeTensor: its scale is rounded to half precision, as those of groups are
	FloatActivations bool // activations are not rounded
	// KeepCodes keeps the codes of the weights from the forward pass for the backward pass, which then
	// reads 2 bits a weight instead of 32. Weights may not change between the two.
	KeepCodes bool
	// Int8Gradients rounds the gradients of outputs to int8, stochastically, where both operands of the forward product
	// are integers and there are no adapters; see package intgrad. It needs KeepCodes.
	Int8Gradients bool
	// Key selects the random numbers of the next pass: the roundings of gradients, and the masks of dropout of adapters.
	// They depend on it, on the layer and the place in it alone: so the backward pass, and a pass that is computed again,
	// have the same.
	Key uint64
	// Threads is the number of threads of the layers; 0: one for each processor.
	Threads int
	// Lambda is the share of the rounding that is in force: operands are x + Lambda*(xq-x) and
	// w + Lambda*(wq-w). From 1 on they are integers.
	Lambda float32
	// Adapters of the layers. They need weights that are fully rounded, or not at all.
	Adapters Adapters
}

// integers reports whether both operands of the forward product are integers.
func (m *Mode) integers() bool {
	return m.Ternary && m.Lambda >= 1 && m.Group == quant.WholeTensor && !m.FloatActivations
}

// roundsActivations reports whether activations are rounded to int8.
func (m *Mode) roundsActivations() bool { return m.Ternary && !m.FloatActivations }

// copies reports whether an operand is a copy of the weight, not the weight itself.
func (m *Mode) copies() bool {
	return m.Ternary && m.Lambda > 0 && (m.Sign || !m.integers())
}

// Rowwise reports whether each row of a layer's output depends on the same row of its input alone, and on codes that
// Linear.Prepare has made, so that rows may pass through several layers one by one.
func (m *Mode) Rowwise() bool {
	return m.integers() && m.KeepCodes && m.Adapters.Rank == 0 && m.deadzone() == 0
}

// pool is the pool that the loops of layers run on.
func (m *Mode) pool() *parallel.Pool { return parallel.New(m.Threads) }

// Run computes a product in the precision of the mode.
func (m *Mode) Run(p *gemm.Product) {
	if m.BF16 {
		p.BF16(m.pool())
		return
	}
	p.Float32(m.pool())
}

// term makes an operand of a weight [rows,K] of the given scale. If the mode copies weights, buffer
// must be as large as w.
func (m *Mode) term(buffer, w []float32, rows int, scale float32) gemm.Rows {
	t := gemm.Rows{Count: rows, F32: w}
	switch {
	case !m.Ternary || m.Lambda <= 0:
	case !m.integers():
		m.Mix(buffer, w, rows, scale)
		t.F32 = buffer
	case m.Sign:
		m.center(buffer, w)
		t.F32, t.Rounding = buffer, quant.ToSign()
	default:
		t.Rounding = quant.ToNearest(1 / scale)
	}
	return t
}

// Scale is the scale of a tensor of weights; groups have their own.
func (m *Mode) Scale(w []float32) (scale float32) {
	if m.Group != quant.WholeTensor {
		return 1
	}
	if scale = vector.AbsMean(m.pool(), w); m.HalfScales {
		scale = quant.Half(scale)
	}
	return scale
}

// Mix writes w + Lambda*(wq-w) to dst. w has rows, and the scale that Scale has found.
func (m *Mode) Mix(dst, w []float32, rows int, scale float32) {
	m.round(dst, w, rows, scale)
	if m.Lambda >= 1 {
		return
	}
	m.pool().For(len(w), 1<<14, func(lo, hi int) {
		vector.Scale(m.Lambda, dst[lo:hi])
		vector.Axpy(1-m.Lambda, w[lo:hi], dst[lo:hi])
	})
}

// round writes what w is rounded to, codes times scales, to dst.
func (m *Mode) round(dst, w []float32, rows int, scale float32) {
	if m.Group != quant.WholeTensor {
		k := len(w) / rows
		m.pool().For(rows, 1+1<<13/k, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				vector.GroupValues(dst[i*k:][:k], w[i*k:][:k], m.Group, m.Sign)
			}
		})
		return
	}
	m.ternarize(dst, w, scale)
	m.pool().For(len(w), 1<<14, func(lo, hi int) { vector.Scale(scale, dst[lo:hi]) })
}

// ternarize writes the ternary values of w to dst.
func (m *Mode) ternarize(dst, w []float32, scale float32) {
	rounding := quant.ToNearest(1 / scale)
	if m.Sign {
		m.center(dst, w)
		w, rounding = dst, quant.ToSign()
	}
	m.pool().For(len(w), 1<<14, func(lo, hi int) { vector.Ternarize(dst[lo:hi], w[lo:hi], rounding) })
}

// center writes w - mean(w) to dst, whose signs are the weights of b1.
func (m *Mode) center(dst, w []float32) {
	mean := quant.Mean(w)
	m.pool().For(len(w), 1<<14, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			dst[i] = w[i] - mean
		}
	})
}

// Codes writes the ternary values of a weight w of rows to dst and returns its scale, or the mean of the
// scales of its groups.
func (m *Mode) Codes(dst, w []float32, rows int) (scale float32) {
	if m.Group != quant.WholeTensor {
		return m.groupCodes(dst, w, rows)
	}
	scale = m.Scale(w)
	m.ternarize(dst, w, scale)
	return scale
}

// groupCodes is Codes with a scale a group.
func (m *Mode) groupCodes(dst, w []float32, rows int) float32 {
	k := len(w) / rows
	size := quant.GroupSize(m.Group, k)
	sums := make([]float64, rows)
	m.pool().For(rows, 1+1<<13/k, func(lo, hi int) {
		codes, scales := make([]int8, k), make([]float32, k/size)
		for i := lo; i < hi; i++ {
			quant.Groups(codes, scales, w[i*k:][:k], m.Group, m.Sign)
			vector.WidenInt8(dst[i*k:][:k], codes)
			for _, s := range scales {
				sums[i] += float64(s)
			}
		}
	})
	total := 0.0
	for _, s := range sums {
		total += s
	}
	return float32(total / float64(rows*k/size))
}

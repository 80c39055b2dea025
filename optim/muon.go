package optim

import (
	"math"
	"slices"

	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
)

// Kind says which optimiser moves the matrices of the layers. AdamW moves all other weights.
type Kind string

// Kinds of optimisers.
const (
	ByAdamW Kind = "adamw"
	ByMuon  Kind = "muon"
)

// Kinds lists the optimisers.
var Kinds = []Kind{ByAdamW, ByMuon}

// Muon (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024) moves a
// matrix by the nearest orthogonal matrix to its momentum, so all directions of the update have one
// length. A step of a matrix is, in this order: Nesterov on each part of the gradient, Orthogonalize on
// the whole, and Descend with each part of that.
type Muon struct {
	pool             *parallel.Pool
	next, gram, poly []float32
}

// NewMuon makes a Muon whose products run on a pool.
func NewMuon(pool *parallel.Pool) *Muon { return &Muon{pool: pool} }

// MuonMemory is the number of bytes that a Muon and the caller's copy of a matrix take.
func MuonMemory(rows, cols int) int64 {
	short := min(rows, cols)
	return 4 * int64(2*rows*cols+2*short*short)
}

// newtonSchulzSteps is how often the polynomial is applied, and a, b and c are its coefficients, which
// were chosen by Jordan et al.: it takes singular values from 0.003 to 1 to between 0.7 and 1.2.
const newtonSchulzSteps, nsA, nsB, nsC = 5, 3.4445, -4.7750, 2.0315

// MuonFLOPs is the number of operations that Orthogonalize takes for a matrix.
func MuonFLOPs(rows, cols int) int {
	short, long := min(rows, cols), max(rows, cols)
	return newtonSchulzSteps * 2 * short * short * (2*long + short)
}

// Nesterov moves the momentum of the elements [lo,hi) of a parameter towards grad times gradScale and
// replaces grad by the mean of both, which looks one step ahead. Elements do not depend on each
// other.
func (p *Param) Nesterov(lo, hi int, grad []float32, gradScale float32, momentum float64) {
	m, grad, fresh := p.M[lo:hi], grad[lo:hi], float32(1-momentum)*gradScale
	vector.Scale(float32(momentum), m)
	vector.Axpy(fresh, grad, m)
	vector.Scale(fresh, grad)
	vector.Axpy(float32(momentum), m, grad)
}

// Descend moves the elements [lo,hi) of a parameter against an orthogonal direction. The rate is
// that of AdamW: a direction of [rows,cols] is multiplied by 0.2*sqrt(max(rows, cols)), which gives it
// the root mean square of AdamW's updates (Liu et al., "Muon is Scalable for LLM Training", 2025).
func (p *Param) Descend(lo, hi int, direction []float32, rows, cols int, rate, decay float64) {
	value := p.Value[lo:hi]
	if decay != 0 {
		vector.Scale(float32(1-rate*decay), value)
	}
	vector.Axpy(float32(-rate*0.2*math.Sqrt(float64(max(rows, cols)))), direction[lo:hi], value)
}

// Orthogonalize replaces x [rows,cols] by about the nearest orthogonal matrix, U V^T of its singular
// value decomposition: by steps of Newton and Schulz, X = aX + (bA + cAA)X with A = XX^T. Its bits do not
// depend on the number of threads. The products are in float32, or in bfloat16 as published, for which
// gemm.HasBF16 must be true. A matrix of zeros stays as it is.
func (m *Muon) Orthogonalize(x []float32, rows, cols int, bf16 bool) {
	short := min(rows, cols)
	m.next = slices.Grow(m.next[:0], len(x))[:len(x)]
	m.gram = slices.Grow(m.gram[:0], short*short)[:short*short]
	m.poly = slices.Grow(m.poly[:0], short*short)[:short*short]
	vector.Scale(float32(1/(math.Sqrt(vector.SumSquares(x))+1e-7)), x)
	from, to := x, m.next
	for range newtonSchulzSteps {
		m.step(to, from, rows, cols, bf16)
		from, to = to, from
	}
	copy(x, from)
}

// step writes a step of x to y. A is the smaller of XX^T and X^TX, on the side where it is that.
func (m *Muon) step(y, x []float32, rows, cols int, bf16 bool) {
	short := min(rows, cols)
	wide := rows <= cols
	p := gemm.Product{M: short, N: short, K: max(rows, cols), A: x, LDA: cols, TransA: !wide,
		B: []gemm.Rows{{Count: rows, F32: x}}, TransB: wide, C: [][]float32{m.gram}}
	m.run(p, bf16)
	m.scaled(m.poly, m.gram, nsB/nsC)
	p = gemm.Product{M: short, N: short, K: short, A: m.gram, LDA: short,
		B: []gemm.Rows{{Count: short, F32: m.gram}}, C: [][]float32{m.poly}, Accumulate: true}
	m.run(p, bf16)
	m.scaled(m.poly, m.poly, nsC)
	m.scaled(y, x, nsA)
	p = gemm.Product{M: rows, N: cols, K: short, A: m.poly, LDA: short,
		B: []gemm.Rows{{Count: rows, F32: x}}, C: [][]float32{y}, Accumulate: true}
	if !wide {
		p.A, p.LDA, p.B = x, cols, []gemm.Rows{{Count: cols, F32: m.poly}}
	}
	m.run(p, bf16)
}

func (m *Muon) run(p gemm.Product, bf16 bool) {
	if bf16 {
		p.BF16(m.pool)
		return
	}
	p.Float32(m.pool)
}

// scaled writes f*x to dst.
func (m *Muon) scaled(dst, x []float32, f float32) {
	m.pool.For(len(x), 1<<14, func(lo, hi int) { vector.ScaleTo(dst[lo:hi], x[lo:hi], f) })
}

package optim

import (
	"math"
	"slices"
	"sync"

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
	pool   *parallel.Pool
	spaces sync.Pool // of *muonSpace, one for each thread that is at work
}

// NewMuon makes a Muon that works on a pool.
func NewMuon(pool *parallel.Pool) *Muon {
	return &Muon{pool: pool, spaces: sync.Pool{New: func() any { return new(muonSpace) }}}
}

// Matrix is one of Muon's: X [Rows,Cols].
type Matrix struct {
	X          []float32
	Rows, Cols int
}

// MuonBatch is the number of values from which on a batch of matrices is large enough to keep all threads
// busy, and not yet so large that its copies count.
const MuonBatch = 1 << 22

// MuonMemory is the number of bytes that a Muon with a number of threads takes, if no matrix is larger than this one.
func MuonMemory(rows, cols, threads int) int64 {
	short := min(rows, cols)
	space := 4 * int64(rows*cols+5*short*short)
	if rows*cols < MuonBatch {
		space *= int64(threads)
	}
	return space
}

// newtonSchulzSteps is how often the polynomial is applied, and a, b and c are its coefficients, which
// were chosen by Jordan et al. for five steps: they take singular values from 0.003 to 1 to between 0.7 and
// 1.2. Three steps take those from 0.02 on there, and multiply smaller ones by 41. With momenta of models that
// comes as near to the nearest orthogonal matrix, but for square ones, whose smallest values are noise.
const newtonSchulzSteps, nsA, nsB, nsC = 3, 3.4445, -4.7750, 2.0315

// MuonFLOPs is the number of operations that Orthogonalize in bfloat16 takes for a matrix: half of a symmetric product
// is computed.
func MuonFLOPs(rows, cols int) int {
	short, long := min(rows, cols), max(rows, cols)
	symmetric := newtonSchulzSteps + 3*(newtonSchulzSteps-1) // G^2; then PQ, and GPP
	return short * short * (3*long + symmetric*short)
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

// Orthogonalize replaces each matrix by about the nearest orthogonal one, U V^T of its singular value
// decomposition: by steps of Newton and Schulz, X = aX + (bA + cAA)X with A = XX^T. Before them X is divided
// by the square root of the length of XX^T, which is no less than its largest singular value (Grishina, Smirnov
// and Rakhuba, "Accelerating Newton-Schulz Iteration for Orthogonalization via Chebyshev-type Polynomials",
// 2025). Its bits do not depend on
// the number of threads. The products are in float32, or in bfloat16 as published, for which gemm.HasBF16
// must be true. A matrix of zeros stays as it is.
//
// Of several matrices each thread takes whole ones: the products of a small model's are too short to be
// cut. One alone is cut.
func (m *Muon) Orthogonalize(xs []Matrix, bf16 bool) {
	pool := parallel.OneThread
	if len(xs) == 1 {
		pool = m.pool
	}
	m.pool.Chunks(len(xs), 1, func(lo, hi int) {
		space := m.spaces.Get().(*muonSpace)
		defer m.spaces.Put(space)
		space.pool, space.bf16 = pool, bf16
		for _, x := range xs[lo:hi] {
			space.orthogonalize(x)
		}
	})
}

// muonSpace is what the work on a matrix needs.
type muonSpace struct {
	pool                    *parallel.Pool
	bf16                    bool
	next, gram, inner, poly []float32
	polar                   polar
}

func (m *muonSpace) orthogonalize(matrix Matrix) {
	x, rows, cols := matrix.X, matrix.Rows, matrix.Cols
	vector.Scale(float32(1/(math.Sqrt(vector.SumSquares(x))+1e-7)), x)
	if m.bf16 {
		m.polar.pool = m.pool
		m.polar.orthogonalize(x, rows, cols)
		return
	}
	m.inFloat32(x, rows, cols)
}

// gramScale is what a Gram matrix is multiplied by for its length to be 1; zeros stay.
func gramScale(sumSquares float64) float64 { return 1 / (math.Sqrt(sumSquares) + 1e-14) }

// inFloat32 takes the steps in float32, on x itself.
func (m *muonSpace) inFloat32(x []float32, rows, cols int) {
	short := min(rows, cols)
	m.next = slices.Grow(m.next[:0], len(x))[:len(x)]
	for _, square := range []*[]float32{&m.gram, &m.inner, &m.poly} {
		*square = slices.Grow((*square)[:0], short*short)[:short*short]
	}
	from, to := x, m.next
	for step := range newtonSchulzSteps {
		m.square(from, rows, cols)
		if step == 0 {
			scale := gramScale(vector.SumSquares(m.gram))
			vector.Scale(float32(scale), m.gram)
			vector.Scale(float32(math.Sqrt(scale)), from)
		}
		m.step(to, from, rows, cols)
		from, to = to, from
	}
	copy(x, from)
}

// square makes the smaller one of XX^T and X^TX.
func (m *muonSpace) square(x []float32, rows, cols int) {
	short, wide := min(rows, cols), rows <= cols
	p := gemm.Product{M: short, N: short, K: max(rows, cols), A: x, LDA: cols, TransA: !wide,
		B: []gemm.Rows{{Count: rows, F32: x}}, TransB: wide, C: [][]float32{m.gram}}
	p.Float32(m.pool)
}

// step writes a step of x to y: y = (aI + A(bI + cA))x, where A is the square of x, on the side
// where it is that. With the factors on diagonals no matrix is scaled or added to.
func (m *muonSpace) step(y, x []float32, rows, cols int) {
	short := min(rows, cols)
	vector.ScaleTo(m.inner, m.gram, nsC)
	addDiagonal(m.inner, short, nsB)
	polynomial := gemm.Product{M: short, N: short, K: short, A: m.gram, LDA: short,
		B: []gemm.Rows{{Count: short, F32: m.inner}}, C: [][]float32{m.poly}}
	polynomial.Float32(m.pool)
	addDiagonal(m.poly, short, nsA)
	p := gemm.Product{M: rows, N: cols, K: short, A: m.poly, LDA: short,
		B: []gemm.Rows{{Count: rows, F32: x}}, C: [][]float32{y}}
	if rows > cols {
		p.A, p.LDA, p.B = x, cols, []gemm.Rows{{Count: cols, F32: m.poly}}
	}
	p.Float32(m.pool)
}

// addDiagonal adds v to the diagonal of x [n,n].
func addDiagonal(x []float32, n int, v float32) {
	for i := range n {
		x[i*n+i] += v
	}
}

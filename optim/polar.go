package optim

import (
	"math"

	"trit/bitlinear/kernel/gemm"
	"trit/internal/parallel"
)

// polar takes the steps of Newton and Schulz in bfloat16, all of them on the Gram matrix G of x, the smaller one
// ("Gram Newton-Schulz", Zhang, Amsel, Chen and Dao, 2026): with P = aI + E, E = bG + cG^2, a step makes PGP of G and
// PQ of Q, which begins as the identity, and in the end Q multiplies x once. All of these are polynomials of the first
// G, so they are symmetric, and half of each is computed. The operands stay packed from product to product. What is
// rounded to bfloat16 is E and its factors, not P: the diagonal of P would hide what is small in E.
type polar struct {
	pool           *parallel.Pool
	xLeft          gemm.Panels
	xRight         gemm.Right
	g, e, q        gemm.Triangle
	gLeft, product gemm.Panels
	gRight, eRight gemm.Right
	qLeft, qNext   gemm.Panels
	qRight         gemm.Right
}

// orthogonalize is that of a matrix.
func (p *polar) orthogonalize(x []float32, rows, cols int) {
	scale := p.begin(x, rows, cols)
	for step := range newtonSchulzSteps {
		p.e.Combine(p.pool, nsB, &p.g, nsC, &p.gLeft, &p.gRight, &p.eRight)
		switch step {
		case 0:
			p.q.AddIdentity(&p.e, nsA, &p.qLeft)
		case newtonSchulzSteps - 1:
			p.multiply(scale, &p.qRight)
			continue
		default:
			p.multiply(1)
		}
		p.g.Combine(p.pool, nsA, &p.g, 1, &p.gLeft, &p.eRight, &p.product)
		p.g.Combine(p.pool, nsA, &p.g, 1, &p.product, &p.eRight, &p.gLeft, &p.gRight)
	}
	p.finish(x, rows, cols)
}

// begin makes G, divided by its length, and returns what x is to be multiplied by for that.
func (p *polar) begin(x []float32, rows, cols int) float32 {
	wide, short, long := rows <= cols, min(rows, cols), max(rows, cols)
	p.xLeft.Pack(p.pool, x, short, long, !wide)
	p.xRight.Pack(p.pool, x, long, short, wide)
	p.g.Mul(p.pool, &p.xLeft, &p.xRight)
	scale := gramScale(p.g.SumSquares())
	p.g.Scale(float32(scale), &p.gLeft, &p.gRight)
	return float32(math.Sqrt(scale))
}

// multiply makes Q PQ times a factor.
func (p *polar) multiply(factor float32, sides ...gemm.Side) {
	p.q.Combine(p.pool, factor*nsA, &p.q, factor, &p.qLeft, &p.eRight, append(sides, &p.qNext)...)
	p.qLeft, p.qNext = p.qNext, p.qLeft
}

// finish multiplies x by Q, on the side where it is short.
func (p *polar) finish(x []float32, rows, cols int) {
	if rows <= cols {
		p.xRight.Pack(p.pool, x, rows, cols, false)
		p.qLeft.Mul(p.pool, &p.xRight, x)
		return
	}
	p.xLeft.Pack(p.pool, x, rows, cols, false)
	p.xLeft.Mul(p.pool, &p.qRight, x)
}

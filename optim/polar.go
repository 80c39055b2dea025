package optim

import (
	"math"

	"trit/bitlinear/kernel/gemm"
	"trit/internal/parallel"
)

// polar takes the steps of Newton and Schulz in bfloat16, all of them on the Gram matrix G of x, the smaller one
// ("Gram Newton-Schulz", Zhang, Amsel, Chen and Dao, 2026): with P = aI + bG + cG^2 a step makes PGP of G and PQ of Q,
// which begins as the identity, and in the end Q multiplies x once. All of these are polynomials of the first G, so
// they are symmetric, and half of each is computed. The operands stay packed from product to product.
type polar struct {
	pool                      *parallel.Pool
	left                      gemm.Left // of x
	right                     gemm.Right
	first                     gemm.Triangle // G as it begins
	gram, product, q, next    gemm.Left
	inner, polynomial, qRight gemm.Right // inner is bI + cG
}

// orthogonalize is that of a matrix.
func (p *polar) orthogonalize(x []float32, rows, cols int) {
	wide := rows <= cols
	scale := p.begin(x, rows, cols)
	for step := range newtonSchulzSteps {
		p.evaluate(step == 0)
		last := step == newtonSchulzSteps-1
		image := gemm.Image{Left: &p.next, Scale: 1}
		if last {
			image.Scale = float32(scale)
		}
		if last && !wide {
			image.Left, image.Right = nil, &p.qRight
		}
		if step > 0 {
			p.q.MulSymmetric(p.pool, &p.polynomial, image)
			p.q, p.next = p.next, p.q
		}
		if !last {
			p.advance()
		}
	}
	p.finish(x, rows, cols)
}

// begin makes G, divided by its length, and returns what x is to be multiplied by for that.
func (p *polar) begin(x []float32, rows, cols int) (scale float64) {
	wide, short, long := rows <= cols, min(rows, cols), max(rows, cols)
	p.left.Pack(p.pool, x, short, long, !wide)
	p.right.Pack(p.pool, x, long, short, wide)
	p.first.Mul(p.pool, &p.left, &p.right)
	scale = gramScale(p.first.SumSquares())
	p.first.Write(p.pool, gemm.Image{Left: &p.gram, Scale: float32(scale)},
		gemm.Image{Right: &p.inner, Scale: float32(nsC * scale), Diagonal: nsB})
	return math.Sqrt(scale)
}

// evaluate makes P, and in the first step Q, which is P.
func (p *polar) evaluate(first bool) {
	images := []gemm.Image{{Right: &p.polynomial, Scale: 1, Diagonal: nsA}}
	if first {
		images = append(images, gemm.Image{Left: &p.q, Scale: 1, Diagonal: nsA})
	}
	p.gram.MulSymmetric(p.pool, &p.inner, images...)
}

// advance makes the next G.
func (p *polar) advance() {
	p.gram.MulSymmetric(p.pool, &p.polynomial, gemm.Image{Left: &p.product, Scale: 1})
	p.product.MulSymmetric(p.pool, &p.polynomial, gemm.Image{Left: &p.gram, Scale: 1},
		gemm.Image{Right: &p.inner, Scale: nsC, Diagonal: nsB})
}

// finish multiplies x by Q, on the side where it is short.
func (p *polar) finish(x []float32, rows, cols int) {
	if rows <= cols {
		p.right.Pack(p.pool, x, rows, cols, false)
		p.q.Mul(p.pool, &p.right, x)
		return
	}
	p.left.Pack(p.pool, x, rows, cols, false)
	p.left.Mul(p.pool, &p.qRight, x)
}

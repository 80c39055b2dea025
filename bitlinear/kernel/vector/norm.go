package vector

// Add writes dst[i] = x[i] + y[i] over the length of x. dst may be x or y.
func Add(dst, x, y []float32) {
	all, n := len(x), lanes(len(x))
	dst, y = dst[:all], y[:all]
	if n > 0 {
		chosen.add(n, &dst[0], &x[0], &y[0])
	}
	addGeneric(dst[n:], x[n:], y[n:])
}

// NormSums makes the sums of the gradient of a norm y[i] = w[i]*(x[i]*inverse), over the length of g, the gradient
// of y: it adds those of w, x[i]*g[i]*inverse, to dw, and returns the sum of their products with w.
func NormSums(dw, g, x, w []float32, inverse float32) (sum float32) {
	all, n := len(g), lanes(len(g))
	dw, x, w = dw[:all], x[:all], w[:all]
	if n > 0 {
		sum = chosen.normSums(n, &dw[0], &g[0], &x[0], &w[0], inverse)
	}
	return sum + normSumsGeneric(dw[n:], g[n:], x[n:], w[n:], inverse)
}

// NormGrad writes dst[i] = w[i]*(g[i]*inverse) - x[i]*f over the length of g: the gradient of the input of a norm, by
// a factor f of what NormSums returns. dst may be g.
func NormGrad(dst, g, x, w []float32, inverse, f float32) {
	all, n := len(g), lanes(len(g))
	dst, x, w = dst[:all], x[:all], w[:all]
	if n > 0 {
		chosen.normGrad(n, &dst[0], &g[0], &x[0], &w[0], inverse, f)
	}
	normGradGeneric(dst[n:], g[n:], x[n:], w[n:], inverse, f)
}

// AddNormGrad adds what NormGrad writes to dst.
func AddNormGrad(dst, g, x, w []float32, inverse, f float32) {
	all, n := len(g), lanes(len(g))
	dst, x, w = dst[:all], x[:all], w[:all]
	if n > 0 {
		chosen.addNormGrad(n, &dst[0], &g[0], &x[0], &w[0], inverse, f)
	}
	addNormGradGeneric(dst[n:], g[n:], x[n:], w[n:], inverse, f)
}

package vector

import "trit/bitlinear/quant"

// Axpy adds a*x to y.
func Axpy(a float32, x, y []float32) {
	n := lanes(len(x))
	y = y[:len(x)]
	if n > 0 {
		chosen.axpy(n, a, &x[0], &y[0])
	}
	axpyGeneric(a, x[n:], y[n:])
}

// Rescale writes dst[i] = float32(x[i])*f over the length of x.
func Rescale(dst []float32, x []int32, f float32) {
	n := lanes(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		chosen.rescale(n, &dst[0], &x[0], f)
	}
	rescaleGeneric(dst[n:], x[n:], f)
}

// ScaleTo writes dst[i] = x[i]*f over the length of x.
func ScaleTo(dst, x []float32, f float32) {
	n := lanes(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		chosen.scale(n, &dst[0], &x[0], f)
	}
	scaleGeneric(dst[n:], x[n:], f)
}

// Scale multiplies x by f.
func Scale(f float32, x []float32) { ScaleTo(x, x, f) }

// Ternarize writes -1, 0 or +1 for each of w as float32, rounded as r says.
func Ternarize(dst, w []float32, r quant.Rounding) {
	n, factor := lanes(len(w)), r.Factor()
	dst = dst[:len(w)]
	if n > 0 {
		chosen.ternarize(n, &dst[0], &w[0], factor)
	}
	ternarizeGeneric(dst[n:], w[n:], factor)
}

// Ternary is Ternarize of a single weight.
func Ternary(w float32, r quant.Rounding) float32 { return ternary(w, r.Factor()) }

// ScaledProduct writes dst[i] = w[i]*(x[i]*f) over the length of w.
func ScaledProduct(dst, w, x []float32, f float32) {
	n := lanes(len(w))
	dst, x = dst[:len(w)], x[:len(w)]
	if n > 0 {
		chosen.scaledProduct(n, &dst[0], &w[0], &x[0], f)
	}
	scaledProductGeneric(dst[n:], w[n:], x[n:], f)
}

// Rotate replaces x[i], y[i] by x[i]*cos[i]-y[i]*sin[i], y[i]*cos[i]+x[i]*sin[i] over the
// length of x, as RoPE does, each product and sum rounded by itself.
func Rotate(x, y, cos, sin []float32) {
	n := lanes(len(x))
	y, cos, sin = y[:len(x)], cos[:len(x)], sin[:len(x)]
	if n > 0 {
		chosen.rotate(n, &x[0], &y[0], &cos[0], &sin[0])
	}
	rotateGeneric(x[n:], y[n:], cos[n:], sin[n:])
}

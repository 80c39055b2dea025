package vector

import "trit/bitlinear/quant"

// DeadSum is the sum of those of w that are rounded to 0.
func DeadSum(w []float32, r quant.Rounding) (sum float32) {
	n, factor := lanes(len(w)), r.Factor()
	if n > 0 {
		sum = chosen.deadSum(n, &w[0], factor)
	}
	return sum + deadSumGeneric(w[n:], factor)
}

// DeadAdd adds a to dst[i] where w[i] is rounded to 0, over the length of w.
func DeadAdd(a float32, dst, w []float32, r quant.Rounding) {
	n, factor := lanes(len(w)), r.Factor()
	dst = dst[:len(w)]
	if n > 0 {
		chosen.deadAdd(n, &dst[0], &w[0], factor, a)
	}
	deadAddGeneric(dst[n:], w[n:], factor, a)
}

func deadSumGeneric(w []float32, factor float32) (sum float32) {
	for _, v := range w {
		if ternary(v, factor) == 0 {
			sum += v
		}
	}
	return sum
}

func deadAddGeneric(dst, w []float32, factor, a float32) {
	for i, v := range w {
		if ternary(v, factor) == 0 {
			dst[i] += a
		}
	}
}

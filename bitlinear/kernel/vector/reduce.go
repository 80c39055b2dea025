package vector

import (
	"math"

	"trit/internal/parallel"
)

// AbsMax is the largest |x[i]|, or 0 if x is empty.
func AbsMax(x []float32) float32 {
	n := lanes(len(x))
	top := absMaxGeneric(x[n:])
	if n > 0 {
		top = max(top, chosen.absMax(n, &x[0]))
	}
	return top
}

// Max is the largest of x, or minus infinity if x is empty.
func Max(x []float32) float32 {
	n := lanes(len(x))
	top := float32(math.Inf(-1))
	for _, v := range x[n:] {
		top = max(top, v)
	}
	if n > 0 {
		top = max(top, chosen.max(n, &x[0]))
	}
	return top
}

// SumSquares is the sum of x[i]*x[i] in float64.
func SumSquares(x []float32) (sum float64) {
	n := lanes(len(x))
	if n > 0 {
		sum = chosen.sumSquares(n, &x[0])
	}
	return sum + sumSquaresGeneric(x[n:])
}

// absMeanPart is the number of values in a part of AbsMean's sum.
const absMeanPart = 1 << 16

// AbsMean is quant.AbsMean on the threads of a pool, in parts that do not depend on their number;
// the order of float64 sums of float32 values hardly ever shows in the float32 result.
func AbsMean(pool *parallel.Pool, w []float32) float32 {
	parts := make([]float64, (len(w)+absMeanPart-1)/absMeanPart)
	pool.For(len(parts), 1, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			parts[i] = absSum(w[i*absMeanPart : min((i+1)*absMeanPart, len(w))])
		}
	})
	total := 0.0
	for _, s := range parts {
		total += s
	}
	return float32(max(total/float64(max(len(w), 1)), 1e-5))
}

// absSum is the sum of |w[i]|.
func absSum(w []float32) (sum float64) {
	n := lanes(len(w))
	if n > 0 {
		sum = chosen.absSum(n, &w[0])
	}
	return sum + absSumGeneric(w[n:])
}

package kernel

import (
	"math"

	"gonum.org/v1/gonum/blas/gonum"

	"trit/internal/float16"
	"trit/internal/parallel"
)

// QuantizeActivations writes the int8 activations of one token and returns their
// scale, with the bits of quant.Activations.
func QuantizeActivations(dst []int8, x []float32) (scale float32) {
	scale = activationScale(x)
	quantize(dst, x, scale)
	return scale
}

func quantizeGeneric(dst []int8, x []float32, scale float32) {
	for i, v := range x {
		dst[i] = int8(max(-128, min(127, roundEven(v*scale))))
	}
}

// rescaleGeneric writes float32(x[i])*f.
func rescaleGeneric(dst []float32, x []int32, f float32) {
	for i, v := range x {
		dst[i] = float32(v) * f
	}
}

func scaledProductGeneric(dst, w, x []float32, f float32) {
	for i, v := range x {
		dst[i] = w[i] * (v * f)
	}
}

func relu2ProductGeneric(gate, up []float32) {
	for i, g := range gate {
		g = max(g, 0)
		gate[i] = g * g * up[i]
	}
}

func dotF16Generic(w []uint16, x []float32) (sum float32) {
	for i, v := range x {
		sum += float16.FromBits(w[i]) * v
	}
	return sum
}

// ternarizeGeneric writes the ternary values of w under an inverse scale.
func ternarizeGeneric(dst, w []float32, inverse float32) {
	for i, v := range w {
		dst[i] = ternaryFloat(v, inverse)
	}
}

func ternaryFloat(w, inverse float32) float32 { return roundEven(max(-1, min(1, w*inverse))) }

// absMeanPart is how many values AbsMean adds up at a time.
const absMeanPart = 1 << 16

// AbsMean is quant.AbsMean on several threads, in parts that do not depend on their number;
// the order of float64 sums of float32 values hardly ever shows in the float32 result.
func AbsMean(w []float32) float32 {
	parts := make([]float64, ceil(len(w), absMeanPart))
	parallel.For(len(parts), 1, func(lo, hi int) {
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
		sum = chosenVectors.absSum(n, &w[0])
	}
	return sum + absSumGeneric(w[n:])
}

// absSumGeneric has eight sums, which the processor overlaps.
func absSumGeneric(w []float32) (total float64) {
	var sums [8]float64
	i := 0
	for ; i+8 <= len(w); i += 8 {
		for j, v := range w[i : i+8] {
			sums[j] += math.Abs(float64(v))
		}
	}
	for _, v := range w[i:] {
		sums[0] += math.Abs(float64(v))
	}
	for _, s := range sums {
		total += s
	}
	return total
}

func activationScale(x []float32) float32 { return 127 / max(absMax(x), 1e-5) }

// absMaxGeneric is the largest |x[i]|.
func absMaxGeneric(x []float32) float32 {
	var top float32
	for _, v := range x {
		top = max(top, math.Float32frombits(math.Float32bits(v)&^(1<<31)))
	}
	return top
}

// roundEven rounds half to even for |v| < 2^22: adding 1.5*2^23 leaves no room for a
// fraction, and the addition itself rounds half to even.
func roundEven(v float32) float32 {
	const magic = 3 << 22
	return (v + magic) - magic
}

func dotGeneric(x, y []float32) float32 {
	if len(x) == 0 {
		return 0
	}
	return gonum.Implementation{}.Sdot(len(x), x, 1, y, 1)
}

func axpyGeneric(a float32, x, y []float32) {
	if len(x) > 0 {
		gonum.Implementation{}.Saxpy(len(x), a, x, 1, y, 1)
	}
}

package vector

import (
	"encoding/binary"
	"math"

	"gonum.org/v1/gonum/blas/gonum"

	"trit/internal/float16"
)

// The functions of an implementation in plain Go: each takes any number of elements, and each
// assembly function is compared with its own. Where bits must be the same on all machines, a product
// is converted before it is added: the compilers of some would make one operation of both.

func dotGeneric(x, y []float32) float32 {
	if len(x) == 0 {
		return 0
	}
	return gonum.Implementation{}.Sdot(len(x), x, 1, y, 1)
}

func dotF16Generic(w []uint16, x []float32) (sum float32) {
	for i, v := range x {
		sum += float16.FromBits(w[i]) * v
	}
	return sum
}

func axpyGeneric(a float32, x, y []float32) {
	if len(x) > 0 {
		gonum.Implementation{}.Saxpy(len(x), a, x, 1, y, 1)
	}
}

func addGeneric(dst, x, y []float32) {
	for i, v := range x {
		dst[i] = v + y[i]
	}
}

func normSumsGeneric(dw, g, x, w []float32, inverse float32) (sum float32) {
	for i, v := range g {
		v = x[i] * (v * inverse)
		sum += v * w[i]
		dw[i] += v
	}
	return sum
}

func normGradGeneric(dst, g, x, w []float32, inverse, f float32) {
	for i, v := range g {
		dst[i] = w[i]*(v*inverse) - x[i]*f
	}
}

func addNormGradGeneric(dst, g, x, w []float32, inverse, f float32) {
	for i, v := range g {
		dst[i] += w[i]*(v*inverse) - x[i]*f
	}
}

// rescaleGeneric writes float32(x[i])*f.
func rescaleGeneric(dst []float32, x []int32, f float32) {
	for i, v := range x {
		dst[i] = float32(v) * f
	}
}

func scaleGeneric(dst, x []float32, f float32) {
	for i, v := range x {
		dst[i] = v * f
	}
}

// ternarizeGeneric writes the ternary values of w times a factor; see quant.Rounding.
func ternarizeGeneric(dst, w []float32, factor float32) {
	for i, v := range w {
		dst[i] = ternary(v, factor)
	}
}

func ternary(w, factor float32) float32 { return roundEven(max(-1, min(1, w*factor))) }

func scaledProductGeneric(dst, w, x []float32, f float32) {
	for i, v := range x {
		dst[i] = w[i] * (v * f)
	}
}

func rotateGeneric(x, y, cos, sin []float32) {
	for i, u := range x {
		v, c, s := y[i], cos[i], sin[i]
		x[i], y[i] = float32(u*c)-float32(v*s), float32(v*c)+float32(u*s)
	}
}

func relu2ProductGeneric(dst, gate, up []float32) {
	for i, g := range gate {
		g = max(g, 0)
		dst[i] = g * g * up[i]
	}
}

func siluProductGeneric(dst, gate, up []float32) {
	for i, g := range gate {
		dst[i] = g * (1 / (1 + Exp(-g))) * up[i]
	}
}

func relu2GradGeneric(dGate, dUp, gate, up, grad []float32) {
	for i, d := range grad {
		g, u := max(gate[i], 0), up[i]
		dGate[i] = 2 * g * u * d
		dUp[i] = g * g * d
	}
}

func siluGradGeneric(dGate, dUp, gate, up, grad []float32) {
	for i, d := range grad {
		g, u := gate[i], up[i]
		s := 1 / (1 + Exp(-g))
		dGate[i] = s * (1 + float32(g*(1-s))) * u * d
		dUp[i] = g * s * d
	}
}

func expScaledGeneric(x []float32, scale, top float32) (sum float32) {
	for i, v := range x {
		x[i] = Exp(scale * (v - top))
		sum += x[i]
	}
	return sum
}

func expSumGeneric(x []float32, scale, top float32) (sum float32) {
	for _, v := range x {
		sum += Exp(scale * (v - top))
	}
	return sum
}

// absMaxGeneric is the largest |x[i]|.
func absMaxGeneric(x []float32) float32 {
	var top float32
	for _, v := range x {
		top = max(top, math.Float32frombits(math.Float32bits(v)&^(1<<31)))
	}
	return top
}

func quantizeGeneric(dst []int8, x []float32, scale float32) {
	for i, v := range x {
		dst[i] = int8(max(-128, min(127, roundEven(float32(v*scale)))))
	}
}

// roundEven rounds half to even for |v| < 2^22: adding 1.5*2^23 leaves no bits for a fraction, and
// the addition itself rounds half to even.
func roundEven(v float32) float32 {
	const magic = 3 << 22
	return (v + magic) - magic
}

func sumSquaresGeneric(x []float32) float64 {
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a, b, c, d := float64(x[i]), float64(x[i+1]), float64(x[i+2]), float64(x[i+3])
		s0, s1, s2, s3 = s0+a*a, s1+b*b, s2+c*c, s3+d*d
	}
	for ; i < len(x); i++ {
		s0 += float64(x[i]) * float64(x[i])
	}
	return s0 + s1 + s2 + s3
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

func widenF16Generic(dst []float32, x []uint16) {
	for i, v := range x {
		dst[i] = float16.FromBits(v)
	}
}

func widenInt8Generic(dst []float32, x []int8) {
	for i, v := range x {
		dst[i] = float32(v)
	}
}

func narrowF16Generic(dst []uint16, x []float32) {
	for i, v := range x {
		dst[i] = float16.Bits(v)
	}
}

func floatsQ80Generic(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[q80Values:], src[q80Bytes:] {
		d := half(src)
		for i, v := range src[2:q80Bytes] {
			dst[i] = d * float32(int8(v))
		}
	}
}

// floatsQ6KGeneric: a block has 128 bytes of low nibbles and 64 of high pairs, each for two
// halves of 128 values, then 16 scales of 16 values, and a scale of those.
func floatsQ6KGeneric(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[q6kValues:], src[q6kBytes:] {
		pairs, scales, d := src[128:192], src[192:208], half(src[208:])
		for i := range dst[:q6kValues] {
			h, part, at := i/128, i%128/32, i%32
			low := src[64*h+part%2*32+at] >> (part / 2 * 4) & 15
			high := pairs[32*h+at] >> (2 * part) & 3
			dst[i] = d * float32(int8(scales[i/16])) * float32(int(low|high<<4)-32)
		}
	}
}

func half(b []byte) float32 { return float16.FromBits(binary.LittleEndian.Uint16(b)) }

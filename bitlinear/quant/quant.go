// Package quant defines the arithmetic of BitNet b1.58, in plain code that is not made for speed:
// absmean ternary weights, absmax int8 activations and the I2_S packing. Trainer, converter and
// engine call it or are tested against it.
//
// Source: "The Era of 1-bit LLMs: Training Tips, Code and FAQ"; the packing is the
// one that bitnet.cpp reads.
package quant

import "math"

// MinScale is the floor of absmean and absmax, which keeps zero tensors finite.
const MinScale = 1e-5

// AbsMean is max(mean|w|, 1e-5), the scale of a ternary tensor. The sum is taken in
// float64, so it does not depend on the order of the weights within float32.
func AbsMean(w []float32) float32 {
	sum := 0.0
	for _, x := range w {
		sum += math.Abs(float64(x))
	}
	return float32(max(sum/float64(max(len(w), 1)), MinScale))
}

// Ternary is the ternary value of weight w under an inverse scale 1/AbsMean:
// w*inverse rounded half to even and clamped to [-1,1].
func Ternary(w, inverse float32) int8 {
	return int8(max(-1, min(1, math.RoundToEven(float64(w*inverse)))))
}

// Weights writes the ternary values of w to dst and returns their scale, so that
// w is approximately scale*dst.
func Weights(dst []int8, w []float32) (scale float32) {
	scale = AbsMean(w)
	inverse := 1 / scale
	for i, x := range w {
		dst[i] = Ternary(x, inverse)
	}
	return scale
}

// Mean is the mean of w, summed in float64.
func Mean(w []float32) float32 {
	sum := 0.0
	for _, x := range w {
		sum += float64(x)
	}
	return float32(sum / float64(max(len(w), 1)))
}

// Signs is Weights for b1, the first BitNet: dst is the sign of w - Mean(w). The scale is the same
// as the scale of Weights.
func Signs(dst []int8, w []float32) (scale float32) {
	mean := Mean(w)
	for i, x := range w {
		switch d := x - mean; {
		case d > 0:
			dst[i] = 1
		case d < 0:
			dst[i] = -1
		default:
			dst[i] = 0
		}
	}
	return AbsMean(w)
}

// ActivationScale is 127/max(absmax, 1e-5) of one token's activations.
func ActivationScale(x []float32) float32 {
	var absmax float32
	for _, v := range x {
		absmax = max(absmax, float32(math.Abs(float64(v))))
	}
	return AbsMaxScale(absmax)
}

// AbsMaxScale is ActivationScale by the largest absolute value.
func AbsMaxScale(absmax float32) float32 { return 127 / max(absmax, MinScale) }

// Activations writes one token's int8 activations, x*s rounded half to even and
// clamped to [-128,127], and returns s, so that x is approximately dst/s.
func Activations(dst []int8, x []float32) (s float32) {
	s = ActivationScale(x)
	for i, v := range x {
		dst[i] = int8(max(-128, min(127, math.RoundToEven(float64(v*s)))))
	}
	return s
}

// Least4 and Most4 bound activations in 4 bits.
const Least4, Most4 = -8, 7

// Scale4 is sqrt(7)/max(mean, 1e-5), the scale of activations in 4 bits by the mean of their absolute
// values. Source: "BitNet v2: Native 4-bit Activations with Hadamard Transformation for 1-bit LLMs", 2025.
func Scale4(mean float32) float32 { return float32(math.Sqrt(Most4)) / max(mean, MinScale) }

// Activations4 writes one token's activations in 4 bits, x*s rounded half to even and clamped to [-8,7],
// and returns s = Scale4 of their mean, so that x is approximately dst/s. Those above 2.6 times the mean
// are cut.
func Activations4(dst []int8, x []float32) (s float32) {
	sum := 0.0
	for _, v := range x {
		sum += math.Abs(float64(v))
	}
	s = Scale4(float32(sum / float64(max(len(x), 1))))
	for i, v := range x {
		dst[i] = int8(max(Least4, min(Most4, math.RoundToEven(float64(v*s)))))
	}
	return s
}

// Rescale is the factor from the int32 product of one token to its float32 output:
// y = float32(product) * Rescale(weight scale, activation scale). Trainer and engine
// both use it, so their outputs agree to the bit.
func Rescale(weightScale, activationScale float32) float32 { return weightScale / activationScale }

// ActivationGroup is the number of columns that share a scale of activations in products with weights
// that have a scale a group.
const ActivationGroup = 128

// GroupDot is the reference product of a row of weights with a scale a group and of one token's int8
// activations with a factor for each ActivationGroup columns. The columns of a part, which is a
// group or ActivationGroup of one, are summed in int32. The sum times the factor times the scale,
// rounded each, is added to the parts before.
func GroupDot(x []int8, factors []float32, w []int8, scales []float32) (sum float32) {
	group := len(w) / len(scales)
	part := min(group, ActivationGroup)
	for at := 0; at < len(w); at += part {
		product := float32(float32(Dot(x[at:at+part], w[at:at+part])) * factors[at/ActivationGroup])
		product = float32(product * scales[at/group])
		sum += product
	}
	return sum
}

// Dot is the reference product of int8 activations and ternary weights in int32.
func Dot(x, w []int8) int32 {
	var sum int32
	for i, v := range x {
		sum += int32(v) * int32(w[i])
	}
	return sum
}

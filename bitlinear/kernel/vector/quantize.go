package vector

import "trit/bitlinear/quant"

// QuantizeActivations writes the int8 activations of one token and returns their
// scale, with the bits of quant.Activations.
func QuantizeActivations(dst []int8, x []float32) (scale float32) {
	scale = activationScale(x)
	quantize(dst, x, scale)
	return scale
}

// QuantizeActivationGroups writes the int8 activations of one token with a scale for each quant.ActivationGroup values,
// and what a unit of each group is worth to factors, which are stride apart.
func QuantizeActivationGroups(dst []int8, factors []float32, stride int, x []float32) {
	for at := 0; at < len(x); at += quant.ActivationGroup {
		end := min(at+quant.ActivationGroup, len(x))
		factors[at/quant.ActivationGroup*stride] = 1 / QuantizeActivations(dst[at:end], x[at:end])
	}
}

func activationScale(x []float32) float32 { return 127 / max(AbsMax(x), 1e-5) }

func quantize(dst []int8, x []float32, scale float32) {
	n := lanes(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		chosen.quantize(n, &dst[0], &x[0], scale)
	}
	quantizeGeneric(dst[n:], x[n:], scale)
}

// QuantizeActivations4 writes the activations of one token in 4 bits and returns their scale; see
// quant.Activations4.
func QuantizeActivations4(dst []int8, x []float32) (scale float32) {
	scale = quant.Scale4(float32(absSum(x) / float64(max(len(x), 1))))
	quantize(dst, x, scale)
	for i, v := range dst[:len(x)] {
		dst[i] = max(quant.Least4, min(quant.Most4, v))
	}
	return scale
}

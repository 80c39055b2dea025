package vector

// IntoBasis replaces x by H(s*x), in blocks (see Hadamard): the input of weights in a rotated basis, and
// a row of such weights. signs are +1 or -1, as many as x has values; nil: all are +1.
func IntoBasis(x, signs []float32, block int) {
	flip(x, signs)
	Hadamard(x, block)
}

// OutOfBasis is the inverse of IntoBasis.
func OutOfBasis(x, signs []float32, block int) {
	Hadamard(x, block)
	flip(x, signs)
}

func flip(x, signs []float32) {
	for i, s := range signs {
		x[i] *= s
	}
}

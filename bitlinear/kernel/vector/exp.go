package vector

import "math"

// Exp is e^x within 2 units in the last place, 0 below -86.5 and infinite above 88.7:
// x = n log 2 + r with |r| <= log(2)/2, e^r by a polynomial of degree 6.
func Exp(x float32) float32 {
	if x < -86.5 {
		return 0
	}
	if x > 88.7 {
		return float32(math.Inf(1))
	}
	if x != x {
		return x
	}
	// Products are converted before they are added; see generic.go.
	n := roundEven(float32(x * math.Log2E))
	r := x - float32(n*0.693359375) + float32(n*2.12194440e-4)
	p := float32(1.9875691500e-4)
	p = float32(p*r) + 1.3981999507e-3
	p = float32(p*r) + 8.3334519073e-3
	p = float32(p*r) + 4.1665795894e-2
	p = float32(p*r) + 1.6666665459e-1
	p = float32(p*r) + 5.0000001201e-1
	p = float32(float32(p*r)*r) + r + 1
	// In two factors, since 2^128 is out of range although e^x is not.
	return p * math.Float32frombits(uint32(int32(n)+126)<<23) * 2
}

// ExpSum is the sum of exp(scale*(x - top)).
func ExpSum(x []float32, scale, top float32) (sum float32) {
	n := lanes(len(x))
	if n > 0 {
		sum = chosen.expSum(n, &x[0], scale, top)
	}
	return sum + expSumGeneric(x[n:], scale, top)
}

// ExpScaled replaces x by exp(scale*(x - top)) and returns the sum.
func ExpScaled(x []float32, scale, top float32) (sum float32) {
	n := lanes(len(x))
	if n > 0 {
		sum = chosen.expScaled(n, &x[0], scale, top)
	}
	return sum + expScaledGeneric(x[n:], scale, top)
}

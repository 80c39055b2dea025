package kernel

import "math"

// The functions below run on 16 lanes where the machine has AVX-512, and in plain Go
// for what remains. All but the sums and Axpy,
// which rounds once where Go rounds twice, have the same bits either way.

// Dot is the sum of x[i]*y[i] over the length of x.
func Dot(x, y []float32) float32 {
	n := lanes(len(x))
	y = y[:len(x)]
	s := dotGeneric(x[n:], y[n:])
	if n > 0 {
		s += dot512(n, &x[0], &y[0])
	}
	return s
}

// DotF16 is Dot with w in half precision.
func DotF16(w []uint16, x []float32) float32 {
	n := lanes(len(x))
	w = w[:len(x)]
	s := dotF16Generic(w[n:], x[n:])
	if n > 0 {
		s += dotF16x512(n, &w[0], &x[0])
	}
	return s
}

// Axpy adds a*x to y.
func Axpy(a float32, x, y []float32) {
	n := lanes(len(x))
	y = y[:len(x)]
	if n > 0 {
		axpy512(n, a, &x[0], &y[0])
	}
	axpyGeneric(a, x[n:], y[n:])
}

// Rescale writes dst[i] = float32(x[i])*f over the length of x.
func Rescale(dst []float32, x []int32, f float32) {
	n := lanes(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		rescale512(n, &dst[0], &x[0], f)
	}
	rescaleGeneric(dst[n:], x[n:], f)
}

// ScaledProduct writes dst[i] = w[i]*(x[i]*f) over the length of w.
func ScaledProduct(dst, w, x []float32, f float32) {
	n := lanes(len(w))
	dst, x = dst[:len(w)], x[:len(w)]
	if n > 0 {
		scaledProduct512(n, &dst[0], &w[0], &x[0], f)
	}
	scaledProductGeneric(dst[n:], w[n:], x[n:], f)
}

// ReLU2Product replaces gate by max(gate,0)^2*up.
func ReLU2Product(gate, up []float32) {
	n := lanes(len(gate))
	up = up[:len(gate)]
	if n > 0 {
		relu2Product512(n, &gate[0], &up[0])
	}
	relu2ProductGeneric(gate[n:], up[n:])
}

func absMax(x []float32) float32 {
	n := lanes(len(x))
	top := absMaxGeneric(x[n:])
	if n > 0 {
		top = max(top, absMax512(n, &x[0]))
	}
	return top
}

func quantize(dst []int8, x []float32, scale float32) {
	n := lanes(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		quantize512(n, &dst[0], &x[0], scale)
	}
	quantizeGeneric(dst[n:], x[n:], scale)
}

// SiLUProduct replaces gate by gate*sigmoid(gate)*up.
func SiLUProduct(gate, up []float32) {
	n := lanes(len(gate))
	up = up[:len(gate)]
	if n > 0 {
		siluProduct512(n, &gate[0], &up[0])
	}
	siluProductGeneric(gate[n:], up[n:])
}

// ExpScaled replaces x by exp(scale*(x - top)) and returns the sum.
func ExpScaled(x []float32, scale, top float32) (sum float32) {
	n := lanes(len(x))
	if n > 0 {
		sum = expScaled512(n, &x[0], scale, top)
	}
	return sum + expScaledGeneric(x[n:], scale, top)
}

// Max is the largest of x, minus infinity where there is none.
func Max(x []float32) float32 {
	n := lanes(len(x))
	top := float32(math.Inf(-1))
	for _, v := range x[n:] {
		top = max(top, v)
	}
	if n > 0 {
		top = max(top, max512(n, &x[0]))
	}
	return top
}

func sumInt8(x []int8) (sum int32) {
	n := lanes(len(x))
	if n > 0 {
		sum = sumInt8x512(n, &x[0])
	}
	for _, v := range x[n:] {
		sum += int32(v)
	}
	return sum
}

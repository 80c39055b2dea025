package kernel

import "math"

// vectorSet is one way to compute the loops below: of n elements, a multiple of 16 and not
// 0, on 16 lanes. What remains is done in plain Go. All but the sums and axpy, which rounds
// once where Go rounds twice, have the bits of plain Go, and all have the same bits as one
// another.
type vectorSet struct {
	name   string
	dot    func(n int, x, y *float32) float32
	dotF16 func(n int, w *uint16, x *float32) float32
	// dotF16Rows is dotF16 of four rows.
	dotF16Rows func(n int, w *uint16, rowBytes int, x, y *float32)
	axpy       func(n int, a float32, x, y *float32)
	rescale    func(n int, dst *float32, x *int32, f float32)
	scale      func(n int, dst, x *float32, f float32)
	ternarize  func(n int, dst, w *float32, inverse float32)
	// rescaleSums16 and 32 rescale so many sums of each token.
	rescaleSums16 func(tokens int, dst *float32, width int, x *int32, factor *float32)
	rescaleSums32 func(tokens int, dst *float32, width int, x *int32, factor *float32)
	scaledProduct func(n int, dst, w, x *float32, f float32)
	relu2Product  func(n int, gate, up *float32)
	siluProduct   func(n int, gate, up *float32)
	expScaled     func(n int, x *float32, scale, top float32) float32
	absMax, max   func(n int, x *float32) float32
	quantize      func(n int, dst *int8, x *float32, scale float32) int32
	sumInt8       func(n int, x *int8) int32
	int4Codes     func(n int, dst *byte, x, dither *float32, inverse float32)
	tritsWiden    func(groups int, w, dst *byte) // in fours
	packEight     func(n int, dst *float32, stride int, x *float32, ld int)
	packOctets    func(octets, rows int, dst *float32, x *float32, ld int)
	relu2Grad     func(n int, dGate, dUp, gate, up, grad *float32)
	siluGrad      func(n int, dGate, dUp, gate, up, grad *float32)
	// storeSums and addSums take 32 columns of so many rows.
	storeSums, addSums func(rows int, dst *float32, width int, sums, factor *float32)
	adamW              func(n int, value, m, v, grad, step *float32)
	adamWBF16          func(n int, value *float32, m, v *uint16, grad, step *float32, first, key uint32)
	sumSquares, absSum func(n int, x *float32) float64
	// ternaryCodes writes a byte for each ternary value.
	ternaryCodes func(n int, dst *uint32, w *float32, inverse float32)
}

var chosenVectors = vectorSets()[0]

// plainVectors has no functions: all is done in plain Go.
var plainVectors = vectorSet{name: "generic"}

// lanes is how many of n elements the vector functions take.
func lanes(n int) int {
	if chosenVectors.dot == nil {
		return 0
	}
	return n &^ 15
}

// Dot is the sum of x[i]*y[i] over the length of x.
func Dot(x, y []float32) float32 {
	n := lanes(len(x))
	y = y[:len(x)]
	s := dotGeneric(x[n:], y[n:])
	if n > 0 {
		s += chosenVectors.dot(n, &x[0], &y[0])
	}
	return s
}

// DotF16 is Dot with w in half precision.
func DotF16(w []uint16, x []float32) float32 {
	n := lanes(len(x))
	w = w[:len(x)]
	s := dotF16Generic(w[n:], x[n:])
	if n > 0 {
		s += chosenVectors.dotF16(n, &w[0], &x[0])
	}
	return s
}

// DotF16Rows is DotF16 of each row of w [len(y),len(x)], with its bits: memory is read
// faster in several rows at once.
func DotF16Rows(y []float32, w []uint16, x []float32) {
	k, r := len(x), 0
	w = w[:len(y)*k]
	if k > 0 && lanes(k) == k {
		for ; r+4 <= len(y); r += 4 {
			chosenVectors.dotF16Rows(k, &w[r*k], 2*k, &x[0], &y[r])
		}
	}
	for ; r < len(y); r++ {
		y[r] = DotF16(w[r*k:], x)
	}
}

// Axpy adds a*x to y.
func Axpy(a float32, x, y []float32) {
	n := lanes(len(x))
	y = y[:len(x)]
	if n > 0 {
		chosenVectors.axpy(n, a, &x[0], &y[0])
	}
	axpyGeneric(a, x[n:], y[n:])
}

// Rescale writes dst[i] = float32(x[i])*f over the length of x.
func Rescale(dst []float32, x []int32, f float32) {
	n := lanes(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		chosenVectors.rescale(n, &dst[0], &x[0], f)
	}
	rescaleGeneric(dst[n:], x[n:], f)
}

// ScaleTo writes dst[i] = x[i]*f over the length of x.
func ScaleTo(dst, x []float32, f float32) {
	n := lanes(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		chosenVectors.scale(n, &dst[0], &x[0], f)
	}
	for i := n; i < len(x); i++ {
		dst[i] = x[i] * f
	}
}

// Scale multiplies x by f.
func Scale(f float32, x []float32) { ScaleTo(x, x, f) }

// TernarizeFloat writes the ternary values of w under an inverse scale as float32.
func TernarizeFloat(dst, w []float32, inverse float32) {
	n := lanes(len(w))
	dst = dst[:len(w)]
	if n > 0 {
		chosenVectors.ternarize(n, &dst[0], &w[0], inverse)
	}
	ternarizeGeneric(dst[n:], w[n:], inverse)
}

// ScaledProduct writes dst[i] = w[i]*(x[i]*f) over the length of w.
func ScaledProduct(dst, w, x []float32, f float32) {
	n := lanes(len(w))
	dst, x = dst[:len(w)], x[:len(w)]
	if n > 0 {
		chosenVectors.scaledProduct(n, &dst[0], &w[0], &x[0], f)
	}
	scaledProductGeneric(dst[n:], w[n:], x[n:], f)
}

// ReLU2Product replaces gate by max(gate,0)^2*up.
func ReLU2Product(gate, up []float32) {
	n := lanes(len(gate))
	up = up[:len(gate)]
	if n > 0 {
		chosenVectors.relu2Product(n, &gate[0], &up[0])
	}
	relu2ProductGeneric(gate[n:], up[n:])
}

func absMax(x []float32) float32 {
	n := lanes(len(x))
	top := absMaxGeneric(x[n:])
	if n > 0 {
		top = max(top, chosenVectors.absMax(n, &x[0]))
	}
	return top
}

func quantize(dst []int8, x []float32, scale float32) {
	n := lanes(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		chosenVectors.quantize(n, &dst[0], &x[0], scale)
	}
	quantizeGeneric(dst[n:], x[n:], scale)
}

// SiLUProduct replaces gate by gate*sigmoid(gate)*up.
func SiLUProduct(gate, up []float32) {
	n := lanes(len(gate))
	up = up[:len(gate)]
	if n > 0 {
		chosenVectors.siluProduct(n, &gate[0], &up[0])
	}
	siluProductGeneric(gate[n:], up[n:])
}

// ExpScaled replaces x by exp(scale*(x - top)) and returns the sum.
func ExpScaled(x []float32, scale, top float32) (sum float32) {
	n := lanes(len(x))
	if n > 0 {
		sum = chosenVectors.expScaled(n, &x[0], scale, top)
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
		top = max(top, chosenVectors.max(n, &x[0]))
	}
	return top
}

func sumInt8(x []int8) (sum int32) {
	n := lanes(len(x))
	if n > 0 {
		sum = chosenVectors.sumInt8(n, &x[0])
	}
	for _, v := range x[n:] {
		sum += int32(v)
	}
	return sum
}

// Package vector has the loops over vectors of float32 that training and inference spend time in
// between products: sums, elementwise functions and their gradients, the softmax, the step of the
// optimiser, and conversions from and to the types of weights in a file.
//
// Each loop exists in plain Go (generic.go), and in assembly with 16 lanes; dispatch_*.go choose by
// the instruction sets of the processor. The assembly takes the largest multiple of 16 elements,
// plain Go the remainder.
package vector

// implementation is one way to compute the loops. Each function takes n elements, a multiple of 16
// and not 0. The functions have the same bits as plain Go, except the sums, axpy and gradients of
// norms, which round once while Go rounds twice. All implementations in assembly have the same bits.
type implementation struct {
	name string

	dot    func(n int, x, y *float32) float32
	dotF16 func(n int, w *uint16, x *float32) float32
	// dotF16Rows is dotF16 of four rows.
	dotF16Rows func(n int, w *uint16, rowBytes int, x, y *float32)
	// dotQ6K is dot of two rows of Q6_K blocks; nil: they are converted to float32 first.
	dotQ6K func(blocks int, w *byte, rowBytes int, x, y *float32)
	// tiles multiply four rows by their number of tokens, the most first; nil: row by row.
	tiles []tile

	axpy                  func(n int, a float32, x, y *float32)
	add                   func(n int, dst, x, y *float32)
	normSums              func(n int, dw, grad, x, w *float32, inverse float32) float32
	normGrad, addNormGrad func(n int, dst, grad, x, w *float32, inverse, f float32)
	rescale               func(n int, dst *float32, x *int32, f float32)
	scale                 func(n int, dst, x *float32, f float32)
	ternarize             func(n int, dst, w *float32, inverse float32)
	scaledProduct         func(n int, dst, w, x *float32, f float32)
	rotate                func(n int, x, y, cos, sin *float32)
	relu2Product          func(n int, dst, gate, up *float32)
	siluProduct           func(n int, dst, gate, up *float32)
	relu2Grad             func(n int, dGate, dUp, gate, up, grad *float32)
	siluGrad              func(n int, dGate, dUp, gate, up, grad *float32)
	expScaled, expSum     func(n int, x *float32, scale, top float32) float32
	absMax, max           func(n int, x *float32) float32
	quantize              func(n int, dst *int8, x *float32, scale float32) int32
	sumSquares, absSum    func(n int, x *float32) float64
	adamW                 func(n int, value, m, v, grad, step *float32)
	adamWBF16             func(n int, value *float32, m, v *uint16, grad, step *float32, first, key uint32)
	widenF16              func(n int, dst *float32, x *uint16)
	widenInt8             func(n int, dst *float32, x *int8)
	narrowF16             func(n int, dst *uint16, x *float32)
	floatsBF16            func(n int, dst *float32, src *byte)
	floatsQ80, floatsQ6K  func(blocks int, dst *float32, src *byte)

	deadSum    func(n int, w *float32, inverse float32) float32
	deadAdd    func(n int, dst, w *float32, inverse, a float32)
	hadamard16 func(n int, x *float32, f float32)
	// butterflies2 takes a multiple of 2h elements, butterflies4 of 4h.
	butterflies2, butterflies4 func(n int, x *float32, h int)
}

// tile multiplies four rows by its number of tokens; see dotTile512x1 for the loop.
type tile struct {
	tokens int
	run    func(n int, w, x *float32, k int, y *float32, stride int)
}

// chosen is the implementation for this processor.
var chosen = implementations()[0]

// Kernel names the implementation that this processor runs, such as "avx512vbmi".
func Kernel() string { return chosen.name }

// generic has no functions: plain Go takes all elements.
var generic = implementation{name: "generic"}

// lanes returns the number of n elements that the implementation takes.
func lanes(n int) int {
	if chosen.dot == nil {
		return 0
	}
	return n &^ 15
}

package vector

import "math"

// hadamardPart is the number of values that a stage of the transform goes through before the next
// one, so that they stay in the first cache.
const hadamardPart = 2048

// Hadamard replaces each block of x by its Walsh-Hadamard transform H x / sqrt(block). H is in
// Sylvester's order: entry i, j is -1 to the number of ones in i&j. The transform keeps lengths, and
// is its own transpose and its own inverse. block is a power of two that divides the length of x.
//
// The stages are those of the distances 1, 2, 4 and so on, each sum rounded by itself, after each
// value was multiplied by 1/sqrt(block).
func Hadamard(x []float32, block int) {
	if block < 1 || block&(block-1) != 0 || len(x)%block != 0 {
		panic("vector: the block of a Hadamard transform is a power of two that divides the length")
	}
	for part := max(block, hadamardPart); len(x) > 0; x = x[min(part, len(x)):] {
		hadamard(x[:min(part, len(x))], block)
	}
}

func hadamard(x []float32, block int) {
	f := float32(1 / math.Sqrt(float64(block)))
	if chosen.hadamard16 == nil || block < 16 {
		hadamardGeneric(x, block, f)
		return
	}
	chosen.hadamard16(len(x), &x[0], f)
	h := 16
	for ; 4*h <= block; h *= 4 {
		chosen.butterflies4(len(x), &x[0], h)
	}
	if h < block {
		chosen.butterflies2(len(x), &x[0], h)
	}
}

// hadamardGeneric multiplies x by f and transforms each block.
func hadamardGeneric(x []float32, block int, f float32) {
	scaleGeneric(x, x, f)
	for h := 1; h < block; h *= 2 {
		for i := 0; i < len(x); i += 2 * h {
			butterflies(x[i:][:h], x[i+h:][:h])
		}
	}
}

// butterflies replaces a and b by their sums and differences.
func butterflies(a, b []float32) {
	for i, u := range a {
		v := b[i]
		a[i], b[i] = u+v, u-v
	}
}

package vector

// Values and bytes of the blocks of Q8_0 and Q6_K, in which a GGUF file stores rows of weights.
const (
	q80Values, q80Bytes = 32, 34
	q6kValues, q6kBytes = 256, 210
)

// FloatsQ80 writes the values of a row of Q8_0 blocks.
func FloatsQ80(dst []float32, src []byte) {
	blocks := len(dst) / q80Values
	src = src[:blocks*q80Bytes]
	if lanes(len(dst)) > 0 {
		chosen.floatsQ80(blocks, &dst[0], &src[0])
		return
	}
	floatsQ80Generic(dst, src)
}

// FloatsQ6K writes the values of a row of Q6_K blocks.
func FloatsQ6K(dst []float32, src []byte) {
	blocks := len(dst) / q6kValues
	src = src[:blocks*q6kBytes]
	if lanes(len(dst)) > 0 {
		chosen.floatsQ6K(blocks, &dst[0], &src[0])
		return
	}
	floatsQ6KGeneric(dst, src)
}

// DotQ6K writes y[r] = rows[r] . x for rows of Q6_K blocks. The bits equal those of FloatsQ6K
// followed by Dot.
func DotQ6K(y []float32, rows []byte, x []float32) {
	blocks := len(x) / q6kValues
	size := blocks * q6kBytes
	rows = rows[:len(y)*size]
	if chosen.dotQ6K == nil {
		values := make([]float32, len(x))
		for r := range y {
			FloatsQ6K(values, rows[r*size:][:size])
			y[r] = Dot(values, x)
		}
		return
	}
	r := 0
	for ; r+2 <= len(y); r += 2 {
		chosen.dotQ6K(blocks, &rows[r*size], size, &x[0], &y[r])
	}
	if r < len(y) {
		var twice [2]float32
		chosen.dotQ6K(blocks, &rows[r*size], 0, &x[0], &twice[0])
		y[r] = twice[0]
	}
}

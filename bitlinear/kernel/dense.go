package kernel

import (
	"encoding/binary"
	"unsafe"

	"trit/internal/float16"
)

// The functions below take rows of dense weights as they lie in a GGUF file.

// Values and bytes of the blocks of Q8_0 and Q6_K.
const (
	q80Values, q80Bytes = 32, 34
	q6kValues, q6kBytes = 256, 210
)

// DotRows writes y[t*stride+r] = rows[r] . x[t] for rows [R,k] and tokens x [m,k], with
// the bits of Dot. See HasRowTiles.
func DotRows(y []float32, stride int, rows, x []float32, k int) {
	count, m, n := len(rows)/k, len(x)/k, k&^15
	if !HasRowTiles() || n == 0 {
		dotRows(y, stride, rows, x, k)
		return
	}
	whole := count &^ 3
	for t := 0; t < m; {
		tile := chooseRowTile(m - t)
		for r := 0; r < whole; r += 4 {
			out := y[t*stride+r:]
			_ = out[(tile.tokens-1)*stride+3]
			tile.run(n, &rows[r*k], &x[t*k], k, &out[0], stride)
		}
		t += tile.tokens
	}
	if n < k {
		addTails(y, stride, rows[:whole*k], x, k, n)
	}
	dotRows(y[whole:], stride, rows[whole*k:], x, k)
}

func dotRows(y []float32, stride int, rows, x []float32, k int) {
	for t := range len(x) / k {
		for r := range len(rows) / k {
			y[t*stride+r] = Dot(rows[r*k:][:k], x[t*k:][:k])
		}
	}
}

// addTails adds the products of the columns from n on.
func addTails(y []float32, stride int, rows, x []float32, k, n int) {
	for t := range len(x) / k {
		for r := range len(rows) / k {
			y[t*stride+r] += dotGeneric(rows[r*k+n:][:k-n], x[t*k+n:][:k-n])
		}
	}
}

// rowTile multiplies four rows by its number of tokens; see dotTile512x1 for the loop.
type rowTile struct {
	tokens int
	run    func(n int, w, x *float32, k int, y *float32, stride int)
}

func chooseRowTile(tokens int) rowTile {
	for _, t := range rowTiles {
		if t.tokens <= tokens {
			return t
		}
	}
	panic("kernel: no tile for a single token")
}

// DotQ6K writes y[r] = rows[r] . x for rows of Q6_K, with the bits of Dot of what FloatsQ6K
// makes of them.
func DotQ6K(y []float32, rows []byte, x []float32) {
	blocks := len(x) / q6kValues
	size := blocks * q6kBytes
	rows = rows[:len(y)*size]
	if !hasVBMI {
		values := make([]float32, len(x))
		for r := range y {
			FloatsQ6K(values, rows[r*size:][:size])
			y[r] = Dot(values, x)
		}
		return
	}
	r := 0
	for ; r+2 <= len(y); r += 2 {
		dotQ6KVBMI(blocks, &rows[r*size], size, &x[0], &y[r])
	}
	if r < len(y) {
		var twice [2]float32
		dotQ6KVBMI(blocks, &rows[r*size], 0, &x[0], &twice[0])
		y[r] = twice[0]
	}
}

// FloatsF32 copies a row of float32 of this machine's byte order.
func FloatsF32(dst []float32, src []byte) {
	copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(dst))), 4*len(dst)), src)
}

// FloatsF16 writes the values of a row in half precision of this machine's byte order.
func FloatsF16(dst []float32, src []byte) {
	WidenF16(dst, unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(src))), len(dst)))
}

// FloatsBF16 writes the values of a row of bfloat16.
func FloatsBF16(dst []float32, src []byte) {
	n := convertible(len(dst))
	if n > 0 {
		floatsBF16AVX2(n, &dst[0], &src[:2*n][0])
	}
	for i := range dst[n:] {
		dst[n+i] = float16.BFromBits(binary.LittleEndian.Uint16(src[2*(n+i):]))
	}
}

// FloatsQ80 writes the values of a row of Q8_0.
func FloatsQ80(dst []float32, src []byte) {
	blocks := len(dst) / q80Values
	src = src[:blocks*q80Bytes]
	if convertible(len(dst)) > 0 {
		floatsQ80AVX2(blocks, &dst[0], &src[0])
		return
	}
	floatsQ80Generic(dst, src)
}

func floatsQ80Generic(dst []float32, src []byte) {
	for ; len(src) > 0; dst, src = dst[q80Values:], src[q80Bytes:] {
		d := half(src)
		for i, v := range src[2:q80Bytes] {
			dst[i] = d * float32(int8(v))
		}
	}
}

// FloatsQ6K writes the values of a row of Q6_K.
func FloatsQ6K(dst []float32, src []byte) {
	blocks := len(dst) / q6kValues
	src = src[:blocks*q6kBytes]
	if convertible(len(dst)) > 0 {
		floatsQ6KAVX2(blocks, &dst[0], &src[0])
		return
	}
	floatsQ6KGeneric(dst, src)
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

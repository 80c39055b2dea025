package vector

import (
	"encoding/binary"
	"unsafe"

	"trit/internal/float16"
)

// WidenF16 writes the values of half-precision numbers, over the length of x.
func WidenF16(dst []float32, x []uint16) {
	n := lanes(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		chosen.widenF16(n, &dst[0], &x[0])
	}
	widenF16Generic(dst[n:], x[n:])
}

// WidenInt8 writes integers as float32, over the length of x.
func WidenInt8(dst []float32, x []int8) {
	n := lanes(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		chosen.widenInt8(n, &dst[0], &x[0])
	}
	widenInt8Generic(dst[n:], x[n:])
}

// NarrowF16 rounds to half precision, to nearest and half to even, over the length of x.
func NarrowF16(dst []uint16, x []float32) {
	n := lanes(len(x))
	dst = dst[:len(x)]
	if n > 0 {
		chosen.narrowF16(n, &dst[0], &x[0])
	}
	narrowF16Generic(dst[n:], x[n:])
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
	n := lanes(len(dst))
	if n > 0 {
		chosen.floatsBF16(n, &dst[0], &src[:2*n][0])
	}
	for i := range dst[n:] {
		dst[n+i] = float16.BFromBits(binary.LittleEndian.Uint16(src[2*(n+i):]))
	}
}

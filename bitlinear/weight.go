package bitlinear

import (
	"encoding/binary"
	"fmt"
	"hash"
	"slices"
	"sync/atomic"

	"trit/bitlinear/kernel/gemm"
	"trit/bitlinear/kernel/intmul"
	"trit/bitlinear/kernel/vector"
	"trit/internal/parallel"
)

// Weight is a weight [N,K] of a layer: Value if training moves it, else Frozen. A and B are its
// adapter, if it has one.
type Weight struct {
	Value  []float32
	Frozen *Frozen
	A, B   []float32 // [rank,K], [N,rank]; see Adapters
}

// Grad are the gradients of a Weight; nil where none is wanted.
type Grad struct{ Value, A, B []float32 }

// Frozen is a matrix [N,K] that training does not move, in the form that takes the least memory: a
// ternary one in 2 bits a weight, others as their file has them. It is a gemm.PairSource.
type Frozen struct {
	n, k   int
	codes  *intmul.Ternary // ternary values, and their scale
	scale  float32
	data   []byte // or values of size bytes each, which decode reads
	size   int
	decode func(dst []float32, src []byte)
}

// FrozenCodes is a matrix of 2-bit codes times a scale.
func FrozenCodes(codes *intmul.Ternary, scale float32) *Frozen {
	return &Frozen{n: codes.N, k: codes.K, codes: codes, scale: scale}
}

// FrozenValues is a matrix [n,k] of values as a file has them, little-endian, of a type of
// safetensors: F32, F16 or BF16. It keeps data.
func FrozenValues(dtype string, n, k int, data []byte) (*Frozen, error) {
	f := &Frozen{n: n, k: k, data: data}
	switch dtype {
	case "F32":
		f.size, f.decode = 4, vector.FloatsF32
	case "F16":
		f.size, f.decode = 2, vector.FloatsF16
	case "BF16":
		f.size, f.decode = 2, vector.FloatsBF16
	default:
		return nil, fmt.Errorf("values of type %s: want F32, F16 or BF16", dtype)
	}
	if len(data) != n*k*f.size {
		return nil, fmt.Errorf("%d bytes of %s for a matrix of %d by %d: want %d", len(data), dtype, n, k, n*k*f.size)
	}
	return f, nil
}

// Freeze rounds master weights [n,k] as the layers of a mode do, into 2-bit codes.
func (m *Mode) Freeze(n, k int, masters []float32) *Frozen {
	scale := m.Scale(masters)
	rounding := *m
	rounding.Lambda = 1
	var buffer []float32
	if rounding.copies() {
		buffer = make([]float32, len(masters))
	}
	t, codes := rounding.term(buffer, masters, n, scale), intmul.NewTernary(n, k)
	codes.PackMasters(m.pool(), t.F32, t.Rounding)
	return FrozenCodes(codes, scale)
}

// Values writes the values of a row from column col on, over the length of dst. Of codes these are
// -1, 0 and 1.
func (f *Frozen) Values(dst []float32, row, col int) {
	if f.codes != nil {
		f.codes.Values(dst, row, col)
		return
	}
	at := (row*f.k + col) * f.size
	f.decode(dst, f.data[at:][:len(dst)*f.size])
}

// BF16Pairs implements gemm.PairSource for codes.
func (f *Frozen) BF16Pairs(dst []byte, pairs, row, col int) bool {
	if f.codes == nil || row%2 != 0 {
		return false
	}
	f.codes.BF16Pairs(dst, pairs, row, col)
	return true
}

// Rows is the matrix as an operand, without the scale of codes.
func (f *Frozen) Rows() gemm.Rows { return gemm.Rows{Count: f.n, Source: f} }

// Bytes is the memory of the matrix.
func (f *Frozen) Bytes() int {
	if f.codes != nil {
		return f.codes.Bytes()
	}
	return len(f.data)
}

// Floats is a copy of all values.
func (f *Frozen) Floats() []float32 {
	values := make([]float32, f.n*f.k)
	f.copyTo(nil, values)
	return values
}

// Finite reports whether all values are finite. Codes are, if their scale is: it is the mean of what
// they were made of.
func (f *Frozen) Finite(pool *parallel.Pool) bool {
	if f.codes != nil {
		return Finite([]float32{f.scale})
	}
	var wrong atomic.Bool
	pool.For(f.n, 1+1<<14/f.k, func(lo, hi int) {
		row := make([]float32, f.k)
		for i := lo; i < hi && !wrong.Load(); i++ {
			if f.Values(row, i, 0); !Finite(row) {
				wrong.Store(true)
			}
		}
	})
	return !wrong.Load()
}

// Finite reports whether all of some values are finite.
func Finite(values []float32) bool {
	return !slices.ContainsFunc(values, func(v float32) bool { return v-v != 0 })
}

// Hash writes what the matrix holds to a hash.
func (f *Frozen) Hash(h hash.Hash) {
	if f.codes != nil {
		_ = binary.Write(h, binary.LittleEndian, f.scale) // a hash returns no error
		h.Write(f.codes.Packed())
		return
	}
	h.Write(f.data)
}

// copyTo writes all values to dst, on the threads of a pool.
func (f *Frozen) copyTo(pool *parallel.Pool, dst []float32) {
	pool.For(f.n, 1+1<<14/f.k, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			f.Values(dst[i*f.k:][:f.k], i, 0)
		}
	})
}

package source

import (
	"errors"
	"fmt"
	"math"

	"trit/bitlinear/kernel/vector"
	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/format/safetensors"
	"trit/internal/parallel"
)

// Tensor is a weight [Rows, Columns] of a model, read row by row; a vector is one row. Rows may
// be read by several goroutines at once, until the model is closed.
type Tensor struct {
	DType         string // type in the files, for people
	Rows, Columns int
	Scale         float32 // of a ternary weight: W = Scale * (code - 1)

	codes   func(dst []byte, row int) error        // nil for a weight that is not ternary
	floats  func(dst []float32, row int) error     // nil for a ternary weight
	halves  func(row int) (bits []byte, bf16 bool) // the bytes of a row of 16-bit floats; nil for other types
	release func(row, n int)
	masters *Tensor // from which a ternary weight is quantised; nil if there are none
	pool    *parallel.Pool
}

// IsTernary reports whether the weight is codes and a scale.
func (t *Tensor) IsTernary() bool { return t.codes != nil }

// Codes reads a row of a ternary weight as code bytes: 0 for -1, 1 for 0 and 2 for +1. dst has
// Columns bytes.
func (t *Tensor) Codes(dst []byte, row int) error { return t.codes(dst, row) }

// Floats reads a row of a weight that is not ternary. dst has Columns values.
func (t *Tensor) Floats(dst []float32, row int) error { return t.floats(dst, row) }

// Values reads a row of any weight as numbers. codes is memory for Columns bytes.
func (t *Tensor) Values(dst []float32, codes []byte, row int) error {
	if !t.IsTernary() {
		return t.floats(dst, row)
	}
	if err := t.codes(codes, row); err != nil {
		return err
	}
	for i, c := range codes {
		dst[i] = t.Scale * (float32(c) - 1)
	}
	return nil
}

// Release gives back the memory of the rows [row, row+n), which were read. They can be read
// again.
func (t *Tensor) Release(row, n int) { t.release(row, n) }

// reordered is the tensor with its rows in another order: its row i is row from(i) of t.
func (t *Tensor) reordered(from func(row int) int) *Tensor {
	out := *t
	if t.codes != nil {
		out.codes = func(dst []byte, row int) error { return t.codes(dst, from(row)) }
	}
	if t.floats != nil {
		out.floats = func(dst []float32, row int) error { return t.floats(dst, from(row)) }
	}
	if t.halves != nil {
		out.halves = func(row int) ([]byte, bool) { return t.halves(from(row)) }
	}
	if t.masters != nil {
		out.masters = t.masters.reordered(from)
	}
	out.release = func(row, n int) { // rows are read out of order, so all are released at the end
		if row+n == t.Rows {
			t.release(0, t.Rows)
		}
	}
	return &out
}

// reorderedValues is the tensor with the values of each row in another order.
func (t *Tensor) reorderedValues(from func(i int) int) *Tensor {
	out := t.changed()
	out.floats = func(dst []float32, row int) error {
		v := make([]float32, t.Columns)
		err := t.floats(v, row)
		for i := range dst {
			dst[i] = v[from(i)]
		}
		return err
	}
	return out
}

// Alternating is the tensor with its rows in the order of GGUF files of architecture llama: rows
// of the two halves of each head alternate, of the first rows of a head alone that rotary
// embedding turns.
func (t *Tensor) Alternating(heads, turned int) *Tensor {
	if t.Rows == 1 { // of a bias
		return t.reorderedValues(ggufmeta.AlternatingRow(t.Columns, heads, turned))
	}
	return t.reordered(ggufmeta.AlternatingRow(t.Rows, heads, turned))
}

// ErrNotFinite is the error of weights that hold infinite or undefined values.
var ErrNotFinite = errors.New("it holds values that are not finite: the file is damaged, or training had diverged")

// CheckScale returns an error for a scale that no quantisation gives. name is the name of the
// weight.
func CheckScale(name string, s float32) error {
	if !(s > 0) || math.IsInf(float64(s), 0) {
		return fmt.Errorf("the scale of %s is %g: want a positive number; the file is damaged", name, s)
	}
	return nil
}

// stored is the bytes of a weight in a file.
type stored struct {
	data     []byte
	rowBytes int
	dtype    string
	free     func(part []byte) error // releases the memory of a part of data
}

// tensor makes the weight of the bytes. The caller sets how a row is decoded; row returns its
// bytes.
func (s stored) tensor(rows, columns int, pool *parallel.Pool) (t *Tensor, row func(i int) []byte) {
	size := s.rowBytes
	t = &Tensor{DType: s.dtype, Rows: rows, Columns: columns, pool: pool}
	t.release = func(row, n int) { s.free(s.data[row*size:][:n*size]) }
	return t, func(i int) []byte { return s.data[i*size:][:size] }
}

// denseTensor reads a weight of a folder as the numbers that are stored.
func denseTensor(
	f *safetensors.File, info safetensors.TensorInfo, rows, columns int, pool *parallel.Pool,
) (*Tensor, error) {
	data, err := f.Bytes(info.Name)
	if err != nil {
		return nil, err
	}
	t, row := stored{data, len(data) / rows, info.DType, f.Release}.tensor(rows, columns, pool)
	t.floats = func(dst []float32, i int) error { return safetensors.DecodeFloat32(dst, "the folder", info, row(i)) }
	t.readFast(row)
	return t, t.floats(make([]float32, columns), 0) // an error if the type is no type of numbers
}

// ggufTensor reads a weight of a GGUF file that is not ternary.
func ggufTensor(f *gguf.File, info gguf.TensorInfo, rows, columns int, pool *parallel.Pool) (*Tensor, error) {
	t, row := stored{f.Data(info), info.Type.RowBytes(columns), info.Type.String(), f.Release}.tensor(rows, columns, pool)
	t.floats = func(dst []float32, i int) error { return gguf.Dequantize(info.Type, dst, row(i)) }
	t.readFast(row)
	return t, t.floats(make([]float32, columns), 0)
}

// readFast makes t read 16-bit floats with vector instructions, and sets halves. Folders and
// GGUF files have the same names for these types.
func (t *Tensor) readFast(row func(i int) []byte) {
	widen := vector.FloatsF16
	switch t.DType {
	case "F16":
	case "BF16":
		widen = vector.FloatsBF16
	default:
		return
	}
	t.floats = func(dst []float32, i int) error { widen(dst, row(i)); return nil }
	t.halves = func(i int) ([]byte, bool) { return row(i), t.DType == "BF16" }
}

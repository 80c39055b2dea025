package convert

import (
	"fmt"
	"math"

	"trit/bitlinear/kernel/vector"
	"trit/format/gguf"
	"trit/format/safetensors"
)

// tensor is a weight [rows, k] of a source, read row by row. Its functions may be called
// for several rows at once. A vector is one row.
type tensor struct {
	dtype   string // as the source calls it, for people
	rows, k int
	scale   float32                                // of a ternary weight
	codes   func(dst []byte, row int) error        // code bytes 0, 1, 2; nil for a weight that is not ternary
	floats  func(dst []float32, row int) error     // nil for a weight of codes
	halves  func(row int) (bits []byte, bf16 bool) // the row as it lies, where it is of 16-bit floats; or nil
	release func(row, n int)                       // lets go of the memory of rows that were read
}

func (t *tensor) ternary() bool { return t.codes != nil }

// values reads a row as numbers, also that of a ternary weight. codes is memory for k bytes.
func (t *tensor) values(dst []float32, codes []byte, row int) error {
	if !t.ternary() {
		return t.floats(dst, row)
	}
	if err := t.codes(codes, row); err != nil {
		return err
	}
	for i, c := range codes {
		dst[i] = t.scale * (float32(c) - 1)
	}
	return nil
}

// reordered gives the rows in another order: row i is what was row from(i).
func (t *tensor) reordered(from func(row int) int) *tensor {
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
	out.release = func(row, n int) { // rows are needed out of order, so all are let go of at the end
		if row+n == t.rows {
			t.release(0, t.rows)
		}
	}
	return &out
}

// alternating is the row of Hugging Face's order that stands at a row of a GGUF file where
// the two halves of each head alternate.
func alternating(rows, heads int) func(int) int {
	head := rows / heads
	return func(row int) int {
		i := row % head
		return row - i + i%2*(head/2) + i/2
	}
}

// halved is the inverse of alternating.
func halved(rows, heads int) func(int) int {
	head := rows / heads
	return func(row int) int {
		i := row % head
		return row - i + i%(head/2)*2 + i/(head/2)
	}
}

// checkScale refuses what no quantisation gives.
func checkScale(name string, s float32) error {
	if !(s > 0) || math.IsInf(float64(s), 0) {
		return fmt.Errorf("the scale of %s is %g: want a positive number; the file is damaged", name, s)
	}
	return nil
}

// denseTensor reads a weight of a folder as the numbers that are stored.
func denseTensor(f *safetensors.File, info safetensors.TensorInfo, rows, k int) (*tensor, error) {
	data, err := f.Bytes(info.Name)
	if err != nil {
		return nil, err
	}
	size := len(data) / rows
	row := func(i int) []byte { return data[i*size:][:size] }
	t := &tensor{dtype: info.DType, rows: rows, k: k, release: func(at, n int) { f.Release(data[at*size:][:n*size]) }}
	t.floats = func(dst []float32, i int) error { return safetensors.DecodeFloat32(dst, "the folder", info, row(i)) }
	t.readFast(row)
	return t, t.floats(make([]float32, k), 0) // a type that is not of numbers shows here
}

// ggufTensor reads a weight of a GGUF file that is not ternary.
func ggufTensor(f *gguf.File, info gguf.TensorInfo, rows, k int) (*tensor, error) {
	data, size := f.Data(info), info.Type.RowBytes(k)
	row := func(i int) []byte { return data[i*size:][:size] }
	t := &tensor{dtype: info.Type.String(), rows: rows, k: k, release: func(at, n int) { f.Release(data[at*size:][:n*size]) }}
	t.floats = func(dst []float32, i int) error { return gguf.Dequantize(info.Type, dst, row(i)) }
	t.readFast(row)
	return t, t.floats(make([]float32, k), 0)
}

// readFast reads 16-bit floats, which have the same name everywhere, on vectors, and hands
// them out as they lie.
func (t *tensor) readFast(row func(i int) []byte) {
	widen := vector.FloatsF16
	switch t.dtype {
	case "F16":
	case "BF16":
		widen = vector.FloatsBF16
	default:
		return
	}
	t.floats = func(dst []float32, i int) error { widen(dst, row(i)); return nil }
	t.halves = func(i int) ([]byte, bool) { return row(i), t.dtype == "BF16" }
}

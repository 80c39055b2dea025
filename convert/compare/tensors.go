package compare

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"strings"

	"trit/bitlinear/kernel/vector"
	"trit/convert/source"
	"trit/format/gguf"
	"trit/model"
)

// compareTensor compares a weight of two models: by codes if it is ternary in both, else by
// values.
func compareTensor(a, b *source.Model, spec model.TensorSpec) (Difference, error) {
	ta, err := a.Tensor(spec)
	if err != nil {
		return Difference{}, fmt.Errorf("%s: %w", a.Path, err)
	}
	tb, err := b.Tensor(spec)
	if err != nil {
		return Difference{}, fmt.Errorf("%s: %w", b.Path, err)
	}
	d := Difference{Name: spec.Name, TypeA: ta.DType, TypeB: tb.DType, Weights: int64(ta.Rows * ta.Columns)}
	d.Ternary = ta.IsTernary() && tb.IsTernary()
	if d.Ternary {
		err = d.compareCodes(ta, tb)
	} else {
		err = d.compareValues(ta, tb)
	}
	if err != nil {
		return d, fmt.Errorf("%s: %w", spec.Name, err)
	}
	return d, nil
}

func (d *Difference) compareCodes(a, b *source.Tensor) error {
	d.ScaleA, d.ScaleB = a.Scale, b.Scale
	d.Error = math.Abs(float64(a.Scale)-float64(b.Scale)) / float64(a.Scale)
	rows, nonzero := make([]int64, a.Rows), make([]int64, a.Rows)
	err := a.Ranges(a.Rows, func(lo, hi int) error {
		x, y := make([]byte, a.Columns), make([]byte, a.Columns)
		for i := lo; i < hi; i++ {
			row := quartered(i, a.Rows)
			if err := a.Codes(x, row); err != nil {
				return err
			}
			if err := b.Codes(y, row); err != nil {
				return err
			}
			if !bytes.Equal(x, y) {
				rows[row] = unequal(x, y)
			}
			if d.Error > 0 {
				nonzero[row] = int64(a.Columns) - gguf.CountZeros(x)
			}
		}
		return nil
	})
	a.Release(0, a.Rows)
	b.Release(0, b.Rows)
	weights := int64(0)
	for row, n := range rows {
		d.Codes += n
		weights += nonzero[row]
	}
	if weights == 0 { // the scale of zeros does not matter
		d.Error = 0
	}
	d.judge(scaleTolerance(a.DType, b.DType))
	return err
}

// quartered returns the row to read as number i, so that the four rows that share the bytes of a
// packed folder, one of each quarter, are read one after the other.
func quartered(i, rows int) int {
	if rows%4 != 0 {
		return i
	}
	return i%4*(rows/4) + i/4
}

func unequal(x, y []byte) (n int64) {
	for i := range x {
		if x[i] != y[i] {
			n++
		}
	}
	return n
}

func (d *Difference) compareValues(a, b *source.Tensor) error {
	type sum struct{ error, a, b float64 }
	rows := make([]sum, a.Rows)
	err := source.EachRange([]*source.Tensor{a, b}, func(lo, hi int) error {
		x, y, codes := make([]float32, a.Columns), make([]float32, a.Columns), make([]byte, a.Columns)
		for row := lo; row < hi; row++ {
			if err := a.Values(x, codes, row); err != nil {
				return err
			}
			if err := b.Values(y, codes, row); err != nil {
				return err
			}
			s := &rows[row]
			s.a, s.b = vector.SumSquares(x), vector.SumSquares(y)
			vector.Axpy(-1, x, y)
			s.error = vector.SumSquares(y)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var total sum
	for _, r := range rows {
		total.error += r.error
		total.a += r.a
		total.b += r.b
	}
	if !(total.a+total.b < math.Inf(1)) {
		return source.ErrNotFinite
	}
	if total.error != 0 { // if a is all zeros, the error is 1
		d.Error = math.Sqrt(total.error / cmp.Or(total.a, total.b))
	}
	d.judge(tolerance(a.DType, b.DType))
	return nil
}

func (d *Difference) judge(tolerance float64) {
	switch {
	case d.Codes == 0 && d.Error == 0:
		d.Verdict = Equal
	case d.Codes == 0 && d.Error <= tolerance:
		d.Verdict = Rounded
	default:
		d.Verdict = Different
	}
}

// precision is a bound of the relative L2 error that a type makes. Floating-point types round to
// nearest; the bounds of block types hold for weights that are distributed like trained ones.
var precision = map[string]float64{
	"F16": 1.0 / (1 << 11), "BF16": 1.0 / (1 << 8), "Q8_0": 0.02, "Q6_K": 0.05, "Q4_0": 0.2,
	"U8": 1e-6, "I2_S": 1e-6, "TQ1_0": 1.0 / (1 << 10), "TQ2_0": 1.0 / (1 << 10),
}

// tolerance is the largest relative error between weights of two types that rounding explains.
func tolerance(a, b string) float64 {
	if a == b && (a == "F32" || a == "F16" || a == "BF16" || a == "F64") {
		return 0
	}
	return precisionOf(a) + precisionOf(b)
}

// turnError bounds the relative L2 error of float32 in turns into and out of a rotated basis.
const turnError = 2e-6

func precisionOf(dtype string) float64 {
	stored, isTurned := strings.CutSuffix(dtype, source.TurnedSuffix)
	if isTurned {
		return precision[stored] + turnError
	}
	return precision[stored]
}

// scaleTolerance is the largest relative error between the scales of equal codes that rounding
// explains: of half precision in TQ1_0 and TQ2_0, else of the mean of rounded master weights.
func scaleTolerance(a, b string) float64 {
	if strings.HasPrefix(a, "TQ") || strings.HasPrefix(b, "TQ") {
		return precision["TQ2_0"]
	}
	return 1e-4
}

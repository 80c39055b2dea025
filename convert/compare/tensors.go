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

// compareTensor compares a weight of two models: by codes where it is ternary in both.
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
	if weights == 0 { // any scale of zeros is right
		d.Error = 0
	}
	d.judge(scaleTolerance(a.DType, b.DType))
	return err
}

// quartered is row i in another order: the four rows that packed folders have in the same
// bytes, one of each quarter, follow each other.
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
	if total.error != 0 { // zeros beside other values have an error of 1
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

// precision bounds the relative L2 error that a type makes. Floating-point types round to
// nearest; block types are bounded for weights that are spread about as trained ones are.
var precision = map[string]float64{
	"F16": 1.0 / (1 << 11), "BF16": 1.0 / (1 << 8), "Q8_0": 0.02, "Q6_K": 0.05, "Q4_0": 0.2,
	"U8": 1e-6, "I2_S": 1e-6, "TQ1_0": 1.0 / (1 << 10), "TQ2_0": 1.0 / (1 << 10),
}

// tolerance is how far weights of two types may lie apart.
func tolerance(a, b string) float64 {
	if a == b && (a == "F32" || a == "F16" || a == "BF16" || a == "F64") {
		return 0
	}
	return precision[a] + precision[b]
}

// scaleTolerance is how far the scales of equal codes may lie apart: as far as half
// precision rounds in TQ1_0 and TQ2_0, else as far as masters that were rounded move their mean.
func scaleTolerance(a, b string) float64 {
	if strings.HasPrefix(a, "TQ") || strings.HasPrefix(b, "TQ") {
		return precision["TQ2_0"]
	}
	return 1e-4
}

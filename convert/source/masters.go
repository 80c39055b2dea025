package source

import (
	"fmt"
	"math"

	"trit/bitlinear/quant"
	"trit/format/gguf"
	"trit/internal/float16"
)

// Masters returns master weights, in a floating-point type of GGUF, whose absmean quantisation
// gives the codes and the scale of a ternary weight. They are the master weights that it was
// quantised from, rounded so that no code changes, or synthetic ones if it has none.
func (t *Tensor) Masters(typ gguf.Type) (*Tensor, error) {
	if t.masters == nil {
		return synthetic(t, typ)
	}
	return keepCodes(t.masters, t, typ)
}

// keepCodes rounds master weights to a 16-bit type without a change of the model: a weight that
// would cross a border between ternary values stays on its side. Rounding moves the scale a
// little, and the borders with it, so the new scale is computed first.
func keepCodes(masters, ternary *Tensor, typ gguf.Type) (*Tensor, error) {
	if typ == gguf.F32 || masters.DType == typ.String() {
		return masters, nil
	}
	before := absmeanCode(1 / ternary.Scale)
	s, err := sumsOf(roundedBy(masters, typ, before, before))
	if err != nil {
		return nil, err
	}
	after := absmeanCode(1 / float32(max(s.magnitude/float64(masters.Rows*masters.Columns), quant.MinScale)))
	return roundedBy(masters, typ, before, after), nil
}

// roundedBy rounds weights to a 16-bit type so that the function after gives each rounded weight
// the code that the function before gives the weight.
func roundedBy(masters *Tensor, typ gguf.Type, before, after func(float32) byte) *Tensor {
	out := *masters
	out.halves = nil
	half := halfType(typ)
	out.floats = func(dst []float32, row int) error {
		if err := masters.floats(dst, row); err != nil {
			return err
		}
		for i, w := range dst {
			bits := half.bits(w)
			if dst[i] = half.value(bits); after(dst[i]) == before(w) {
				continue
			}
			if after(dst[i]) == 1 { // bits are sign and size: the next ones are farther from zero
				bits++
			} else {
				bits--
			}
			dst[i] = half.value(bits)
		}
		return nil
	}
	return &out
}

// half converts to and from one of the two 16-bit types.
type half struct {
	bits  func(float32) uint16
	value func(uint16) float32
}

func halfType(typ gguf.Type) half {
	if typ == gguf.BF16 {
		return half{float16.BBits, float16.BFromBits}
	}
	return half{float16.Bits, float16.FromBits}
}

// synthetic makes master weights for a ternary weight that has none: their absmean is its scale
// s, and they round to its codes. If p is the share of weights that are not zero, those get the
// size s/p, so that the mean of all sizes is s. No type holds s/p exactly, so some weights get the
// next value below it and the others the next above it, in such numbers that the sum of sizes
// is too small by less than the difference of the two values. The first zeros get this
// remainder; the other zeros stay zero.
func synthetic(t *Tensor, typ gguf.Type) (*Tensor, error) {
	rows, err := t.Nonzeros()
	if err != nil {
		return nil, err
	}
	total := int64(0)
	before := make([]int64, t.Rows) // weights that are not zero above each row
	for row, n := range rows {
		before[row] = total
		total += n
	}
	l := levelsOf(t.Scale, int64(t.Rows*t.Columns), total, typ)
	if !(l.high <= math.MaxFloat32) {
		return nil, fmt.Errorf("master weights of a scale of %g, %d of %d not zero, are larger than %s can hold: take "+
			"another type", t.Scale, total, t.Rows*t.Columns, typ)
	}
	out := t.coded(0)
	out.DType = typ.String()
	out.floats = func(dst []float32, row int) error {
		codes := make([]byte, t.Columns)
		if err := t.codes(codes, row); err != nil {
			return err
		}
		l.fill(dst, codes, before[row], int64(row*t.Columns)-before[row])
		return nil
	}
	return out, nil
}

// levels are the sizes of synthetic weights.
type levels struct {
	low, high  float32
	lows       int64     // number of weights that get the lower one
	remainders []float32 // values of the first zeros
}

func levelsOf(scale float32, weights, nonzero int64, typ gguf.Type) (l levels) {
	if nonzero == 0 {
		return l
	}
	sum := float64(scale) * float64(weights)
	l.low, l.high = around(sum/float64(nonzero), typ)
	step := float64(l.high) - float64(l.low)
	l.lows = min(nonzero, int64(math.Ceil((float64(l.high)*float64(nonzero)-sum)/step)))
	remainder := sum - float64(l.low)*float64(l.lows) - float64(l.high)*float64(nonzero-l.lows)
	l.remainders = remaindersOf(remainder, float64(scale)/4, weights-nonzero, typ)
	return l
}

// remaindersOf splits a remainder into values of a type, at most as many as there are zeros.
// None of them is above largest, so that all round to zero.
func remaindersOf(remainder, largest float64, zeros int64, typ gguf.Type) (out []float32) {
	for int64(len(out)) < zeros {
		v, _ := around(min(remainder, largest), typ)
		if !(v > 0) {
			break
		}
		out = append(out, v)
		remainder -= float64(v)
	}
	return out
}

// fill makes a row of weights. nonzero and zeros count the weights above the row that are not
// zero and that are zero.
func (l *levels) fill(dst []float32, codes []byte, nonzero, zeros int64) {
	for i, c := range codes {
		switch {
		case c != 1 && nonzero < l.lows:
			dst[i] = l.low * (float32(c) - 1)
		case c != 1:
			dst[i] = l.high * (float32(c) - 1)
		case zeros < int64(len(l.remainders)):
			dst[i] = l.remainders[zeros]
		default:
			dst[i] = 0
		}
		if c == 1 {
			zeros++
		} else {
			nonzero++
		}
	}
}

// around returns the two neighbouring values of a type between which a positive number lies.
func around(v float64, typ gguf.Type) (low, high float32) {
	if typ == gguf.F32 {
		if low = float32(v); float64(low) > v {
			low = math.Nextafter32(low, 0)
		}
		return low, math.Nextafter32(low, math.MaxFloat32)
	}
	half := halfType(typ)
	bits := half.bits(float32(v))
	if float64(half.value(bits)) > v {
		bits--
	}
	return half.value(bits), half.value(bits + 1)
}

// Nonzeros returns, for each row of a ternary weight, the number of weights that are not zero.
func (t *Tensor) Nonzeros() ([]int64, error) {
	counts := make([]int64, t.Rows)
	err := EachRange([]*Tensor{t}, func(lo, hi int) error {
		codes := make([]byte, t.Columns)
		for row := lo; row < hi; row++ {
			if err := t.codes(codes, row); err != nil {
				return err
			}
			counts[row] = int64(t.Columns) - gguf.CountZeros(codes)
		}
		return nil
	})
	return counts, err
}

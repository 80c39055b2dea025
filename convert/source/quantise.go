package source

import (
	"encoding/binary"
	"math"
	"sync"

	"trit/bitlinear/quant"
	"trit/internal/float16"
)

// rule is how master weights become ternary with one scale: by their absmean, or by their signs (b1).
type rule struct {
	sign bool
	half bool // the scale is rounded to half precision
}

// quantised makes a ternary weight of the master weights t, whose sums are s. The master weights are
// read twice, for the sums and for the codes, and never kept.
//
// A 16-bit weight has one of 65536 values. So for 16-bit types the first reading counts how often
// each value occurs, which gives exact sums, and the second one looks codes up in a table.
func quantised(t *Tensor, s sums, r rule) *Tensor {
	n := float64(t.Rows * t.Columns)
	out := t.coded(float32(max(s.magnitude/n, quant.MinScale)))
	if r.half {
		out.Scale = quant.Half(out.Scale)
	}
	code := absmeanCode(1 / out.Scale)
	if r.sign {
		code = signCode(float32(s.sum / n))
	}
	out.codes = t.codesBy(code)
	return out
}

// codesBy returns the function that writes the codes of a row, given the code of a weight.
func (t *Tensor) codesBy(code func(float32) byte) func([]byte, int) error {
	if t.halves != nil {
		return t.lookUp(code)
	}
	return t.encodeFloats(code)
}

// absmeanCode is quant.Ternary without a branch, for the inverse of a scale: the code of a weight
// beyond half a scale is one away from the code of zero.
func absmeanCode(inverse float32) func(float32) byte {
	return func(w float32) byte {
		bits := math.Float32bits(w * inverse)
		beyond := (halfBits - bits&^signBit) >> 31
		return byte(1 + beyond - 2*(beyond&(bits>>31)))
	}
}

const (
	signBit  = 1 << 31
	halfBits = 0x3f000000 // 0.5
)

// signCode is quant.Signs for weights of a mean.
func signCode(mean float32) func(float32) byte {
	return func(w float32) byte {
		switch d := w - mean; {
		case d > 0:
			return 2
		case d < 0:
			return 0
		}
		return 1
	}
}

func (t *Tensor) encodeFloats(code func(float32) byte) func([]byte, int) error {
	rows := sync.Pool{New: func() any { v := make([]float32, t.Columns); return &v }}
	return func(dst []byte, row int) error {
		v := rows.Get().(*[]float32)
		defer rows.Put(v)
		if err := t.floats(*v, row); err != nil {
			return err
		}
		for i, w := range *v {
			dst[i] = code(w)
		}
		return nil
	}
}

func (t *Tensor) lookUp(code func(float32) byte) func([]byte, int) error {
	var table [1 << 16]byte
	_, bf16 := t.halves(0)
	for bits := range table {
		table[bits] = code(widen(uint16(bits), bf16))
	}
	return func(dst []byte, row int) error {
		bits, _ := t.halves(row)
		for i := range dst {
			dst[i] = table[binary.LittleEndian.Uint16(bits[2*i:])]
		}
		return nil
	}
}

func widen(bits uint16, bf16 bool) float32 {
	if bf16 {
		return float16.BFromBits(bits)
	}
	return float16.FromBits(bits)
}

// sums are the results of the first reading of a weight.
type sums struct {
	sum, magnitude    float64 // sums of the values and of their absolute values
	smallest, largest float64 // absolute values, of values that are not 0
}

// oneMagnitude reports whether all weights that are not 0 have one absolute value. Such weights
// are ternary already, and their absmean is not their scale.
func (s *sums) oneMagnitude() bool { return s.largest > 0 && s.smallest == s.largest }

func (s *sums) add(v, times float64) {
	size := math.Abs(v)
	s.sum += v * times
	s.magnitude += size * times
	if size > 0 {
		s.smallest, s.largest = min(s.smallest, size), max(s.largest, size)
	}
}

func (s *sums) merge(o sums) {
	s.sum += o.sum
	s.magnitude += o.magnitude
	s.smallest, s.largest = min(s.smallest, o.smallest), max(s.largest, o.largest)
}

// sumsOf reads a tensor once. The order of summation does not depend on the number of threads.
func sumsOf(t *Tensor) (sums, error) {
	total := sums{smallest: math.Inf(1)}
	var err error
	if t.halves != nil {
		t.sumHalves(&total)
	} else {
		err = t.sumFloats(&total)
	}
	if err == nil && (math.IsNaN(total.magnitude) || math.IsInf(total.magnitude, 0)) {
		err = ErrNotFinite
	}
	return total, err
}

// countedWeights is the fewest weights that are worth another thread, which needs 65536 counters.
const countedWeights = 1 << 20

// sumHalves adds up 16-bit weights by how often each value occurs.
func (t *Tensor) sumHalves(total *sums) {
	var counts [1 << 16]int64
	var mu sync.Mutex
	_, bf16 := t.halves(0)
	t.pool.For(t.Rows, max(1, countedWeights/t.Columns), func(lo, hi int) {
		mine := make([]uint32, 1<<16)
		for row := lo; row < hi; row++ {
			bits, _ := t.halves(row)
			for ; len(bits) >= 2; bits = bits[2:] {
				mine[binary.LittleEndian.Uint16(bits)]++
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for i, n := range mine {
			counts[i] += int64(n)
		}
	})
	for i, n := range counts {
		if n > 0 {
			total.add(float64(widen(uint16(i), bf16)), float64(n))
		}
	}
}

func (t *Tensor) sumFloats(total *sums) error {
	parts, errs := make([]sums, t.Rows), make([]error, t.Rows)
	t.pool.Chunks(t.Rows, max(1, 1<<14/t.Columns), func(lo, hi int) {
		v := make([]float32, t.Columns)
		for row := lo; row < hi; row++ {
			parts[row] = sums{smallest: math.Inf(1)}
			if errs[row] = t.floats(v, row); errs[row] != nil {
				return
			}
			for _, w := range v {
				parts[row].add(float64(w), 1)
			}
		}
	})
	for row, p := range parts {
		if errs[row] != nil {
			return errs[row]
		}
		total.merge(p)
	}
	return nil
}

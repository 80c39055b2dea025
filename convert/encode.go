package convert

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sync/atomic"

	"trit/bitlinear/kernel/vector"
	"trit/convert/source"
	"trit/format/gguf"
	"trit/internal/float16"
)

// encoder makes the rows of a tensor in a type of GGUF; the types of safetensors are among
// these. Several threads may use it at once.
type encoder struct {
	t     *source.Tensor
	typ   gguf.Type
	scale uint16        // half-precision scale in the blocks of TQ1_0 and TQ2_0
	zeros *atomic.Int64 // counts the zeros of ternary weights; nil for other weights
}

// fill makes the rows [row, row+n) in dst.
func (e *encoder) fill(dst []byte, row, n int) error {
	size := e.typ.RowBytes(e.t.Columns)
	encodeRow := e.floats
	if e.isBitNet() {
		encodeRow = e.codes
	}
	s := scratch{}
	for i := range n {
		if err := encodeRow(dst[i*size:][:size], row+i, &s); err != nil {
			return err
		}
	}
	return nil
}

// isBitNet reports whether the encoder writes ternary weights under one scale. Weights of a model in
// full precision can go into TQ1_0 and TQ2_0 too, with a scale a group.
func (e *encoder) isBitNet() bool { return e.typ.IsTernary() && e.t.IsTernary() }

// scratch is memory for a row in several forms, made when it is first needed.
type scratch struct {
	codes  []byte
	floats []float32
	packed []float32 // what the packed row holds
	halves []uint16
}

func (s *scratch) codesOf(k int) []byte {
	if s.codes == nil {
		s.codes = make([]byte, k)
	}
	return s.codes
}

func (s *scratch) floatsOf(k int) []float32 {
	if s.floats == nil {
		s.floats = make([]float32, k)
	}
	return s.floats
}

func (s *scratch) halvesOf(k int) []uint16 {
	if s.halves == nil {
		s.halves = make([]uint16, k)
	}
	return s.halves
}

func (e *encoder) codes(dst []byte, row int, s *scratch) error {
	codes := s.codesOf(e.t.Columns)
	if err := e.t.Codes(codes, row); err != nil {
		return err
	}
	if err := gguf.EncodeTernary(e.typ, dst, codes, e.scale); err != nil {
		return err
	}
	if e.zeros != nil {
		e.zeros.Add(e.zerosOf(dst, codes))
	}
	return nil
}

// zerosOf counts the zeros of a row: in I2_S 32 packed codes at a time, else code by code.
func (e *encoder) zerosOf(packed, codes []byte) (n int64) {
	if e.typ != gguf.I2_S {
		return gguf.CountZeros(codes)
	}
	for ; len(packed) >= 8; packed = packed[8:] { // blocks are of 32 bytes
		v := binary.LittleEndian.Uint64(packed)
		n += int64(bits.OnesCount64(v & 0x5555555555555555))
	}
	return n
}

func (e *encoder) floats(dst []byte, row int, s *scratch) error {
	v := s.floatsOf(e.t.Columns)
	if err := e.t.Floats(v, row); err != nil {
		return err
	}
	if err := checkFinite(v); err != nil {
		return err
	}
	switch {
	case e.typ == gguf.F16:
		return toF16(dst, v, s.halvesOf(e.t.Columns))
	case e.typ.IsGrouped() || e.typ.IsTernary():
		return e.groups(dst, v, row, s)
	}
	return gguf.Quantize(e.typ, dst, v)
}

// groups packs a row of a type with a scale a group. It refuses weights that are not a code times a
// scale already: rounding to so few bits would leave little of the model.
func (e *encoder) groups(dst []byte, v []float32, row int, s *scratch) error {
	if err := gguf.Quantize(e.typ, dst, v); err != nil {
		return err
	}
	if s.packed == nil {
		s.packed = make([]float32, len(v))
	}
	if err := gguf.Dequantize(e.typ, s.packed, dst); err != nil {
		return err
	}
	for i, w := range v {
		if s.packed[i] != w {
			return e.misfit(v, i, row)
		}
	}
	return nil
}

// misfit says why weight i of a row is not in a type of groups.
func (e *encoder) misfit(v []float32, i, row int) error {
	first := i / e.typ.Block() * e.typ.Block()
	group := v[first:][:e.typ.Block()]
	scale := float32(0)
	for _, w := range group {
		scale = max(scale, float32(math.Abs(float64(w))))
	}
	holds, reason := "-d, 0 and d", "has weights of other sizes"
	if e.typ == gguf.Q1_0 {
		holds = "-d and d"
	}
	switch half := float16.FromBits(float16.Bits(scale)); {
	case half != scale:
		reason = fmt.Sprintf("d, %g, is not exact in half precision", scale)
	case slices.ContainsFunc(group, func(w float32) bool { return w == scale/2 || w == -scale/2 }):
		reason = "holds 2d, which code 3 of a 2-bit type stands for"
	case e.typ == gguf.Q1_0 && slices.Contains(group, 0):
		reason = "has zeros"
	}
	return fmt.Errorf("row %d: the group of %d weights from %d on %s: a group of %s is %s, d being of half precision; "+
		"take another type for it", row, len(group), first, reason, e.typ, holds)
}

// checkFinite returns an error if a value is infinite or no number. The sum of the squares of
// finite float32 values is finite in float64.
func checkFinite(v []float32) error {
	if s := vector.SumSquares(v); math.IsNaN(s) || math.IsInf(s, 0) {
		return source.ErrNotFinite
	}
	return nil
}

// toF16 rounds a row to half precision with vector instructions. It returns an error for a value
// that is too large for half precision, which became infinite.
func toF16(dst []byte, v []float32, halves []uint16) error {
	vector.NarrowF16(halves, v)
	all := uint16(0)
	for i, h := range halves {
		binary.LittleEndian.PutUint16(dst[2*i:], h)
		all |= (h&infinite + 0x400) // carries into the sign if the exponent is all ones
	}
	if all&0x8000 == 0 {
		return nil
	}
	i := slices.IndexFunc(halves, func(h uint16) bool { return h&infinite == infinite })
	return fmt.Errorf("it holds the value %g, and the largest value of F16 is 65504: take another type", v[i])
}

const infinite = 0x7c00 // in half precision

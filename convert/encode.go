package convert

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"

	"trit/format/gguf"
	"trit/internal/float16"
)

// encoder makes the rows of a tensor in a type of GGUF, which includes those of
// safetensors. It may be used by several threads.
type encoder struct {
	t     *tensor
	typ   gguf.Type
	scale uint16        // in the blocks of TQ1_0 and TQ2_0
	zeros *atomic.Int64 // counts codes of zero; or nil
}

// fill makes the rows [row, row+n) in dst.
func (e *encoder) fill(dst []byte, row, n int) error {
	size := e.typ.RowBytes(e.t.k)
	make1 := e.floats
	switch {
	case e.typ.IsTernary():
		make1 = e.codes
	case e.t.halves != nil && (e.typ == gguf.F16 || e.typ == gguf.BF16):
		make1 = e.halves
	}
	s := scratch{}
	for i := range n {
		if err := make1(dst[i*size:][:size], row+i, &s); err != nil {
			return err
		}
	}
	return nil
}

// scratch is a row in two forms, made when it is first needed.
type scratch struct {
	codes  []byte
	floats []float32
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

func (e *encoder) codes(dst []byte, row int, s *scratch) error {
	codes := s.codesOf(e.t.k)
	if err := e.t.codes(codes, row); err != nil {
		return err
	}
	if e.zeros != nil {
		e.zeros.Add(countZeros(codes))
	}
	return gguf.EncodeTernary(e.typ, dst, codes, e.scale)
}

// countZeros counts the code 1, which alone has its lowest bit set.
func countZeros(codes []byte) (n int64) {
	for ; len(codes) >= 8; codes = codes[8:] {
		n += int64(bits.OnesCount64(binary.LittleEndian.Uint64(codes) & lowBit))
	}
	for _, c := range codes {
		n += int64(c & 1)
	}
	return n
}

func (e *encoder) floats(dst []byte, row int, s *scratch) error {
	v := s.floatsOf(e.t.k)
	if err := e.t.floats(v, row); err != nil {
		return err
	}
	if err := checkFinite(v); err != nil {
		return err
	}
	return gguf.Quantize(e.typ, dst, v)
}

var errNotFinite = errors.New("it holds values that are not finite: the file is damaged, or training had diverged")

// checkFinite finds infinite and undefined values, which alone do not give 0 times 0.
func checkFinite(v []float32) error {
	sum := float32(0)
	for _, w := range v {
		sum += w * 0
	}
	if sum != 0 {
		return errNotFinite
	}
	return nil
}

// halves converts 16-bit floats by looking them up.
func (e *encoder) halves(dst []byte, row int, _ *scratch) error {
	src, bf16 := e.t.halves(row)
	table := halfTable(bf16, e.typ == gguf.BF16)
	le, bad := binary.LittleEndian, false
	for ; len(src) >= 2; src, dst = src[2:], dst[2:] {
		h := table[le.Uint16(src)]
		bad = bad || h == unfit
		le.PutUint16(dst, h)
	}
	if bad {
		return fmt.Errorf("it holds values that are not finite or larger than %s can hold (65504 for F16): take another type", e.typ)
	}
	return nil
}

// unfit marks values that cannot be converted; it is no finite value in either type.
const unfit = 0xffff

// halfTables convert from F16 or BF16 (first index 1) to F16 or BF16 (second index 1).
var halfTables [2][2]struct {
	once  sync.Once
	table [1 << 16]uint16
}

func halfTable(from, to bool) *[1 << 16]uint16 {
	t := &halfTables[index(from)][index(to)]
	t.once.Do(func() {
		for i := range t.table {
			t.table[i] = convertHalf(widen(uint16(i), from), to)
		}
	})
	return &t.table
}

func convertHalf(v float32, bf16 bool) uint16 {
	h := float16.Bits(v)
	if bf16 {
		h = float16.BBits(v)
	}
	if w := float64(widen(h, bf16)); math.IsInf(w, 0) || math.IsNaN(w) {
		return unfit
	}
	return h
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

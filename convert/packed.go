package convert

import (
	"encoding/binary"
	"fmt"

	"trit/format/safetensors"
	"trit/model"
)

// Packed folders hold 2-bit codes, U8 [out/4, in], with a weight_scale beside each weight:
// with R = out/4, packed row p holds the rows p, p+R, p+2R and p+3R from its low bits to
// its high bits, as value+1.

const (
	lowPair = 0x0303030303030303 // the lowest two bits of eight bytes
	lowBit  = 0x0101010101010101
)

// scaleSuffix follows the name of a packed weight.
const scaleSuffix = "_scale"

func packedTensor(f *safetensors.File, name string, rows, k int, rule model.Storage) (*tensor, error) {
	data, err := f.Bytes(name)
	if err != nil {
		return nil, err
	}
	if info, _ := f.Tensor(name); info.DType != "U8" || len(data)*4 != rows*k || rows%4 != 0 {
		return nil, fmt.Errorf("%s is %s %v: want U8 with four weights of [%d %d] in a byte", name, info.DType, info.Shape, rows, k)
	}
	s, err := packedScale(f, name)
	if err != nil {
		return nil, err
	}
	t := &tensor{dtype: "U8", rows: rows, k: k, scale: s}
	if rule == model.PackedDivide {
		t.scale = 1 / s
	}
	if err := checkScale(name, t.scale); err != nil {
		return nil, err
	}
	t.codes = func(dst []byte, row int) error {
		if unpackRow(dst, data[row%(rows/4)*k:][:k], uint(row/(rows/4))*2) {
			return fmt.Errorf("%s: row %d holds code 3, which stands for no weight: the file is damaged or packed otherwise", name, row)
		}
		return nil
	}
	// A byte belongs to four rows that are far apart, so memory is let go of at the end.
	t.release = func(row, n int) {
		if row+n == rows {
			f.Release(data)
		}
	}
	return t, nil
}

func packedScale(f *safetensors.File, name string) (float32, error) {
	if info, ok := f.Tensor(name + scaleSuffix); ok && info.Elements() != 1 {
		return 0, fmt.Errorf("%s%s has %d values: want one", name, scaleSuffix, info.Elements())
	}
	s, err := f.Float32(name + scaleSuffix)
	if err != nil {
		return 0, err
	}
	return s[0], checkScale(name, s[0])
}

// unpackRow takes the codes at one pair of bits out of each byte and tells whether one of
// them is 3.
func unpackRow(dst, src []byte, shift uint) (bad bool) {
	le, threes := binary.LittleEndian, uint64(0)
	shift &= 7
	for ; len(src) >= 32 && len(dst) >= 32; src, dst = src[32:], dst[32:] { // four words at a time
		a, b := le.Uint64(src)>>shift&lowPair, le.Uint64(src[8:])>>shift&lowPair
		c, d := le.Uint64(src[16:])>>shift&lowPair, le.Uint64(src[24:])>>shift&lowPair
		threes |= a&(a>>1) | b&(b>>1) | c&(c>>1) | d&(d>>1)
		le.PutUint64(dst, a)
		le.PutUint64(dst[8:], b)
		le.PutUint64(dst[16:], c)
		le.PutUint64(dst[24:], d)
	}
	for i, v := range src {
		v = v >> shift & 3
		threes |= uint64(v & (v >> 1))
		dst[i] = v
	}
	return threes&lowBit != 0
}

// packRow is the inverse for four rows.
func packRow(dst []byte, rows *[4][]byte) {
	le, i := binary.LittleEndian, 0
	for ; i+8 <= len(dst); i += 8 {
		le.PutUint64(dst[i:], le.Uint64(rows[0][i:])|le.Uint64(rows[1][i:])<<2|le.Uint64(rows[2][i:])<<4|le.Uint64(rows[3][i:])<<6)
	}
	for ; i < len(dst); i++ {
		dst[i] = rows[0][i] | rows[1][i]<<2 | rows[2][i]<<4 | rows[3][i]<<6
	}
}

package gguf

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"trit/bitlinear/quant"
)

// randomCodes are code bytes 0, 1 and 2.
func randomCodes(r *rand.Rand, n int) []byte {
	codes := make([]byte, n)
	for i := range codes {
		codes[i] = byte(r.IntN(3))
	}
	return codes
}

func TestI2SIsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for _, n := range []int{128, 256, 1280} {
		codes, q := randomCodes(r, n), make([]int8, n)
		for i, c := range codes {
			q[i] = int8(c) - 1
		}
		want, got := make([]byte, n/4), make([]byte, n/4)
		if err := quant.PackI2S(want, q); err != nil {
			t.Fatal(err)
		}
		if err := EncodeTernary(I2_S, got, codes, 0); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d codes: got %x, %v, want %x", n, got, err, want)
		}
	}
}

// plainTQ2 is ggml's block_tq2_0: two times 32 bytes, each for 128 values; byte m holds the
// values m, 32+m, 64+m and 96+m from its low bits to its high bits; then the scale.
func plainTQ2(codes []byte, scale uint16) []byte {
	b := make([]byte, 66)
	for i, c := range codes {
		half, place := i/128, i%128
		b[32*half+place%32] |= c << (2 * (place / 32))
	}
	le.PutUint16(b[64:], scale)
	return b
}

// plainTQ1 is ggml's block_tq1_0: 32 bytes for the first 160 values, 16 for the next 80 and
// 4 for the last 16. Byte m of n bytes holds the values m, n+m, 2n+m ... as digits to the
// base 3, the first one highest, of a number below 243, of which the last 4 bytes have a digit
// 0 for a fifth value. The number is stretched to 256 and rounded up. Then the scale.
func plainTQ1(codes []byte, scale uint16) []byte {
	b := make([]byte, 0, 54)
	for _, part := range []struct{ first, bytes, digits int }{{0, 32, 5}, {160, 16, 5}, {240, 4, 4}} {
		for m := range part.bytes {
			number, power := 0, 81
			for d := range part.digits {
				number += power * int(codes[part.first+d*part.bytes+m])
				power /= 3
			}
			stretched := number * 256 / 243
			if number*256%243 != 0 {
				stretched++
			}
			b = append(b, byte(stretched))
		}
	}
	return le.AppendUint16(b, scale)
}

func TestTQIsTheDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for typ, plain := range map[Type]func([]byte, uint16) []byte{TQ1_0: plainTQ1, TQ2_0: plainTQ2} {
		for blocks := 1; blocks < 9; blocks++ {
			codes, scale := randomCodes(r, 256*blocks), uint16(r.IntN(1<<15)+1)
			var want []byte
			for at := 0; at < len(codes); at += 256 {
				want = append(want, plain(codes[at:at+256], scale)...)
			}
			got := make([]byte, typ.RowBytes(len(codes)))
			if err := EncodeTernary(typ, got, codes, scale); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%s, %d blocks: got %x, %v, want %x", typ, blocks, got, err, want)
			}
			back := make([]byte, len(codes))
			if err := DecodeTernary(typ, back, want); err != nil || !slices.Equal(back, codes) {
				t.Fatalf("%s, %d blocks: %v, or other codes came back", typ, blocks, err)
			}
			if got, err := BlockScale(typ, want); err != nil || got != scale {
				t.Fatalf("%s: scale %#x, %v, want %#x", typ, got, err, scale)
			}
		}
	}
}

func TestBlockScaleRejects(t *testing.T) {
	zeros, ones := bytes.Repeat([]byte{1}, 256), bytes.Repeat([]byte{2}, 256)
	for typ, plain := range map[Type]func([]byte, uint16) []byte{TQ1_0: plainTQ1, TQ2_0: plainTQ2} {
		for _, c := range []struct {
			blocks [][]byte
			scale  uint16
			want   string
		}{
			{[][]byte{plain(ones, 7), plain(ones, 7)}, 7, ""},
			{[][]byte{plain(zeros, 0), plain(ones, 7), plain(zeros, 0x8000)}, 7, ""},
			{[][]byte{plain(zeros, 0), plain(zeros, 0)}, 0, ""},
			{[][]byte{plain(ones, 7), plain(ones, 8)}, 0, "different scales"},
			{[][]byte{plain(ones, 7), plain(zeros, 8)}, 0, "different scales"},
			{[][]byte{plain(ones, 7), plain(ones, 0)}, 0, fmt.Sprintf("the block at byte %d has the scale 0", len(plain(ones, 0)))},
			{[][]byte{plain(ones, 0x8000)}, 0, "the block at byte 0 has the scale 0"},
		} {
			got, err := BlockScale(typ, slices.Concat(c.blocks...))
			if c.want == "" && (err != nil || got != c.scale) {
				t.Errorf("%s: %d, %v, want %d", typ, got, err, c.scale)
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s: got %v, want %q", typ, err, c.want)
			}
		}
	}
}

func TestTernaryRejects(t *testing.T) {
	for _, typ := range []Type{I2_S, TQ1_0, TQ2_0, F32} {
		for _, n := range []int{1, 127, 255} {
			if EncodeTernary(typ, make([]byte, n), make([]byte, n), 0) == nil || DecodeTernary(typ, make([]byte, n), make([]byte, n)) == nil {
				t.Errorf("%s: %d codes in as many bytes were accepted", typ, n)
			}
		}
	}
	for _, typ := range []Type{I2_S, TQ2_0} {
		for at := range 32 {
			for shift := 0; shift < 8; shift += 2 {
				b := bytes.Repeat([]byte{0b01010101}, typ.RowBytes(256))
				b[at] |= 3 << shift
				if err := DecodeTernary(typ, make([]byte, 256), b); err == nil {
					t.Errorf("%s: code 3 in byte %d at bit %d was accepted", typ, at, shift)
				}
			}
		}
	}
}

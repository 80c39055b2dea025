package quant

import "fmt"

// I2_S packs blocks of 128 ternary values into 32 bytes of 2-bit codes
// (0 = -1, 1 = 0, 2 = +1): byte j of a block holds the values j, 32+j, 64+j and 96+j
// from its high bits to its low bits.
const (
	BlockValues = 128
	BlockBytes  = 32
)

// PackI2S packs ternary values into I2_S code bytes. len(q) must be a multiple of
// 128 and len(dst) a quarter of it.
func PackI2S(dst []byte, q []int8) error {
	if len(q)%BlockValues != 0 || len(dst) != len(q)/4 {
		return fmt.Errorf("i2_s: %d values into %d bytes: want a multiple of %d values and a quarter as many bytes",
			len(q), len(dst), BlockValues)
	}
	for b := 0; b < len(q)/BlockValues; b++ {
		in, out := q[b*BlockValues:][:BlockValues], dst[b*BlockBytes:][:BlockBytes]
		for j := range out {
			out[j] = byte(in[j]+1)<<6 | byte(in[32+j]+1)<<4 | byte(in[64+j]+1)<<2 | byte(in[96+j]+1)
		}
	}
	return nil
}

// UnpackI2S is the inverse of PackI2S. Code 3, which no writer produces, is an error.
func UnpackI2S(dst []int8, codes []byte) error {
	if len(dst)%BlockValues != 0 || len(codes) != len(dst)/4 {
		return fmt.Errorf("i2_s: %d bytes into %d values: want a multiple of %d values and a quarter as many bytes",
			len(codes), len(dst), BlockValues)
	}
	for b := 0; b < len(dst)/BlockValues; b++ {
		out, in := dst[b*BlockValues:][:BlockValues], codes[b*BlockBytes:][:BlockBytes]
		for j, c := range in {
			if c&(c>>1)&0x55 != 0 {
				return fmt.Errorf("i2_s: byte %d is %#02x: it holds code 3, which stands for no weight", b*BlockBytes+j, c)
			}
			out[j], out[32+j], out[64+j], out[96+j] = int8(c>>6)-1, int8(c>>4&3)-1, int8(c>>2&3)-1, int8(c&3)-1
		}
	}
	return nil
}

package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

var (
	vpdpbusd  = regexp.MustCompile(`VPDPBUSD +Y(\d+), Y(\d+), Y(\d+)`)
	evex      = regexp.MustCompile(`\b[XY](1[6-9]|2\d|3[01])\b`)
	evexNeeds = "AVX512VL, AVX512_VNNI"
)

// useVEX replaces each VPDPBUSD in a file of assembly by its bytes with a VEX prefix, which
// processors with AVX-VNNI but without AVX-512 know; Go's assembler only has the other form.
func useVEX(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if r := evex.Find(text); r != nil {
		return fmt.Errorf("%s has register %s: more are live than the 16 that AVX2 has", path, r)
	}
	text = vpdpbusd.ReplaceAllFunc(text, func(line []byte) []byte {
		m := vpdpbusd.FindSubmatch(line)
		return fmt.Appendf(nil, "%s // %s", vexBytes(number(m[1]), number(m[2]), number(m[3])), m[0])
	})
	return os.WriteFile(path, []byte(strings.ReplaceAll(string(text), evexNeeds, "AVXVNNI")), 0o644)
}

func number(digits []byte) byte {
	n, _ := strconv.Atoi(string(digits)) // the expression has only digits
	return byte(n)
}

// vexBytes encodes VPDPBUSD x, w, sum on YMM registers as VEX.256.66.0F38.W0 50 /r (Intel's
// manual, volume 2): sum is the operand "reg", w is "vvvv" and x is "rm". The upper bits of
// reg and rm, and all of vvvv, are inverted.
func vexBytes(x, w, sum byte) string {
	const (
		map0F38  = 2
		unused   = 1 << 6 // the inverted bit of an index register
		length   = 1 << 2 // 256 bits
		prefix66 = 1
		direct   = 3 << 6 // rm is a register
	)
	first := (^sum>>3&1)<<7 | unused | (^x>>3&1)<<5 | map0F38
	second := (^w&15)<<3 | length | prefix66
	return fmt.Sprintf("BYTE $0xc4; LONG $0x%02x50%02x%02x", direct|(sum&7)<<3|x&7, second, first)
}

package main

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// Go's assembler does not know all instructions. In their places, the generated file has others,
// which are then replaced by bytes.
var (
	vpdpbusd  = regexp.MustCompile(`VPDPBUSD +Y(\d+), Y(\d+), Y(\d+)`)
	vpdpwssd  = regexp.MustCompile(`VPDPWSSD +Z(\d+), Z(\d+), Z(\d+)`)
	vpackssdw = regexp.MustCompile(`VPACKSSDW +Z(\d+), Z(\d+), Z(\d+)`)
	evex      = regexp.MustCompile(`\b[XY](1[6-9]|2\d|3[01])\b`)
	evexNeeds = "AVX512VL, AVX512VNNI"
	bf16Needs = regexp.MustCompile(`(// Requires: .*)AVX512VNNI(\n+TEXT ·tilesBF16)`)
	// Of the functions of the package causal, those that narrow.
	narrowNeeds = regexp.MustCompile(`(// Requires: .*AVX512BW)(.*\n+TEXT ·(?:panel|block|weights|gradients)512)`)
)

// useVEX replaces each VPDPBUSD in a file of assembly by its bytes with a VEX prefix, which
// processors with AVX-VNNI but without AVX-512 know; Go's assembler only has the other form.
func useVEX(path string) error {
	return edit(path, func(text []byte) ([]byte, error) {
		if r := evex.Find(text); r != nil {
			return nil, fmt.Errorf("%s has register %s: more are live than the 16 that AVX2 has", path, r)
		}
		return []byte(strings.ReplaceAll(encode(text, vpdpbusd, vexBytes), evexNeeds, "AVXVNNI")), nil
	})
}

// useBF16 replaces each VPDPWSSD, which multiplies pairs of int16, by VDPBF16PS, and each VPACKSSDW of whole
// registers, which narrows two to int16, by VCVTNE2PS2BF16.
func useBF16(path string) error {
	return edit(path, func(text []byte) ([]byte, error) {
		text = []byte(replaced(text, vpackssdw, bf16Bytes(prefixF2, 0x72), "VPACKSSDW", "VCVTNE2PS2BF16"))
		coded := replaced(text, vpdpwssd, bf16Bytes(prefixF3, 0x52), "VPDPWSSD", "VDPBF16PS")
		coded = narrowNeeds.ReplaceAllString(coded, "${1}, AVX512_BF16$2")
		return []byte(bf16Needs.ReplaceAllString(coded, "${1}AVX512_BF16$2")), nil
	})
}

func edit(path string, change func(text []byte) ([]byte, error)) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if text, err = change(text); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// replaced is encode with another name in the comment.
func replaced(text []byte, instruction *regexp.Regexp, bytes func(x, w, sum byte) string, name, other string) string {
	coded := []byte(encode(text, instruction, bytes))
	return string(regexp.MustCompile(`// `+name+`( +Z)`).ReplaceAll(coded, []byte("// "+other+"$1")))
}

// encode puts bytes in the place of an instruction of three registers, which remains as a
// comment.
func encode(text []byte, instruction *regexp.Regexp, bytes func(x, w, sum byte) string) string {
	return string(instruction.ReplaceAllFunc(text, func(line []byte) []byte {
		m := instruction.FindSubmatch(line)
		return fmt.Appendf(nil, "%s // %s", bytes(number(m[1]), number(m[2]), number(m[3])), m[0])
	}))
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

// Prefixes of instructions, as EVEX has them.
const (
	prefixF3 = 2
	prefixF2 = 3
)

// bf16Bytes encodes an instruction x, w, sum on ZMM registers as EVEX.512.prefix.0F38.W0 opcode /r, with
// the operands of vexBytes; of the 32 registers each number has one bit more, inverted too.
func bf16Bytes(prefix, opcode byte) func(x, w, sum byte) string {
	const (
		map0F38 = 2
		fixed   = 1 << 2
		length  = 2 << 5 // 512 bits
		direct  = 3 << 6 // rm is a register
	)
	return func(x, w, sum byte) string {
		first := (^sum>>3&1)<<7 | (^x>>4&1)<<6 | (^x>>3&1)<<5 | (^sum>>4&1)<<4 | map0F38
		second := (^w&15)<<3 | fixed | prefix
		third := byte(length) | (^w>>4&1)<<3
		return fmt.Sprintf("LONG $0x%02x%02x%02x62; WORD $0x%02x%02x", third, second, first, direct|(sum&7)<<3|x&7, opcode)
	}
}

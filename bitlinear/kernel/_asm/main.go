// Command asm writes the amd64 assembly of the integer products and of the loops over
// float32 vectors, that for AVX-512 and that for machines without it:
//
//	go run . -out ../avx512_amd64.s -stubs ../avx512_amd64.go -pkg kernel
//	go run . -for avx2 -out ../avx2_amd64.s -stubs ../avx2_amd64.go -pkg kernel
package main

import (
	"flag"
	"log"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func main() {
	machine := flag.String("for", "avx512", "avx512 or avx2: the machine")
	flag.Parse()
	ConstraintExpr("!purego")
	if *machine == "avx2" {
		tilesYMM()
		ymm.vectors()
		packEight()
		packOctets()
		floatsBF16()
		floatsQ80()
		floatsQ6K()
		generate(useVEX)
		return
	}
	avx512()
	generate(useBF16)
}

// generate writes the file and gives instructions their bytes that need it.
func generate(encode func(path string) error) {
	Generate()
	if err := encode(flag.Lookup("out").Value.String()); err != nil {
		log.Fatal(err)
	}
}

func avx512() {
	for _, tokens := range []int{1, 2, 4, 8, 24} {
		tileVNNI("ternaryTileVNNI", tokens, ternaryWeights)
		tileVNNI("int8TileVNNI", tokens, int8Weights)
	}
	for _, tokens := range []int{2, 8, 24} {
		tileVNNI("int4TileVNNI", tokens, int4Weights)
	}
	tileQuad("ternaryQuadVNNI", 1, ternaryWeights)
	tileQuad("int8QuadVNNI", 1, int8Weights)
	tileQuad("int4QuadVNNI", 2, int4Weights)
	tritsQuad()
	tritsTile(2)
	tritsTile(4)
	tritsDigits(8)
	ternaryBytes()
	int4Bytes()
	int8Bytes()
	tritsBytes()
	zmm.vectors()
	for _, tokens := range []int{1, 2, 6} {
		dotTile(tokens)
	}
	dotQ6K()
	attention()
	bf16Pairs()
	bf16TernaryPairs()
	bf16Int8Pairs()
	bf16PairsOfRows()
	bf16Row()
	bf16Columns()
	tilesBF16()
}

// broadcast is a read-only constant of one repeated 32-bit word.
func broadcast(name string, word uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	DATA(0, U32(word))
	return m
}

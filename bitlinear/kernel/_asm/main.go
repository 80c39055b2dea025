// Command asm writes the amd64 assembly of a room of kernels, for the processors with AVX-512
// or for those with AVX2 only. All files are made by
//
//	go generate
package main

//go:generate go run . -room intmul -for avx512 -out ../intmul/avx512_amd64.s -stubs ../intmul/avx512_amd64.go -pkg intmul
//go:generate go run . -room intmul -for avx2 -out ../intmul/avx2_amd64.s -stubs ../intmul/avx2_amd64.go -pkg intmul
//go:generate go run . -room gemm -for avx512 -out ../gemm/avx512_amd64.s -stubs ../gemm/avx512_amd64.go -pkg gemm
//go:generate go run . -room gemm -for avx2 -out ../gemm/avx2_amd64.s -stubs ../gemm/avx2_amd64.go -pkg gemm
//go:generate go run . -room vector -for avx512 -out ../vector/avx512_amd64.s -stubs ../vector/avx512_amd64.go -pkg vector
//go:generate go run . -room vector -for avx2 -out ../vector/avx2_amd64.s -stubs ../vector/avx2_amd64.go -pkg vector
//go:generate go run . -room attention -for avx512 -out ../attention/avx512_amd64.s -stubs ../attention/avx512_amd64.go -pkg attention
//go:generate go run . -room attention -for avx2 -out ../attention/avx2_amd64.s -stubs ../attention/avx2_amd64.go -pkg attention

import (
	"flag"
	"log"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func main() {
	room := flag.String("room", "", "the package whose functions are written")
	machine := flag.String("for", "avx512", "the machine: avx512 or avx2")
	flag.Parse()
	write := rooms[*room][*machine]
	if write == nil {
		log.Fatalf("there are no functions of %q for %q", *room, *machine)
	}
	ConstraintExpr("!purego")
	write()
	Generate()
	encode := useBF16
	if *machine == "avx2" {
		encode = useVEX
	}
	if err := encode(flag.Lookup("out").Value.String()); err != nil {
		log.Fatal(err)
	}
}

// broadcast is a read-only constant of one repeated 32-bit word.
func broadcast(name string, word uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	DATA(0, U32(word))
	return m
}

// Command asm writes the amd64 assembly of a kernel package, for processors with AVX-512 or for
// processors with AVX2 only. All files are made by
//
//	go generate
package main

//go:generate go run . -room intmul -for avx512
//go:generate go run . -room intmul -for avx2
//go:generate go run . -room gemm -for avx512
//go:generate go run . -room gemm -for avx2
//go:generate go run . -room vector -for avx512
//go:generate go run . -room vector -for avx2
//go:generate go run . -room attention -for avx512
//go:generate go run . -room attention -for avx2
//go:generate go run . -room causal -for avx512
//go:generate go run . -room intgrad -for avx512
//go:generate go run . -room intgrad -for avx2

import (
	"flag"
	"fmt"
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
	name := fmt.Sprintf("../%s/%s_amd64", *room, *machine)
	for option, value := range map[string]string{"out": name + ".s", "stubs": name + ".go", "pkg": *room} {
		if err := flag.Set(option, value); err != nil { // of avo
			log.Fatal(err)
		}
	}
	ConstraintExpr("!purego")
	write()
	Generate()
	encode := useBF16
	switch {
	case *machine == "avx2":
		encode = useVEX
	case *room == "intgrad": // its VPACKSSDW are what they seem
		return
	}
	if err := encode(name + ".s"); err != nil {
		log.Fatal(err)
	}
}

// broadcast is a read-only constant of one repeated 32-bit word.
func broadcast(name string, word uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	DATA(0, U32(word))
	return m
}

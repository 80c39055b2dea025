package inspect_test

import (
	"fmt"
	"log"

	"trit/convert/inspect"
)

// The first layer's ternary weights of a file, and what other engines trip over in it.
func ExampleRead() {
	found, err := inspect.Read("../../testdata/checkpoints/hf-llama-packed/expected-i2_s.gguf", inspect.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(found.Lead())
	fmt.Printf("zeros of q_proj: %.1f %%\n", 100*found.Layers[0].Zeros["q_proj"])
	for _, w := range found.Warnings {
		fmt.Println(w)
	}
	// Output:
	// GGUF, llama, 21 tensors, 0.8 MB
	// zeros of q_proj: 31.0 %
	// ik_llama.cpp runs it, but its llama-quantize must make iq2_bn of it first
	// llama.cpp cannot read i2_s: convert with Options.Type tq1_0, tq2_0
	// Ollama cannot read i2_s: convert with Options.Type tq1_0, tq2_0; its versions since 0.31.2 refuse these types
}

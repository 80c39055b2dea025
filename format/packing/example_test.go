package packing_test

import (
	"fmt"

	"trit/format/packing"
	"trit/model"
)

// Who will run a model, before it is trained.
func Example() {
	c := model.Config{
		VocabSize: 4096, HiddenSize: 256, IntermediateSize: 704, NumHiddenLayers: 4, NumAttentionHeads: 8,
		HiddenAct: model.SiLU, TieWordEmbeddings: true, Ternary: true,
	}
	c.Resolve()
	fmt.Println(packing.TypeNames(packing.Fits(&c)))
	for _, e := range packing.Engines(&c) {
		if e.Name == "llama.cpp" {
			fmt.Println(e.Name+":", e.Text())
		}
	}
	// Output:
	// i2_s, tq1_0, tq2_0 with Options.Pad
	// llama.cpp: tq1_0, tq2_0 with Options.Pad
}

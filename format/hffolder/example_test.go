package hffolder_test

import (
	"fmt"
	"log"

	"trit/format/hffolder"
	"trit/model"
)

// A folder of two shards: its configuration, its family, and a weight by its usual name.
func ExampleOpen() {
	f, err := hffolder.Open("../../testdata/checkpoints/hf-bitnet-packed")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	if err := f.Check(); err != nil {
		log.Fatal(err)
	}

	fmt.Printf("%s, %s\n", f.Family.Title, f.Storage)
	fmt.Printf("%d layers of %d, %d parameters\n", f.Config.NumHiddenLayers, f.Config.HiddenSize, f.Config.Parameters())
	name := f.Family.Name(model.LayerTensor(0, model.QProj))
	q, _ := f.Weights.Tensor(name)
	fmt.Println(q.Name, q.DType, q.Shape)

	vocab, err := f.Vocab()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d tokens, the end of a text is %q\n", len(vocab.Tokens), vocab.Tokens[vocab.EOS])
	// Output:
	// BitNet b1.58, packed, W = q * weight_scale
	// 2 layers of 256, 1313536 parameters
	// model.layers.0.self_attn.q_proj.weight U8 [64 256]
	// 512 tokens, the end of a text is "<|end_of_text|>"
}

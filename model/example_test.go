package model_test

import (
	"fmt"
	"log"

	"trit/model"
)

// A configuration with what a file may leave out says which tensors a model has.
func ExampleConfig_Tensors() {
	c := model.Config{VocabSize: 512, HiddenSize: 128, IntermediateSize: 256, NumHiddenLayers: 1, NumAttentionHeads: 4, Ternary: true}
	c.Resolve()
	if err := c.Validate(); err != nil {
		log.Fatal(err)
	}
	for _, t := range c.Tensors() {
		fmt.Println(t.Name, t.GGUF, t.Shape, t.Ternary)
		if t.Ternary {
			break
		}
	}
	// Output:
	// model.embed_tokens.weight token_embd.weight [512 128] false
	// model.layers.0.input_layernorm.weight blk.0.attn_norm.weight [128] false
	// model.layers.0.self_attn.q_proj.weight blk.0.attn_q.weight [128 128] true
}

package model_test

import (
	"fmt"
	"log"

	"trit/model"
)

// A config.json of a BitNet model: what it leaves out is filled in.
func ExampleParseHF() {
	c, err := model.ParseHF([]byte(`{
		"architectures": ["BitNetForCausalLM"], "vocab_size": 512, "hidden_size": 256, "intermediate_size": 512,
		"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "relu2"
	}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("ternary %v, sub-norms %v, heads of %d\n", c.Ternary, c.SubNorms, c.HeadDim)
	fmt.Printf("%d tensors, %d parameters, %d of them ternary\n", len(c.Tensors()), c.Parameters(), c.TernaryParameters())
	for _, t := range c.Tensors()[1:3] {
		fmt.Println(t.Name, t.GGUF, t.Shape)
	}
	// Output:
	// ternary true, sub-norms true, heads of 64
	// 24 tensors, 1313536 parameters, 1179648 of them ternary
	// model.layers.0.input_layernorm.weight blk.0.attn_norm.weight [256]
	// model.layers.0.self_attn.q_proj.weight blk.0.attn_q.weight [256 256]
}

package adapter_test

import (
	"fmt"

	"trit/format/adapter"
	"trit/model"
)

func ExampleAdapter() {
	a := adapter.Adapter{Alpha: 16, Placement: adapter.Beside, Pairs: map[string]adapter.Pair{
		model.LayerTensor(0, model.QProj): {Rank: 8, In: 4, Out: 4, A: make([]float32, 32), B: make([]float32, 32)},
	}}
	fmt.Println(a.Names(), a.Scale(8))
	// Output: [model.layers.0.self_attn.q_proj.weight] 2
}

package source_test

import (
	"fmt"
	"log"

	"trit/convert/source"
	"trit/model"
)

// Whatever a model is read from, its weights have the same names, shapes and codes.
func ExampleOpen() {
	const golden = "../../testdata/checkpoints/hf-llama-packed"
	for _, path := range []string{golden, golden + "/expected-i2_s.gguf"} {
		m, err := source.Open(path, source.Options{})
		if err != nil {
			log.Fatal(err)
		}
		defer m.Close()
		fmt.Println(m.Form)
		err = m.EachTernary(func(spec model.TensorSpec, t *source.Tensor) error {
			if spec.Name != model.LayerTensor(1, model.KProj) {
				return nil
			}
			codes := make([]byte, t.Columns)
			fmt.Printf("%s is %s [%d %d], scale %.4f\n", m.Name(spec), t.DType, t.Rows, t.Columns, t.Scale)
			err := t.Codes(codes, 3)
			fmt.Println("row 3 begins with", codes[:8])
			return err
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// Llama 1.58 bit, packed, W = q / weight_scale
	// model.layers.1.self_attn.k_proj.weight is U8 [128 256], scale 0.0159
	// row 3 begins with [2 1 2 1 2 2 2 1]
	// GGUF, llama
	// blk.1.attn_k.weight is I2_S [128 256], scale 0.0159
	// row 3 begins with [2 1 2 1 2 2 2 1]
}

package compare_test

import (
	"context"
	"fmt"
	"log"

	"trit/convert/compare"
	"trit/convert/source"
)

// A packed folder and the file that another program made of it are the same model.
func ExampleModels() {
	const golden = "../../testdata/checkpoints/hf-bitnet-packed"
	a, err := source.Open(golden, source.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	b, err := source.Open(golden+"/expected-i2_s.gguf", source.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()

	c, err := compare.Models(context.Background(), a, b, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(c.Same)
	fmt.Println(c.Summary())
	// Output:
	// true
	// the codes of all 1179648 ternary weights are equal; all 14 scales are equal; 133888 other weights are equal
}

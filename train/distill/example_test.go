package distill_test

import (
	"fmt"

	"trit/train/distill"
)

func ExampleIsCache() {
	fmt.Println(distill.IsCache("model.gguf"))
	// Output: false
}

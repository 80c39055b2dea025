package merge_test

import (
	"context"
	"fmt"

	"trit/convert/merge"
)

// An adapter is merged into a model; what is not there is an error that names it.
func ExampleMerge() {
	_, err := merge.Merge(context.Background(), "no-model", "adapter", "merged.gguf", merge.Options{})
	fmt.Println(err)
	// Output: stat no-model: no such file or directory
}

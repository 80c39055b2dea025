package safetensors_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"trit/format/safetensors"
)

// A file with two tensors is written and read again.
func Example() {
	dir, err := os.MkdirTemp("", "safetensors-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "model.safetensors")

	err = safetensors.WriteFile(path, map[string]string{"format": "pt"}, []safetensors.Source{
		safetensors.Float32Source("weight", []int{2, 3}, []float32{1, 0, -1, 0.5, 0, 2}),
		safetensors.Float32Source("bias", []int{2}, []float32{0.25, -0.25}),
	})
	if err != nil {
		log.Fatal(err)
	}

	f, err := safetensors.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for _, t := range f.Tensors() {
		values, err := f.Float32(t.Name)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(t.Name, t.DType, t.Shape, values)
	}
	// Output:
	// weight F32 [2 3] [1 0 -1 0.5 0 2]
	// bias F32 [2] [0.25 -0.25]
}

package gguf_test

import (
	"fmt"
	"log"

	"trit/format/gguf"
)

// A file's metadata and its table of tensors, without reading a weight.
func ExampleOpen() {
	f, err := gguf.Open("../../testdata/checkpoints/hf-bitnet-packed/expected-i2_s.gguf")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()

	architecture, _ := f.Metadata.String("general.architecture")
	blocks, _ := f.Metadata.Uint(architecture + ".block_count")
	fmt.Printf("%s, %d blocks, %d tensors\n", architecture, blocks, len(f.Tensors))
	for _, t := range f.Tensors[:3] {
		fmt.Printf("%s %s %v, %d bytes\n", t.Name, t.Type, t.Dims, t.Size)
	}

	q, _ := f.Tensor("blk.0.attn_q.weight")
	codes := make([]byte, q.Dims[0])
	if err := gguf.DecodeTernary(q.Type, codes, f.Data(q)[:q.Type.RowBytes(len(codes))]); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of the %d weights of its first row are 0\n", gguf.CountZeros(codes), len(codes))
	// Output:
	// bitnet-b1.58, 2 blocks, 24 tensors
	// token_embd.weight F16 [256 512], 262144 bytes
	// output_norm.weight F32 [256], 1024 bytes
	// blk.0.attn_norm.weight F32 [256], 1024 bytes
	// 79 of the 256 weights of its first row are 0
}

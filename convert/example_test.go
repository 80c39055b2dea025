package convert_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"trit/convert"
	"trit/convert/source"
	"trit/setting"
)

// A Hugging Face folder becomes a GGUF file, which is compared with it before it is there.
func ExampleConvert() {
	dir, err := os.MkdirTemp("", "convert-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "tiny.gguf")

	report, err := convert.Convert(context.Background(), "../testdata/checkpoints/hf-bitnet-bf16", out, convert.Options{
		Options: source.Options{Weights: source.WeightsMasters},
		Type:    convert.TQ2, EmbeddingType: convert.F16,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("from", report.From)
	fmt.Printf("%s, %d tensors, %d bytes, %.1f %% zeros\n", report.Architecture, report.Tensors, report.Bytes, 100*report.Zeros)
	fmt.Println("the same model:", report.Verified.Same)
	// Output:
	// from BitNet b1.58, master weights
	// bitnet-b1.58, 24 tensors, 590784 bytes, 31.0 % zeros
	// the same model: true
}

// An error names the option that decides, under the name that the caller gives it.
func ExampleConvert_settings() {
	_, err := convert.Convert(context.Background(), "../testdata/checkpoints/hf-bitnet-packed", "out.gguf", convert.Options{Type: convert.BF16})
	flags := map[string]string{"convert.Options.Type": "--type"}
	fmt.Println(setting.As(err).Field)
	fmt.Println(setting.Text(err, func(field string) string { return flags[field] }))
	// Output:
	// convert.Options.Type
	// ../testdata/checkpoints/hf-bitnet-packed: --type for a model with ternary weights is "bf16": want one of i2_s, tq1_0, tq2_0
}

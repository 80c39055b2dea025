package train_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"trit/data"
	"trit/data/source"
	"trit/data/world"
	"trit/model"
	"trit/tokenizer"
	"trit/train"
)

// A tiny ternary model takes four steps on made-up text. What comes out is in the folder of
// the run: a checkpoint, and the log.
func ExampleTrain() {
	dir, err := os.MkdirTemp("", "train")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	options := train.Default()
	options.SequenceLength, options.BatchSize, options.MaxSteps = 32, 2, 4
	run := train.Run{
		Model: model.Config{HiddenSize: 32, IntermediateSize: 64, NumHiddenLayers: 1, NumAttentionHeads: 2,
			SubNorms: true, Ternary: true, TieWordEmbeddings: true},
		Options: options, DataDir: prepareData(dir), OutDir: filepath.Join(dir, "run"),
	}
	result, err := train.Train(context.Background(), run)
	if err != nil {
		log.Fatal(err)
	}
	checkpoints, err := filepath.Glob(filepath.Join(run.OutDir, "step-*"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("trained %d steps, %d tokens: %s\n", result.Step, result.Tokens, filepath.Base(checkpoints[0]))
	// Output: trained 4 steps, 256 tokens: step-00000004
}

// prepareData makes token shards of made-up text, with a tokenizer of their own.
func prepareData(dir string) string {
	if err := world.Generate(world.Options{Seed: 1, Documents: 100, Questions: 1}).Write(dir); err != nil {
		log.Fatal(err)
	}
	ctx, files := context.Background(), []string{filepath.Join(dir, world.TextFile)}
	tok, err := tokenizer.Train(source.ReadColumn(ctx, files, "text"), tokenizer.TrainOptions{VocabSize: 300})
	if err != nil {
		log.Fatal(err)
	}
	out := filepath.Join(dir, "data")
	prepare := data.PrepareOptions{Files: files, Column: "text", Tokenizer: tok, Holdout: 0.1, Seed: 1, Out: out}
	if _, err := data.Prepare(ctx, prepare); err != nil {
		log.Fatal(err)
	}
	return out
}

func ExampleOptions_TokensPerStep() {
	o := train.Default()
	o.BatchSize, o.SequenceLength, o.GradientAccumulation = 4, 512, 2
	fmt.Println(o.TokensPerStep())
	// Output: 4096
}

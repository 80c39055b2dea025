package data_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"trit/data"
	"trit/data/source"
	"trit/tokenizer"
)

// A parquet file of texts becomes a data set of token shards, and that becomes batches.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	type row struct{ Text string }
	var rows []row
	for i := range 200 {
		rows = append(rows, row{fmt.Sprintf("The cat sat on mat %d.", i)})
	}
	texts := filepath.Join(dir, "texts.parquet")
	if err := parquet.WriteFile(texts, rows); err != nil {
		log.Fatal(err)
	}

	ctx, files := context.Background(), []string{texts}
	tok, err := tokenizer.Train(source.ReadColumn(ctx, files, "Text"), tokenizer.TrainOptions{VocabSize: 280})
	if err != nil {
		log.Fatal(err)
	}
	set := filepath.Join(dir, "set")
	manifest, err := data.Prepare(ctx, data.PrepareOptions{
		Files: files, Column: "Text", Tokenizer: tok, Holdout: 0.1, Seed: 1, Out: set,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("documents:", manifest.Train.Documents, "to train on,", manifest.Heldout.Documents, "held out")

	loader, err := data.OpenLoader(set, data.LoaderOptions{
		Split: data.Train, BatchSize: 2, SequenceLength: 8, Seed: 1, Shuffle: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer loader.Close()
	var batch data.Batch
	if err := loader.Next(&batch); err != nil {
		log.Fatal(err)
	}
	fmt.Println("tokens:", len(batch.Tokens), "the first is BOS:", batch.Tokens[0] == tok.BOS())
	fmt.Println("the target of each is the next:", batch.Targets[0] == batch.Tokens[1])
	// Output:
	// documents: 179 to train on, 21 held out
	// tokens: 16 the first is BOS: true
	// the target of each is the next: true
}

package graph_test

import (
	"fmt"
	"log"

	"trit/model"
	"trit/train/graph"
)

// The loss of a fresh model is near that of a guess among its vocabulary, ln 16 = 2.77.
func Example() {
	c := model.Config{VocabSize: 16, HiddenSize: 32, IntermediateSize: 64, NumHiddenLayers: 1, NumAttentionHeads: 2,
		Ternary: true, SubNorms: true, TieWordEmbeddings: true}
	c.Resolve()
	d, err := graph.New(graph.NewParams(c, 1), graph.Options{Batch: 1, SequenceLength: 4, Backward: true})
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	copy(d.Tokens(), []int32{1, 2, 3, 4})
	copy(d.Targets(), []int32{2, 3, 4, 5})
	loss, err := d.Run()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("loss about %.0f, %d gradients of the embedding\n", loss, len(d.Grad(model.EmbedTokens)))
	// Output: loss about 3, 512 gradients of the embedding
}

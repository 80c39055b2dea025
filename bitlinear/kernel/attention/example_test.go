package attention_test

import (
	"fmt"

	"trit/bitlinear/kernel/attention"
)

// The scores of one query of two dimensions at the 32 positions of a panel of keys.
func Example() {
	query := []float32{1, 2}
	keys := make([]float32, 2*attention.PanelCols) // [dim][positions]
	keys[5], keys[attention.PanelCols+5] = 3, 4    // the key of position 5
	scores := make([]float32, attention.PanelCols)
	attention.MulPanelF32(1, 2, query, 2, keys, scores, attention.PanelCols)
	fmt.Println(scores[4:7])
	// Output: [0 11 0]
}

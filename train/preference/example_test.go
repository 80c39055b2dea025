package preference_test

import (
	"fmt"

	"trit/train/graph"
	"trit/train/preference"
)

func ExampleFigures() {
	var f preference.Figures
	f.Add([]graph.Pair{
		{Targets: [2]int{5, 7}, Rewards: [2]float64{1.5, -0.5}, Loss: 0.127},
		{Targets: [2]int{4, 4}, Rewards: [2]float64{0, 0.25}, Loss: 0.826},
	})
	l := f.Log()
	fmt.Printf("%.0f %% preferred, margin %.3f\n", 100*l.Accuracy, l.Margin)
	// Output: 50 % preferred, margin 0.875
}

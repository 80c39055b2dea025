package ranks_test

import (
	"fmt"
	"sync"

	"trit/train/ranks"
)

// A step of gradient descent on two ranks, each of which owns half of the weights.
func Example() {
	var both sync.WaitGroup
	for _, comm := range ranks.Group(2) {
		both.Go(func() {
			weights := map[string][]float32{"up": {1, 1, 1}, "down": {2}}
			value := func(p ranks.Piece) []float32 { return weights[p.Name][p.Lo:p.Hi] }
			e, err := ranks.NewExchange(comm, []ranks.Weight{{Name: "down", Len: 1}, {Name: "up", Len: 3}}, ranks.BucketBytes)
			if err != nil {
				panic(err)
			}
			e.Begin()
			e.Add("down", []float32{0.5})
			e.Add("up", []float32{0.5, 0, -0.5})
			if err := e.Wait(); err != nil {
				panic(err)
			}
			for _, p := range e.Owned() {
				for i, g := range e.Sums(p) {
					value(p)[i] -= g
				}
			}
			if err := e.AllGather(value); err != nil {
				panic(err)
			}
			if comm.Rank() == 1 {
				fmt.Println(weights["up"], weights["down"])
			}
		})
	}
	both.Wait()
	// Output: [0 1 2] [1]
}

package dedup_test

import (
	"fmt"

	"trit/data/dedup"
)

func ExampleSeen() {
	seen, err := dedup.NewSeen(1 << 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"The fox sleeps in the forest.", "The FOX sleeps, in the forest!", "It is night."} {
		fmt.Printf("%q\n", seen.Check(dedup.Keys(text, dedup.Near)))
	}
	// Output:
	// ""
	// "near duplicate"
	// ""
}

package filter_test

import (
	"fmt"

	"trit/data/filter"
	"trit/data/source"
)

func ExampleNew() {
	f, err := filter.New(filter.Options{MinChars: 5, Keep: `!(text contains "lorem")`})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"Hi.", "lorem ipsum", "The fox sleeps."} {
		reason, err := f.Check(text, source.Row{})
		fmt.Printf("%q %v\n", reason, err)
	}
	// Output:
	// "too short" <nil>
	// "expression" <nil>
	// "" <nil>
}

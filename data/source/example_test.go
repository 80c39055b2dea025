package source_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"trit/data/source"
)

// Documents of a plain text from a stream; files and folders are read alike.
func Example() {
	texts, err := source.Open(source.Options{
		Paths: []string{source.Standard}, Column: "text", Documents: source.BlankLine,
		Stdin: strings.NewReader("The fox sleeps.\nIt is night.\n\nThe hen wakes.\n"),
	})
	if err != nil {
		log.Fatal(err)
	}
	for text, err := range texts.All(context.Background()) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%q\n", text)
	}
	// Output:
	// "The fox sleeps.\nIt is night."
	// "The hen wakes."
}

package texts_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/texts"
	"trit/data/source"
)

// A command that reads the texts that its flag names.
func ExampleInput() {
	dir, err := os.MkdirTemp("", "texts")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("The fox sleeps.\n\nIt is night.\n"), 0o644); err != nil {
		fmt.Println(err)
		return
	}
	app := &cli.App{
		Flags: append(texts.Flags(), texts.DataFlag()), Writer: io.Discard, ErrWriter: io.Discard,
		Action: func(c *cli.Context) error {
			paths, documents, err := texts.Input(c)
			if err != nil {
				return err
			}
			t, err := source.Open(source.Options{Paths: paths, Column: c.String("column"), Documents: documents})
			if err != nil {
				return err
			}
			for text, err := range t.All(c.Context) {
				fmt.Println(text, err)
			}
			return nil
		},
	}
	if err := app.Run([]string{"program", "--data", dir}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// The fox sleeps. <nil>
	// It is night. <nil>
}

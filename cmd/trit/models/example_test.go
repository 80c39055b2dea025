package models_test

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/models"
	"trit/infer"
)

// A command that loads what its argument names, here a model folder, which is converted.
func ExampleLoad() {
	app := &cli.App{
		Flags: models.HubFlags(), Writer: io.Discard, ErrWriter: io.Discard,
		Action: func(c *cli.Context) error {
			m, tok, err := models.Load(c, c.Args().First(), infer.Options{})
			if err != nil {
				return err
			}
			defer m.Close()
			fmt.Println(m.Config().NumHiddenLayers, "layers,", tok.VocabSize(), "tokens")
			return nil
		},
	}
	folder := filepath.Join("..", "..", "..", "testdata", "checkpoints", "hf-bitnet-bf16")
	if err := app.Run([]string{"program", folder}); err != nil {
		fmt.Println(err)
	}
	// Output: 2 layers, 512 tokens
}

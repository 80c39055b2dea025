package main

import (
	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/texts"
	"trit/data"
	"trit/tokenizer"
)

func dataCommand() *cli.Command {
	return &cli.Command{
		Name: "data", Usage: "prepare training data",
		Subcommands: []*cli.Command{{
			Name: "prepare", Usage: "turn texts into token shards with a held-out split",
			Description: cmdline.Examples("trit data prepare --data stories.parquet --column text --tokenizer tokenizer --holdout 0.05 --out data",
				`trit data prepare --data "corpus/*.txt.gz" --documents file --tokenizer tokenizer --out data`,
				"trit data prepare --data roneneldan/TinyStories --tokenizer tokenizer --out data"),
			Flags: append([]cli.Flag{
				texts.DataFlag(), outFlag("write the shards to the new folder `DIR`"),
				&cli.StringFlag{Name: "tokenizer", Usage: "`DIR` of the tokenizer (or its tokenizer.json)", Required: true},
				holdoutFlag(),
				&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of the choice of held-out documents", Value: holdoutSeed},
				cmdline.ThreadsFlag(),
			}, texts.Flags()...),
			Action: dataAction,
		}},
	}
}

func holdoutFlag() cli.Flag {
	return &cli.Float64Flag{Name: "holdout", Usage: "`SHARE` of the documents to keep for evaluation", Value: 0.05}
}

func outFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "out", Usage: usage, Required: true}
}

func dataAction(c *cli.Context) error {
	files, divided, err := texts.Input(c)
	if err != nil {
		return err
	}
	tok, err := tokenizer.Load(c.String("tokenizer"))
	if err != nil {
		return err
	}
	con := cmdline.NewConsole(c)
	progress := con.Progress("documents")
	m, err := data.Prepare(c.Context, data.PrepareOptions{
		Files: files, Column: c.String("column"), Documents: divided, Stdin: c.App.Reader, Tokenizer: tok,
		Holdout: c.Float64("holdout"), Seed: c.Uint64("seed"), Out: c.String("out"), Threads: c.Int("threads"),
		Progress: func(rows, tokens int64) { progress.Show(rows, 0, cmdline.Quantity(float64(tokens))+" tokens") },
	})
	progress.End()
	if err != nil {
		return err
	}
	texts.ShowManifest(con, m)
	return nil
}

package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"trit/data"
	"trit/tokenizer"
)

func dataCommand() *cli.Command {
	return &cli.Command{
		Name: "data", Usage: "prepare training data",
		Subcommands: []*cli.Command{{
			Name: "prepare", Usage: "turn a text column of parquet files into token shards with a held-out split",
			Description: examples("trit data prepare --data stories.parquet --column text --tokenizer tokenizer --holdout 0.05 --out data"),
			Flags: []cli.Flag{
				dataFlag(), columnFlag(), outFlag("write the shards to the new folder `DIR`"),
				&cli.StringFlag{Name: "tokenizer", Usage: "`DIR` of the tokenizer (or its tokenizer.json)", Required: true},
				&cli.Float64Flag{Name: "holdout", Usage: "`SHARE` of the documents to keep for evaluation", Value: 0.05},
				&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of the choice of held-out documents", Value: 1},
				threadsFlag(),
			},
			Action: func(c *cli.Context) error {
				if _, err := arguments(c); err != nil {
					return err
				}
				files, err := dataFiles(c)
				if err != nil {
					return err
				}
				return prepareData(c.Context, newConsole(c), c.String("tokenizer"), data.PrepareOptions{
					Files: files, Column: c.String("column"), Holdout: c.Float64("holdout"), Seed: c.Uint64("seed"),
					Out: c.String("out"), Threads: c.Int("threads"),
				})
			},
		}},
	}
}

func prepareData(ctx context.Context, con *console, tokenizerDir string, o data.PrepareOptions) error {
	tok, err := tokenizer.Load(tokenizerDir)
	if err != nil {
		return err
	}
	progress := con.progress("documents")
	o.Tokenizer = tok
	o.Progress = func(rows, tokens int64) { progress.show(rows, 0, quantity(float64(tokens))+" tokens") }
	m, err := data.Prepare(ctx, o)
	progress.end()
	if err != nil {
		return err
	}
	for _, s := range []struct {
		name string
		data.SplitInfo
	}{{"train", m.Train}, {"held out", m.Heldout}} {
		con.printf("%-8s  %d documents, %d tokens, %d bytes\n", s.name, s.Documents, s.Tokens, s.Bytes)
	}
	return nil
}

package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/data"
	"trit/tokenizer"
)

func dataCommand() *cli.Command {
	return &cli.Command{
		Name: "data", Usage: "prepare training data",
		Subcommands: []*cli.Command{{
			Name: "prepare", Usage: "turn a text column of parquet files into token shards with a held-out split",
			Description: cmdline.Examples("trit data prepare --data stories.parquet --column text --tokenizer tokenizer --holdout 0.05 --out data"),
			Flags: []cli.Flag{
				dataFlag(), columnFlag(), outFlag("write the shards to the new folder `DIR`"),
				&cli.StringFlag{Name: "tokenizer", Usage: "`DIR` of the tokenizer (or its tokenizer.json)", Required: true},
				&cli.Float64Flag{Name: "holdout", Usage: "`SHARE` of the documents to keep for evaluation", Value: 0.05},
				&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of the choice of held-out documents", Value: 1},
				cmdline.ThreadsFlag(),
			},
			Action: dataAction,
		}},
	}
}

func dataFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "data", Usage: "parquet `FILE`s, separated by commas or given several times",
		Required: true}
}

func columnFlag() cli.Flag {
	return &cli.StringFlag{Name: "column", Usage: "`NAME` of the text column", Value: "text"}
}

func outFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "out", Usage: usage, Required: true}
}

// dataFiles returns the files of --data, all of which must exist.
func dataFiles(c *cli.Context) ([]string, error) {
	files := cmdline.CommaList(c.StringSlice("data"))
	if len(files) == 0 {
		return nil, cmdline.Usagef("--data names no file")
	}
	for _, f := range files {
		if _, err := os.Stat(f); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func dataAction(c *cli.Context) error {
	if _, err := cmdline.Arguments(c); err != nil {
		return err
	}
	files, err := dataFiles(c)
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
		Files: files, Column: c.String("column"), Tokenizer: tok, Holdout: c.Float64("holdout"), Seed: c.Uint64("seed"),
		Out: c.String("out"), Threads: c.Int("threads"),
		Progress: func(rows, tokens int64) { progress.Show(rows, 0, cmdline.Quantity(float64(tokens))+" tokens") },
	})
	progress.End()
	if err != nil {
		return err
	}
	showManifest(con, m)
	return nil
}

// showManifest prints the counts of a data set's splits.
func showManifest(con *cmdline.Console, m *data.Manifest) {
	for _, s := range []struct {
		name string
		data.SplitInfo
	}{{"train", m.Train}, {"held out", m.Heldout}} {
		con.Printf("%-8s  %d documents, %d tokens, %d bytes\n", s.name, s.Documents, s.Tokens, s.Bytes)
	}
	if m.NullRows+m.EmptyRows > 0 {
		con.Printf("left out  %d rows without a text (null), %d of no token\n", m.NullRows, m.EmptyRows)
	}
}

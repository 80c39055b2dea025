package main

import (
	"github.com/urfave/cli/v2"

	"trit/data"
)

func tokenizerCommand() *cli.Command {
	return &cli.Command{
		Name: "tokenizer", Usage: "train a tokenizer, render a chat template",
		Subcommands: []*cli.Command{renderCommand(), {
			Name: "train", Usage: "train a byte-level BPE tokenizer on a text column of parquet files",
			Description: examples("trit tokenizer train --data stories.parquet --column text --vocab-size 4096 --out tokenizer"),
			Flags: []cli.Flag{
				dataFlag(), columnFlag(), outFlag("write the tokenizer to the new folder `DIR`"),
				&cli.IntFlag{Name: "vocab-size", Usage: "size `N` of the vocabulary, special tokens included", Value: 4096},
			},
			Action: tokenizerAction,
		}},
	}
}

func tokenizerAction(c *cli.Context) error {
	if _, err := arguments(c); err != nil {
		return err
	}
	files, err := dataFiles(c)
	if err != nil {
		return err
	}
	con := newConsole(c)
	progress := con.progress("merges")
	tok, err := data.TrainTokenizer(c.Context, data.TokenizerOptions{
		Files: files, Column: c.String("column"), VocabSize: c.Int("vocab-size"), Out: c.String("out"),
		Progress: func(done, total int) { progress.show(int64(done), int64(total), "") },
		Skipped: func(nullRows int64) {
			progress.end()
			con.warnf("%d rows hold no text (null): they are left out", nullRows)
		},
	})
	progress.end()
	if err != nil {
		return err
	}
	showTokenizer(con, tok.VocabSize(), c.String("out"))
	return nil
}

func showTokenizer(con *console, tokens int, dir string) {
	con.printf("tokenizer of %d tokens in %s\n", tokens, dir)
}

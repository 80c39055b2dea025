package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"trit/data"
	"trit/internal/atomicfile"
	"trit/tokenizer"
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
			Action: func(c *cli.Context) error {
				if _, err := arguments(c); err != nil {
					return err
				}
				files, err := dataFiles(c)
				if err != nil {
					return err
				}
				return trainTokenizer(c.Context, newConsole(c), files, c.String("column"), c.Int("vocab-size"), c.String("out"))
			},
		}},
	}
}

func dataFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "data", Usage: "parquet `FILE`s, separated by commas or given several times", Required: true}
}

func columnFlag() cli.Flag {
	return &cli.StringFlag{Name: "column", Usage: "`NAME` of the text column", Value: "text"}
}

func outFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "out", Usage: usage, Required: true}
}

// dataFiles returns the files of --data, all of which must exist.
func dataFiles(c *cli.Context) ([]string, error) {
	files := commaList(c.StringSlice("data"))
	if len(files) == 0 {
		return nil, usagef("--data names no file")
	}
	for _, f := range files {
		if _, err := os.Stat(f); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func trainTokenizer(ctx context.Context, con *console, files []string, column string, size int, out string) error {
	if err := mustBeFree(out); err != nil {
		return err
	}
	progress := con.progress("merges")
	tok, err := tokenizer.Train(data.ReadColumn(ctx, files, column), tokenizer.TrainOptions{
		VocabSize: size,
		Progress:  func(done, total int) { progress.show(int64(done), int64(total), "") },
	})
	progress.end()
	if err != nil {
		return err
	}
	if err := writeFiles(out, tok.Files); err != nil {
		return err
	}
	con.printf("tokenizer of %d tokens in %s\n", tok.VocabSize(), out)
	return nil
}

// writeFiles writes named files into a new folder.
func writeFiles(dir string, files func() (map[string][]byte, error)) error {
	contents, err := files()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, b := range contents {
		if err := atomicfile.WriteBytes(filepath.Join(dir, name), b); err != nil {
			return err
		}
	}
	return nil
}

// mustBeFree refuses a folder that holds something: nothing a user made is overwritten.
func mustBeFree(dir string) error {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%s is not empty: name another --out or remove it", dir)
}

package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/internal/hub"
)

func pullCommand() *cli.Command {
	return &cli.Command{
		Name: "pull", Usage: "fetch a model or a data set from the Hugging Face Hub", ArgsUsage: "OWNER/NAME",
		Description: cmdline.Examples("trit pull microsoft/bitnet-b1.58-2B-4T-bf16",
			`trit pull microsoft/bitnet-b1.58-2B-4T-gguf --include "*.gguf" --out models`,
			"trit pull roneneldan/TinyStories --dataset --include \"data/*.parquet\" --revision main",
			"trit pull microsoft/bitnet-b1.58-2B-4T-bf16 --verify", "",
			"The last line on standard output is the folder. A pull that was stopped goes on where it was."),
		Flags: append(models.HubFlags("cache"),
			&cli.StringFlag{Name: "revision", DefaultText: hub.DefaultRevision,
				Usage: "branch, tag or commit `R`; OWNER/NAME@R means the same"},
			&cli.StringSliceFlag{Name: "include", Usage: "fetch the files that match this `PATTERN` " +
				"(default: the files that convert reads; may be given several times)"},
			&cli.StringSliceFlag{Name: "exclude", Usage: "leave out files that match this `PATTERN` " +
				"(may be given several times)"},
			&cli.BoolFlag{Name: "verify",
				Usage: "hash the files that are there, and fetch again those whose hash is not the Hub's"},
			&cli.BoolFlag{Name: "dataset", Usage: "OWNER/NAME is a data set: all its files are fetched"},
			&cli.StringFlag{Name: "out", Usage: "write plain files to the folder `DIR` instead of the cache"},
		),
		Action: func(c *cli.Context) error {
			args, err := cmdline.Arguments(c, "OWNER/NAME")
			if err != nil {
				return err
			}
			repo, err := pullRepo(c, args[0])
			if err != nil {
				return err
			}
			dir, err := pull(c, repo)
			if err != nil {
				return err
			}
			fmt.Fprintln(c.App.Writer, dir)
			return nil
		},
	}
}

func pullRepo(c *cli.Context, name string) (hub.Repo, error) {
	kind := hub.Model
	if c.Bool("dataset") {
		kind = hub.Dataset
	}
	if revision := c.String("revision"); revision != "" {
		if strings.Contains(name, "@") {
			return hub.Repo{}, cmdline.Usagef("%s names a revision: leave out --revision", name)
		}
		name += "@" + revision
	}
	repo, err := hub.ParseRepo(kind, name)
	if err != nil {
		return repo, cmdline.Usagef("%v", err)
	}
	return repo, nil
}

// pull fetches what the flags name; of a model, without them, what convert reads.
func pull(c *cli.Context, repo hub.Repo) (string, error) {
	if !c.Bool("dataset") && len(c.StringSlice("include"))+len(c.StringSlice("exclude")) == 0 {
		return models.PullModel(c, repo, c.String("out"))
	}
	return models.Pull(c, repo, pullPatterns(c), c.String("out"))
}

// pullPatterns are the patterns of the flags. The default is all files of a data set, and the
// files of a model that convert reads.
func pullPatterns(c *cli.Context) hub.Patterns {
	var p hub.Patterns
	if p.Include = c.StringSlice("include"); len(p.Include) == 0 && !c.Bool("dataset") {
		p = hub.ModelPatterns()
	}
	p.Exclude = append(p.Exclude, c.StringSlice("exclude")...)
	return p
}

package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/internal/hub"
)

// parquetRevision is the revision with the Hub's own copy of a data set in parquet, as
// CONFIG/SPLIT/NNNN.parquet. The Hub makes it also for data sets whose repository is a script.
const parquetRevision = "refs/convert/parquet"

// dataFetcher makes an eval.Options.Fetch from the flags of models.HubFlags. It tells the user the
// origin of each data set.
func dataFetcher(c *cli.Context) func(context.Context, string, func([]string) []string) (string, error) {
	return func(_ context.Context, name string, choose func([]string) []string) (string, error) {
		var first error
		for _, revision := range []string{hub.DefaultRevision, parquetRevision} {
			none := false
			patterns := hub.Patterns{Choose: func(paths []string) []string {
				files := choose(paths)
				none = len(files) == 0
				return files
			}}
			dir, err := models.Pull(c, hub.Repo{Kind: hub.Dataset, ID: name, Revision: revision}, patterns, "")
			if err == nil {
				cmdline.NewConsole(c).Warnf("data: %s@%s of %s, in %s", name, revision, models.HubName(c), dir)
				return dir, nil
			}
			if first == nil {
				first = err
			}
			if !none {
				break
			}
		}
		return "", first
	}
}

package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/texts"
	"trit/internal/hub"
)

// dataFetcher makes an eval.Options.Fetch from the flags of models.HubFlags.
func dataFetcher(c *cli.Context) func(context.Context, string, func([]string) []string) (string, error) {
	return func(_ context.Context, name string, choose func([]string) []string) (string, error) {
		return texts.Fetch(c, hub.Repo{Kind: hub.Dataset, ID: name, Revision: hub.DefaultRevision}, choose)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
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
		Flags: append(hubFlags("cache"),
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
			dir, err := pull(c, repo, pullPatterns(c), c.String("out"))
			if err != nil {
				return err
			}
			fmt.Fprintln(c.App.Writer, dir)
			return nil
		},
	}
}

// hubFlags are the flags of every command that may fetch from the Hub. cacheNames are further
// names of --hub-cache.
func hubFlags(cacheNames ...string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "endpoint", Usage: "`URL` of the Hub or of a mirror (default: $HF_ENDPOINT, else " + hub.DefaultEndpoint + ")"},
		&cli.StringFlag{Name: "token-file", Usage: "`FILE` with the token for private and gated repositories (default: $HF_TOKEN, else the token of hf auth login)"},
		&cli.StringFlag{Name: "hub-cache", Aliases: cacheNames, Usage: "`DIR` of the cache that the Hub's tools share (default: $HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub)"},
		&cli.IntFlag{Name: "connections", Usage: "fetch large files over `N` connections", Value: hub.DefaultConnections},
		&cli.BoolFlag{Name: "offline", Usage: "take files from the cache and ask no server"},
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

// fetchModel returns name if it is a folder or a file. Else name must be OWNER/NAME or
// OWNER/NAME@REVISION: fetchModel fetches that model from the Hub and returns its folder. The
// command must have the flags of hubFlags.
func fetchModel(c *cli.Context, name string) (string, error) {
	if _, err := os.Stat(name); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return name, err
	}
	repo, err := hub.ParseRepo(hub.Model, name)
	if err != nil || strings.Count(repo.ID, "/") != 1 {
		return "", fmt.Errorf("%s is neither a file or folder nor a model of the Hub, "+
			"which is OWNER/NAME or OWNER/NAME@REVISION", name)
	}
	dir, err := pull(c, repo, hub.ModelPatterns(), "")
	if err != nil {
		return "", fmt.Errorf("there is no file or folder %s, and from the Hub: %w", name, err)
	}
	return dir, nil
}

// pull fetches files of a repository to the folder out, or to the cache if out is "", and
// returns the folder that holds them.
func pull(c *cli.Context, repo hub.Repo, patterns hub.Patterns, out string) (string, error) {
	con := cmdline.NewConsole(c)
	client, err := hubClient(c, con)
	if err != nil {
		return "", err
	}
	progress := con.Progress("bytes")
	show := func(done, total int64) { progress.Show(done, total, "") }
	dir := out
	if out != "" {
		err = client.Folder(c.Context, repo, patterns, out, show)
	} else {
		dir, err = client.Snapshot(c.Context, repo, patterns, show)
	}
	progress.End()
	if errors.Is(err, context.Canceled) {
		return "", fmt.Errorf("stopped: the same command goes on with the rest of %s", repo.ID)
	}
	return dir, err
}

func hubClient(c *cli.Context, con *cmdline.Console) (*hub.Client, error) {
	connections := c.Int("connections")
	if connections < 0 || connections > maxConnections {
		return nil, cmdline.Usagef("--connections is %d: want 1 to %d", connections, maxConnections)
	}
	env := hubEnvironment()
	cache, err := env.Cache(c.String("hub-cache"))
	if err != nil {
		return nil, err
	}
	token, err := env.Token(c.String("token-file"))
	if err != nil {
		return nil, err
	}
	transport := hub.NewTransport(max(connections, hub.DefaultConnections))
	transport.Proxy = http.ProxyFromEnvironment
	return &hub.Client{
		Endpoint: env.Endpoint(c.String("endpoint")), Token: token, Cache: cache, Connections: connections,
		HTTP: &http.Client{Transport: transport}, Offline: c.Bool("offline") || env.Offline(), Verify: c.Bool("verify"),
		Notice: func(line string) { con.Warnf("%s", line) },
		Warn:   func(err error) { con.Warnf("%s", cmdline.OneLine(err)) },
	}, nil
}

// maxConnections is the largest number of connections that a user may ask for.
const maxConnections = 64

// hubEnvironment is the environment of this process.
func hubEnvironment() hub.Environment {
	return hub.Environment{Lookup: os.LookupEnv, Home: os.UserHomeDir}
}

package models

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/data/source"
	"trit/internal/hub"
)

// HubFlags are the flags of every command that may fetch from the Hub. cacheNames are further
// names of --hub-cache.
func HubFlags(cacheNames ...string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "endpoint", Usage: "`URL` of the Hub or of a mirror (default: $HF_ENDPOINT, else " + hub.DefaultEndpoint + ")"},
		&cli.StringFlag{Name: "token-file", Usage: "`FILE` with the token for private and gated repositories (default: $HF_TOKEN, else the token of hf auth login)"},
		&cli.StringFlag{Name: "hub-cache", Aliases: cacheNames, Usage: "`DIR` of the cache that the Hub's tools share (default: $HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub)"},
		&cli.IntFlag{Name: "connections", Usage: "fetch large files over `N` connections", Value: hub.DefaultConnections},
		&cli.BoolFlag{Name: "offline", Usage: "take files from the cache and ask no server"},
	}
}

// Pull fetches files of a repository to the folder out, or to the cache if out is "", and
// returns the folder that holds them.
func Pull(c *cli.Context, repo hub.Repo, patterns hub.Patterns, out string) (string, error) {
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

// PullModel is Pull for the files that convert reads: those of a folder, or where there is nothing of one but a
// card, the one GGUF file.
func PullModel(c *cli.Context, repo hub.Repo, out string) (string, error) {
	choice := &modelChoice{}
	choose := func(paths []string) []string {
		files := slices.DeleteFunc(slices.Clone(paths), func(name string) bool { return !hub.ModelPatterns().Match(name) })
		isOfModel := func(name string) bool { return name != "README.md" && !strings.HasPrefix(name, "LICENSE") }
		if slices.ContainsFunc(files, isOfModel) {
			return files
		}
		if found := choice.choose(paths); len(found) > 0 || choice.err != nil {
			return found
		}
		return files
	}
	dir, err := Pull(c, repo, hub.Patterns{Choose: choose}, out)
	if choice.err != nil {
		return "", fmt.Errorf("%s: %w (--include)", repo.ID, choice.err)
	}
	return dir, err
}

// Remote finds files of a repository that are to be read in place, by REPOSITORY@COMMIT/PATH.
func Remote(c *cli.Context, repo hub.Repo, patterns hub.Patterns) (map[string]source.Remote, error) {
	client, err := hubClient(c, cmdline.NewConsole(c))
	if err != nil {
		return nil, err
	}
	files, err := client.Remote(c.Context, repo, patterns)
	byPath := map[string]source.Remote{}
	for _, f := range files {
		byPath[repo.ID+"@"+f.Commit[:12]+"/"+f.Path] = f
	}
	return byPath, err
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

// HubName is the name of the endpoint in texts for people.
func HubName(c *cli.Context) string {
	if endpoint := hubEnvironment().Endpoint(c.String("endpoint")); endpoint != "" {
		return endpoint
	}
	return hub.DefaultEndpoint
}

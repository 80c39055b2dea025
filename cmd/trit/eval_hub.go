package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/format/hffolder"
	"trit/internal/hub"
)

// parquetRevision is the revision with the Hub's own copy of a data set in parquet, as
// CONFIG/SPLIT/NNNN.parquet. The Hub makes it also for data sets whose repository is a script.
const parquetRevision = "refs/convert/parquet"

// dataFetcher makes an eval.Options.Fetch from the flags of hubFlags. It tells the user the
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
			dir, err := pull(c, hub.Repo{Kind: hub.Dataset, ID: name, Revision: revision}, patterns, "")
			if err == nil {
				cmdline.NewConsole(c).Warnf("data: %s@%s of %s, in %s", name, revision, hubName(c), dir)
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

// hubName is the name of the endpoint in texts for people.
func hubName(c *cli.Context) string {
	if endpoint := hubEnvironment().Endpoint(c.String("endpoint")); endpoint != "" {
		return endpoint
	}
	return hub.DefaultEndpoint
}

// fetchAnyModel is fetchModel for commands that take folders and GGUF files. It returns the folder
// if the folder or repository holds weights that convert reads, else its GGUF file.
// OWNER/NAME/FILE.gguf names one of several.
func fetchAnyModel(c *cli.Context, name string) (string, error) {
	info, err := os.Stat(name)
	if err == nil && info.IsDir() {
		return localGGUF(cmdline.NewConsole(c), name)
	}
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return name, err
	}
	repo, file, ok := hubModel(name)
	if !ok {
		return "", fmt.Errorf("%s is neither a file or folder nor a model of the Hub, "+
			"which is OWNER/NAME, OWNER/NAME@REVISION or OWNER/NAME/FILE.gguf", name)
	}
	choice := &modelChoice{named: file}
	dir, err := pull(c, repo, hub.Patterns{Choose: choice.choose}, "")
	if choice.err != nil {
		return "", fmt.Errorf("%s: %w", repo.ID, choice.err)
	}
	if err != nil {
		return "", fmt.Errorf("there is no file or folder %s, and from the Hub: %w", name, err)
	}
	return choice.path(cmdline.NewConsole(c), dir), nil
}

// hubModel reads OWNER/NAME, with a revision or a file.
func hubModel(name string) (repo hub.Repo, file string, ok bool) {
	parts := strings.SplitN(name, "/", 3)
	if len(parts) == 3 && strings.HasSuffix(name, ".gguf") {
		file, name = parts[2], parts[0]+"/"+parts[1]
	}
	repo, err := hub.ParseRepo(hub.Model, name)
	return repo, file, err == nil && strings.Count(repo.ID, "/") == 1
}

// modelChoice chooses the files to fetch of a model's repository.
type modelChoice struct {
	named string // the GGUF file that the user named, or ""
	file  string // the GGUF file that was chosen, or "" for a folder of weights
	err   error  // set if the user must name one of several files
}

// choose returns the files that convert reads if there are weights among them, else the GGUF
// file.
func (m *modelChoice) choose(paths []string) []string {
	m.err, m.file = nil, m.named
	if m.named != "" {
		return []string{m.named}
	}
	isWeights := func(name string) bool { return strings.HasSuffix(name, ".safetensors") }
	if slices.ContainsFunc(paths, isWeights) {
		return slices.DeleteFunc(slices.Clone(paths), func(name string) bool { return !hub.ModelPatterns().Match(name) })
	}
	files := slices.DeleteFunc(slices.Clone(paths), func(name string) bool { return !strings.HasSuffix(name, ".gguf") })
	if len(files) > 1 {
		m.err = fmt.Errorf("it holds several GGUF files, name one of them: %s", strings.Join(files, ", "))
		return nil
	}
	if len(files) == 1 {
		m.file = files[0]
	}
	return files
}

// path returns dir, or the chosen file in it.
func (m *modelChoice) path(con *cmdline.Console, dir string) string {
	if m.file == "" {
		return dir
	}
	con.Warnf("model: %s", filepath.Join(dir, filepath.FromSlash(m.file)))
	return filepath.Join(dir, filepath.FromSlash(m.file))
}

// localGGUF returns the GGUF file in a folder that is no checkpoint and no run, else the folder.
func localGGUF(con *cmdline.Console, dir string) (string, error) {
	if _, err := hffolder.Resolve(dir); err == nil {
		return dir, nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.gguf"))
	if err != nil || len(files) == 0 {
		return dir, err
	}
	var choice modelChoice
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	if choice.choose(files); choice.err != nil {
		return "", fmt.Errorf("%s: %w", dir, choice.err)
	}
	return choice.path(con, dir), nil
}

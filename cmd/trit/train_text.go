package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/texts"
	"trit/configs"
	"trit/data"
	"trit/internal/atomicfile"
	"trit/setting"
	"trit/train/graph"
)

// preparedDir is the folder in a run that --text makes.
const preparedDir = "prepared"

// prepareText makes tokenizer and shards of --text in the run folder, once, and returns the
// folder of the shards.
func prepareText(c *cli.Context, con *cmdline.Console, config configs.Config) (string, error) {
	o, err := textOptions(c, config)
	if err != nil {
		return "", err
	}
	m := config.Config
	m.VocabSize = o.VocabSize
	m.Resolve()
	if err := errors.Join(graph.Check(&m), config.Options.Validate()); err != nil {
		return "", err // before the work on the texts
	}
	out := c.String("out")
	prepared := filepath.Join(out, preparedDir)
	showCommands(c, con, o)
	progress := con.Meter()
	o.Merges = func(done, total int) { progress.Show("tokenizer", "merges", int64(done), int64(total), "") }
	o.Progress = func(documents, tokens int64) {
		progress.Show("shards", "documents", documents, 0, cmdline.Quantity(float64(tokens))+" tokens")
	}
	set, made, err := data.PrepareText(c.Context, prepared, c.Bool("resume"), o)
	progress.End()
	if errors.Is(err, context.Canceled) {
		return "", errors.New("stopped before the training began: nothing is left, the same command begins again")
	}
	if err != nil {
		return "", err
	}
	shards := filepath.Join(prepared, data.ShardsDir)
	if !made {
		con.Printf("the first two are done already: %s\n", shards)
		return shards, nil
	}
	showTokenizer(con, set.VocabSize, filepath.Join(prepared, data.TokenizerDir))
	texts.ShowManifest(con, set)
	return shards, nil
}

// dataOf is the folder of a run's data, which the run names by dir. Data that --text made lie in
// the run's own folder, wherever that is now; those of another run do not.
func dataOf(run, dir string) string {
	own := filepath.Join(preparedDir, data.ShardsDir)
	if moved := filepath.Join(run, own); strings.HasSuffix(dir, own) && isFolder(moved) {
		return moved
	}
	return dir
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// checkText refuses what --text cannot go with.
func checkText(c *cli.Context) error {
	if err := texts.Arguments(c, "text"); err != nil {
		return err
	}
	switch given := givenFlags(c, func(name string) bool { return texts.IsFlag(name) || name == "holdout" }); {
	case !c.IsSet("text") && len(given) > 0:
		return cmdline.Usagef("%s belongs to --text", given[0])
	case !c.IsSet("text") && isFile(c.String("data")):
		return cmdline.Usagef("--data takes a folder made by trit data prepare, and %s is a file: --text takes texts",
			c.String("data"))
	case !c.IsSet("text"):
		return nil
	case c.String("data") != "":
		return cmdline.Usagef("--text makes what --data names: give one of them")
	case c.String("init") != "":
		return cmdline.Usagef("--text trains a new tokenizer, but --init needs data made with its own: " +
			"trit data prepare --tokenizer DIR, then --data")
	case os.Getenv("OMPI_COMM_WORLD_SIZE") != "":
		return cmdline.Usagef("--text is for one process: " +
			"prepare the data first (trit tokenizer train, trit data prepare), then --data")
	}
	return nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// textOptions reads the flags of --text. A new run needs a folder of its own.
func textOptions(c *cli.Context, config configs.Config) (o data.TextOptions, err error) {
	if !c.Bool("resume") {
		atomicfile.RemoveStale(filepath.Join(c.String("out"), preparedDir)) // of a killed preparation
		name, err := atomicfile.FirstEntry(c.String("out"))
		if err != nil {
			return o, err
		}
		if name != "" {
			return o, setting.Needs("train.Run.Resume", c.String("out")+" is not empty",
				"{train.Run.Resume} goes on with it, or name another {train.Run.OutDir}")
		}
	}
	o = data.TextOptions{
		Texts: texts.Names(c, "text"), Find: func() ([]string, error) { return texts.Paths(c, "text") },
		Column: c.String("column"), VocabSize: config.TokenizerSize(), Holdout: c.Float64("holdout"), Seed: texts.HoldoutSeed,
		Stdin: c.App.Reader, Threads: c.Int("threads"),
	}
	o.Documents, err = texts.Documents(c)
	return o, err
}

// showCommands prints the commands that train --text stands for.
func showCommands(c *cli.Context, con *cmdline.Console, o data.TextOptions) {
	dir := filepath.Join(c.String("out"), preparedDir)
	tok, shards := filepath.Join(dir, data.TokenizerDir), filepath.Join(dir, data.ShardsDir)
	given := givenFlags(c, texts.IsFlag)
	for _, name := range slices.Backward(o.Texts) {
		given = slices.Insert(given, 0, "--data", name)
	}
	rest := givenFlags(c, func(name string) bool { return !texts.IsFlag(name) && name != "text" && name != "holdout" })
	con.Printf("--text stands for three commands:\n")
	for _, words := range [][]string{
		slices.Concat([]string{"tokenizer", "train"}, given, []string{"--vocab-size", fmt.Sprint(o.VocabSize), "--out", tok}),
		slices.Concat([]string{"data", "prepare"}, given, []string{
			"--tokenizer", tok, "--holdout", fmt.Sprint(o.Holdout), "--out", shards,
		}),
		slices.Concat([]string{"train", "--data", shards}, rest),
	} {
		con.Printf("  trit %s\n", strings.Join(quoteWords(words), " "))
	}
}

// givenFlags are the flags of the command line, with their values, whose names are wanted.
func givenFlags(c *cli.Context, wanted func(name string) bool) (words []string) {
	for _, f := range c.Command.Flags {
		name := f.Names()[0]
		if !c.IsSet(name) || !wanted(name) {
			continue
		}
		switch value := c.Value(name).(type) {
		case bool:
			words = append(words, fmt.Sprintf("--%s", name))
		case cli.StringSlice:
			for _, v := range value.Value() {
				words = append(words, "--"+name, v)
			}
		default:
			words = append(words, "--"+name, fmt.Sprint(value))
		}
	}
	return words
}

// quoteWords puts those words in quotes that a shell would change.
func quoteWords(words []string) []string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if quoted[i] = w; w == "" || strings.ContainsAny(w, " \t\n\"'\\$`*?[]{}()<>|&;!#~") {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return quoted
}

// Package texts finds the texts that a command line names, locally or on the Hugging Face Hub, and
// tells what was read. One door for all commands that read texts.
package texts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/data/source"
)

// Usage says what TEXTS are, for the help of a flag.
const Usage = "files, folders, patterns in quotes, - for standard input, or OWNER/NAME[/PATTERN] of the Hub; " +
	"parquet, JSON lines or plain text, each also .gz or .zst"

// DataFlag names the texts of a command that does nothing but read them.
func DataFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "data", Required: true,
		Usage: "read these `TEXTS`, separated by commas or given several times: " + Usage}
}

// HoldoutSeed is the default of the seed by which held-out documents are chosen.
const HoldoutSeed = 1

// HoldoutFlag says how much is kept for evaluation.
func HoldoutFlag() cli.Flag {
	return &cli.Float64Flag{Name: "holdout", Usage: "`SHARE` of the documents to keep for evaluation", Value: 0.05}
}

// Flags are the flags of all commands that read texts, beside the one that names them.
func Flags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "column", Usage: "`NAME` of the parquet column, or the field of JSON lines, with the text; dots lead into groups", Value: source.DefaultColumn},
		&cli.StringFlag{Name: "documents", DefaultText: source.BlankLine,
			Usage: "`HOW` plain text is divided into documents: " + source.BlankLine + ", " + source.Line + ", " + source.WholeFile +
				`, or a separator such as '<|endoftext|>', in which \n is a new line`},
	}, models.HubFlags()...)
}

// Input returns the paths that --data names and the value of --documents.
func Input(c *cli.Context) (paths []string, divided string, err error) {
	if err := Arguments(c, "data"); err != nil {
		return nil, "", err
	}
	if divided, err = Documents(c); err != nil {
		return nil, "", err
	}
	paths, err = Paths(c, "data")
	return paths, divided, err
}

// Documents is the value of --documents, "" if it was not given.
func Documents(c *cli.Context) (string, error) {
	if c.IsSet("documents") && c.String("documents") == "" {
		return "", cmdline.Usagef("--documents is empty: want %s, %s, %s or a separator",
			source.BlankLine, source.Line, source.WholeFile)
	}
	return strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(c.String("documents")), nil
}

// Arguments refuses positional arguments, which a pattern without quotes makes.
func Arguments(c *cli.Context, flag string) error {
	if c.Args().Present() {
		if _, err := os.Stat(c.Args().First()); err == nil {
			return cmdline.Usagef("%q is one argument too many: put a pattern in quotes (--%s \"*.txt\"), "+
				"or commas between files", c.Args().First(), flag)
		}
	}
	_, err := cmdline.Arguments(c)
	return err
}

// Paths returns the paths that a flag names, for source.Options. What is no file and may be
// a data set of the Hub is fetched.
func Paths(c *cli.Context, flag string) ([]string, error) {
	var paths []string
	for _, name := range Names(c, flag) {
		if isLocal(name) {
			paths = append(paths, name)
			continue
		}
		files, err := fetchTexts(c, name)
		if err != nil {
			return nil, err
		}
		paths = append(paths, files...)
	}
	if len(paths) == 0 {
		return nil, cmdline.Usagef("--%s names no file", flag)
	}
	return paths, nil
}

// Names are the values of a flag, cut at commas unless there is a file with commas in its
// name.
func Names(c *cli.Context, flag string) (names []string) {
	for _, value := range c.StringSlice(flag) {
		names = append(names, namesIn(value)...)
	}
	return names
}

// namesIn cuts a value at commas.
func namesIn(value string) []string {
	if exists(value) {
		return []string{value}
	}
	return cmdline.CommaList([]string{value})
}

// isLocal reports whether a name is one of files: it exists, matches some, or lies in a folder
// that exists.
func isLocal(name string) bool {
	if _, err := os.Stat(name); name == source.Standard || !errors.Is(err, fs.ErrNotExist) || filepath.IsAbs(name) {
		return true
	}
	if matches, _ := filepath.Glob(name); len(matches) > 0 || !strings.Contains(name, "/") {
		return true
	}
	first, _, _ := strings.Cut(name, "/")
	info, err := os.Stat(first)
	return err == nil && info.IsDir()
}

// IsFlag reports whether a name is one of Flags.
func IsFlag(name string) bool {
	return slices.ContainsFunc(Flags(), func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/data"
	"trit/data/source"
	"trit/internal/hub"
)

const textsUsage = "files, folders, patterns in quotes, - for standard input, or OWNER/NAME[/PATTERN] of the Hub; " +
	"parquet, JSON lines or plain text, each also .gz or .zst"

// dataFlag names the texts of a command that does nothing but read them.
func dataFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "data", Required: true,
		Usage: "read these `TEXTS`, separated by commas or given several times: " + textsUsage}
}

// textFlags are the flags of all commands that read texts.
func textFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{Name: "column", Usage: "`NAME` of the parquet column, or the field of JSON lines, with the text; dots lead into groups", Value: "text"},
		&cli.StringFlag{Name: "documents", DefaultText: source.BlankLine,
			Usage: "`HOW` plain text is divided into documents: " + source.BlankLine + ", " + source.Line + ", " + source.WholeFile +
				`, or a separator such as '<|endoftext|>', in which \n is a new line`},
	}, hubFlags()...)
}

func holdoutFlag() cli.Flag {
	return &cli.Float64Flag{Name: "holdout", Usage: "`SHARE` of the documents to keep for evaluation", Value: 0.05}
}

// textInput returns the paths that --data names and the value of --documents.
func textInput(c *cli.Context) (paths []string, divided string, err error) {
	if err := textArguments(c, "data"); err != nil {
		return nil, "", err
	}
	if divided, err = documents(c); err != nil {
		return nil, "", err
	}
	paths, err = textPaths(c, "data")
	return paths, divided, err
}

// documents is the value of --documents, "" if it was not given.
func documents(c *cli.Context) (string, error) {
	if c.IsSet("documents") && c.String("documents") == "" {
		return "", cmdline.Usagef("--documents is empty: want %s, %s, %s or a separator",
			source.BlankLine, source.Line, source.WholeFile)
	}
	return strings.NewReplacer(`\n`, "\n", `\t`, "\t").Replace(c.String("documents")), nil
}

// textArguments refuses positional arguments, which a pattern without quotes makes.
func textArguments(c *cli.Context, flag string) error {
	if c.Args().Present() {
		if _, err := os.Stat(c.Args().First()); err == nil {
			return cmdline.Usagef("%q is one argument too many: put a pattern in quotes (--%s \"*.txt\"), "+
				"or commas between files", c.Args().First(), flag)
		}
	}
	_, err := cmdline.Arguments(c)
	return err
}

// textPaths returns the paths that a flag names, for source.Options. What is no file and may be
// a data set of the Hub is fetched.
func textPaths(c *cli.Context, flag string) ([]string, error) {
	var paths []string
	for _, name := range textNames(c, flag) {
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

// textNames are the values of a flag, cut at commas unless there is a file with commas in its
// name.
func textNames(c *cli.Context, flag string) (names []string) {
	for _, value := range c.StringSlice(flag) {
		if _, err := os.Stat(value); err == nil {
			names = append(names, value)
			continue
		}
		names = append(names, cmdline.CommaList([]string{value})...)
	}
	return names
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

// fetchTexts fetches files of a data set of the Hub, OWNER/NAME[/PATTERN][@REVISION], and
// returns their paths.
func fetchTexts(c *cli.Context, name string) ([]string, error) {
	repo, pattern, err := hubTexts(name)
	if err != nil {
		return nil, err
	}
	choice := &textChoice{repo: repo.ID, pattern: pattern}
	var first error
	for _, revision := range []string{repo.Revision, parquetRevision} {
		at := hub.Repo{Kind: hub.Dataset, ID: repo.ID, Revision: revision}
		dir, err := pull(c, at, hub.Patterns{Choose: choice.choose}, "")
		if choice.err != nil {
			return nil, choice.err
		}
		if err == nil {
			cmdline.NewConsole(c).Warnf("data: %s of %s: %s", at, hubName(c), strings.Join(choice.files, ", "))
			return choice.paths(dir), nil
		}
		if first == nil {
			first = fmt.Errorf("there is no file or folder %s, and from the Hub: %w", name, err)
		}
		if len(choice.files) > 0 || repo.Revision != hub.DefaultRevision {
			break
		}
	}
	return nil, first
}

// hubTexts reads OWNER/NAME[/PATTERN][@REVISION].
func hubTexts(name string) (repo hub.Repo, pattern string, err error) {
	id, revision, pinned := strings.Cut(name, "@")
	if parts := strings.SplitN(id, "/", 3); len(parts) == 3 {
		id, pattern = parts[0]+"/"+parts[1], parts[2]
	}
	if pinned {
		id += "@" + revision
	}
	if repo, err = hub.ParseRepo(hub.Dataset, id); err != nil || strings.Count(repo.ID, "/") != 1 {
		return repo, "", fmt.Errorf("%s is neither a file or folder nor a data set of the Hub, "+
			"which is OWNER/NAME, OWNER/NAME/PATTERN or OWNER/NAME@REVISION", name)
	}
	return repo, pattern, nil
}

// textChoice chooses the files to fetch of a data set.
type textChoice struct {
	repo, pattern string
	files         []string
	err           error // set if the user must say more
}

// textEndings are the kinds of files that data sets of the Hub consist of, the preferred first.
var textEndings = [][]string{{".parquet"}, {".jsonl", ".ndjson", ".json"}, {".txt"}}

// choose returns the files that match the pattern, or lie in the folder of that name. Without
// a pattern these are the files of one kind, of the training split if names tell the splits.
func (t *textChoice) choose(paths []string) []string {
	t.err = nil
	if t.pattern != "" {
		t.files = t.matching(paths)
		return t.files
	}
	for _, endings := range textEndings {
		if t.files = withEndings(paths, endings); len(t.files) > 0 {
			break
		}
	}
	isOther := func(p string) bool { return !strings.Contains(p, "train") }
	if train := slices.DeleteFunc(slices.Clone(t.files), isOther); len(train) > 0 {
		t.files = train
	}
	var folders []string
	for _, p := range t.files {
		if dir := path.Dir(p); !slices.Contains(folders, dir) {
			folders = append(folders, dir)
		}
	}
	if len(folders) > 1 {
		t.err = cmdline.Usagef("%s holds texts in %d folders, name one: %s/%s (or %s)", t.repo, len(folders), t.repo,
			folders[0], strings.Join(folders[1:min(len(folders), 6)], ", "))
		t.files = nil
	}
	return t.files
}

func (t *textChoice) matching(paths []string) (files []string) {
	for _, p := range paths {
		if ok, _ := path.Match(t.pattern, p); ok || strings.HasPrefix(p, strings.TrimSuffix(t.pattern, "/")+"/") {
			files = append(files, p)
		}
	}
	slices.Sort(files)
	return files
}

func withEndings(paths, endings []string) (files []string) {
	for _, p := range paths {
		name := strings.TrimSuffix(strings.TrimSuffix(p, ".gz"), ".zst")
		if slices.Contains(endings, path.Ext(name)) {
			files = append(files, p)
		}
	}
	slices.Sort(files)
	return files
}

func (t *textChoice) paths(dir string) []string {
	paths := make([]string, len(t.files))
	for i, f := range t.files {
		paths[i] = filepath.Join(dir, filepath.FromSlash(f))
	}
	return paths
}

// showManifest prints the counts of a data set's splits, and what was odd about the texts.
func showManifest(con *cmdline.Console, m *data.Manifest) {
	for _, s := range []struct {
		name string
		data.SplitInfo
	}{{"train", m.Train}, {"held out", m.Heldout}} {
		con.Printf("%-8s  %d documents, %d tokens, %d bytes\n", s.name, s.Documents, s.Tokens, s.Bytes)
	}
	var left []string
	for _, s := range []struct {
		n    int64
		what string
	}{
		{m.NullRows, "rows without a text (null)"}, {m.EmptyRows, "texts of no token"}, {m.EmptyFiles, "empty files"},
	} {
		if s.n > 0 {
			left = append(left, fmt.Sprintf("%d %s", s.n, s.what))
		}
	}
	if len(left) > 0 {
		con.Printf("left out  %s\n", strings.Join(left, ", "))
	}
	warnOfTexts(con, source.Counts{Invalid: m.InvalidTexts, Marked: m.MarkedTexts})
}

// warnOfTexts tells what was odd about texts that were read.
func warnOfTexts(con *cmdline.Console, s source.Counts) {
	if s.Invalid > 0 {
		con.Warnf("warning: %d texts are not valid UTF-8: they are read as they are "+
			"(in JSON, with U+FFFD for what is wrong)", s.Invalid)
	}
	if s.Marked > 0 {
		con.Warnf("warning: %d documents hold <|endoftext|> as text: --documents '<|endoftext|>' divides there", s.Marked)
	}
}

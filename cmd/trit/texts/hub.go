package texts

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/internal/hub"
)

// parquetRevision is the revision with the Hub's own copy of a data set in parquet, as
// CONFIG/SPLIT/NNNN.parquet. The Hub makes it also for data sets whose repository is a script.
const parquetRevision = "refs/convert/parquet"

// fetchTexts fetches files of a data set of the Hub, OWNER/NAME[/PATTERN][@REVISION], and
// returns their paths.
func fetchTexts(c *cli.Context, name string) ([]string, error) {
	repo, pattern, err := hubTexts(name)
	if err != nil {
		return nil, err
	}
	choice := &textChoice{repo: repo.ID, pattern: pattern}
	dir, err := Fetch(c, repo, choice.choose)
	if choice.err != nil {
		return nil, choice.err
	}
	if err != nil {
		return nil, fmt.Errorf("there is no file or folder %s, and from the Hub: %w", name, err)
	}
	cmdline.NewConsole(c).Warnf("files: %s", strings.Join(choice.files, ", "))
	return choice.paths(dir), nil
}

// Fetch fetches the files of a data set that choose returns of all paths, and returns the folder
// that holds them. If there are none at the default revision, it looks at the Hub's own copy in
// parquet. It tells the user the origin. The command must have the flags of models.HubFlags.
func Fetch(c *cli.Context, repo hub.Repo, choose func(paths []string) []string) (string, error) {
	var first error
	revisions := []string{repo.Revision}
	if repo.Revision == hub.DefaultRevision {
		revisions = append(revisions, parquetRevision)
	}
	for _, revision := range revisions {
		repo.Revision = revision
		none := false
		patterns := hub.Patterns{Choose: func(paths []string) []string {
			files := choose(paths)
			none = len(files) == 0
			return files
		}}
		dir, err := models.Pull(c, repo, patterns, "")
		if err == nil {
			cmdline.NewConsole(c).Warnf("data: %s of %s, in %s", repo, models.HubName(c), dir)
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

// Fetcher is Fetch at the default revision, as eval.Options.Fetch has it.
func Fetcher(c *cli.Context) func(context.Context, string, func([]string) []string) (string, error) {
	return func(_ context.Context, name string, choose func([]string) []string) (string, error) {
		return Fetch(c, hub.Repo{Kind: hub.Dataset, ID: name, Revision: hub.DefaultRevision}, choose)
	}
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
		t.refuseMixture()
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

// refuseMixture refuses files of several kinds, by their names: a stray one would be trained on unseen.
func (t *textChoice) refuseMixture() {
	for _, f := range t.files {
		if first := t.files[0]; !slices.Equal(endingsLike(f), endingsLike(first)) {
			t.err = cmdline.Usagef("%s/%s matches files of several kinds, such as %s and %s: name those of one, such as %s/%s",
				t.repo, t.pattern, first, f, t.repo, path.Join(path.Dir(first), "*"+path.Ext(first)))
			t.files = nil
			return
		}
	}
}

// endingsLike are the endings of files of the same kind.
func endingsLike(name string) []string {
	ending := endingOf(name)
	for _, endings := range textEndings {
		if slices.Contains(endings, ending) {
			return endings
		}
	}
	return []string{ending}
}

// endingOf is the ending of a name, without that of its compression.
func endingOf(name string) string {
	return path.Ext(strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst"))
}

func withEndings(paths, endings []string) (files []string) {
	for _, p := range paths {
		if slices.Contains(endings, endingOf(p)) {
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

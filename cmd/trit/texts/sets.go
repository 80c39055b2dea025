package texts

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/data"
	"trit/data/source"
	"trit/internal/hub"
)

// SetFlags are the flags of a command that reads several sets of texts.
func SetFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "mix", Usage: "`NAME=WEIGHT,...`: shares of the tokens that come from the sets of --data NAME=TEXTS, " +
			"whose columns --column NAME=COLUMN,... names where they differ"},
		&cli.IntFlag{Name: "epochs", Usage: "read a set up to `N` times where its share asks for it", Value: 1},
		&cli.BoolFlag{Name: "stream", Usage: "read data sets of the Hub in place, by ranges, and keep none of them on the disk"},
	}
}

// setName is the beginning of TEXTS that names a set.
var setName = regexp.MustCompile(`^([A-Za-z0-9_-]+)=(.+)$`)

// Sets are the sets that --data and --mix name, and the value of --documents; without a name, one set.
func Sets(c *cli.Context) (sets []data.Set, divided string, err error) {
	if err := Arguments(c, "data"); err != nil {
		return nil, "", err
	}
	if divided, err = Documents(c); err != nil {
		return nil, "", err
	}
	weights, err := mixOf(c.String("mix"))
	if err != nil {
		return nil, "", err
	}
	for _, value := range c.StringSlice("data") {
		if sets, err = addTexts(c, sets, value); err != nil {
			return nil, "", err
		}
	}
	if len(sets) == 0 || slices.ContainsFunc(sets, func(s data.Set) bool { return len(s.Files) == 0 }) {
		return nil, "", cmdline.Usagef("--data names no file")
	}
	if c.Bool("stream") && !slices.ContainsFunc(sets, func(s data.Set) bool { return len(s.Remote) > 0 }) {
		return nil, "", cmdline.Usagef("--stream is for data sets of the Hub, and all texts of --data are files here: " +
			"leave it out")
	}
	return sets, divided, weigh(sets, weights)
}

// Columns gives the sets that --column NAME=COLUMN,... names theirs, and returns the column of the others. A text of
// another form is itself a column, since these have any names.
func Columns(c *cli.Context, sets []data.Set) (others string, err error) {
	text := c.String("column")
	parts := cmdline.CommaList([]string{text})
	if !slices.ContainsFunc(parts, func(part string) bool { return setOf(sets, part) != nil }) {
		return text, nil
	}
	for _, part := range parts {
		s, column := setOf(sets, part), part[strings.Index(part, "=")+1:]
		if s == nil || s.Column != "" || column == "" {
			return "", cmdline.Usagef("--column has %q: want NAME=COLUMN once for a set of --data, "+
				"such as web=text,code=content", part)
		}
		s.Column = column
	}
	return source.DefaultColumn, nil
}

// setOf is the set that NAME=COLUMN is about, nil if it is none.
func setOf(sets []data.Set, part string) *data.Set {
	name, _, named := strings.Cut(part, "=")
	i := slices.IndexFunc(sets, func(s data.Set) bool { return s.Name == name })
	if !named || i < 0 || name == "" {
		return nil
	}
	return &sets[i]
}

// addTexts adds what one --data names to its set.
func addTexts(c *cli.Context, sets []data.Set, value string) ([]data.Set, error) {
	name := ""
	if m := setName.FindStringSubmatch(value); m != nil && !exists(value) {
		name, value = m[1], m[2]
	}
	i := slices.IndexFunc(sets, func(s data.Set) bool { return s.Name == name })
	if i < 0 {
		i, sets = len(sets), append(sets, data.Set{Name: name, Remote: map[string]source.Remote{}})
	}
	if len(sets) > 1 && slices.ContainsFunc(sets, func(s data.Set) bool { return s.Name == "" }) {
		return nil, cmdline.Usagef("--data %s: some texts have the name of a set and some have none: "+
			"want NAME=TEXTS for all", value)
	}
	for _, text := range namesIn(value) {
		files, err := pathsOf(c, text, &sets[i])
		if err != nil {
			return nil, err
		}
		sets[i].Files = append(sets[i].Files, files...)
	}
	return sets, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// pathsOf are the paths of one name.
func pathsOf(c *cli.Context, name string, s *data.Set) ([]string, error) {
	switch {
	case isLocal(name):
		return []string{name}, nil
	case c.Bool("stream"):
		return streamTexts(c, name, s)
	}
	return fetchTexts(c, name)
}

// streamTexts finds the files of a data set of the Hub, which are read in place.
func streamTexts(c *cli.Context, name string, s *data.Set) (paths []string, err error) {
	repo, pattern, err := hubTexts(name)
	if err != nil {
		return nil, err
	}
	choice := &textChoice{repo: repo.ID, pattern: pattern}
	files, err := models.Remote(c, repo, hub.Patterns{Choose: choice.choose})
	if err != nil && choice.err == nil && repo.Revision == hub.DefaultRevision && len(choice.files) == 0 {
		converted := repo
		converted.Revision = parquetRevision
		if more, errConverted := models.Remote(c, converted, hub.Patterns{Choose: choice.choose}); errConverted == nil {
			files, err = more, nil
		}
	}
	if choice.err != nil {
		return nil, choice.err
	}
	if err != nil {
		return nil, err
	}
	for path, f := range files {
		paths, s.Remote[path] = append(paths, path), f
	}
	slices.Sort(paths)
	cmdline.NewConsole(c).Warnf("data: %s of %s, %d files, read in place", repo, models.HubName(c), len(files))
	return paths, nil
}

// mixOf reads NAME=WEIGHT,...
func mixOf(text string) (map[string]float64, error) {
	weights := map[string]float64{}
	for _, part := range cmdline.CommaList([]string{text}) {
		name, value, _ := strings.Cut(part, "=")
		weight, err := strconv.ParseFloat(value, 64)
		if _, twice := weights[name]; err != nil || !(weight > 0) || weight > 1e9 || twice {
			return nil, cmdline.Usagef("--mix has %q: want NAME=WEIGHT once for each set, with a weight above 0, "+
				"such as web=0.7,code=0.3", part)
		}
		weights[name] = weight
	}
	return weights, nil
}

// weigh gives the sets their weights, if there are any.
func weigh(sets []data.Set, weights map[string]float64) error {
	if len(weights) == 0 {
		return nil
	}
	var names []string
	for i := range sets {
		names = append(names, sets[i].Name)
		weight, ok := weights[sets[i].Name]
		if sets[i].Name == "" {
			return cmdline.Usagef("--mix is for sets with names: want --data NAME=TEXTS")
		}
		if !ok {
			return cmdline.Usagef("--mix has no weight for the set %q of --data: want NAME=TEXTS there and NAME=WEIGHT here",
				sets[i].Name)
		}
		sets[i].Weight = weight
	}
	for name := range weights {
		if !slices.Contains(names, name) {
			return cmdline.Usagef("--mix names the set %q, and --data has %s", name, strings.Join(names, ", "))
		}
	}
	return nil
}

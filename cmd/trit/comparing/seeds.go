package comparing

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/eval"
	"trit/eval/seeds"
	"trit/internal/machine"
)

// SeedsFlag is the flag that SeedsOf reads.
func SeedsFlag() cli.Flag {
	return &cli.StringFlag{Name: "fewshot-seeds", DefaultText: "1234", Usage: "draw few-shot examples with each " +
		"of these `SEEDS`, such as 1234,1,2,3, and show how far the scores spread"}
}

// SeedsOf are the seeds of few-shot examples on the command line, the harness's one without the flag.
func SeedsOf(c *cli.Context, o eval.Options) (list []uint32, err error) {
	for _, word := range cmdline.CommaList([]string{c.String("fewshot-seeds")}) {
		seed, err := strconv.ParseUint(word, 10, 32)
		if err != nil || slices.Contains(list, uint32(seed)) {
			return nil, cmdline.Usagef("--fewshot-seeds %s: want different whole numbers from 0 on, such as 1234,1,2", word)
		}
		list = append(list, uint32(seed))
	}
	if len(list) == 0 {
		return []uint32{1234}, nil
	}
	if !slices.ContainsFunc(o.Tasks, func(t eval.Task) bool { return t.Draws(&o) }) {
		return nil, cmdline.Usagef("--fewshot-seeds: none of the tasks draws examples: ask for some with --num-fewshot")
	}
	return list, nil
}

// WithSeed are the options for a seed. The first one asks all tasks; the others ask those that draw examples,
// and have folders of their own in that of the first.
func WithSeed(o eval.Options, list []uint32, i int) eval.Options {
	o.FewshotSeed = &list[i]
	if i == 0 {
		return o
	}
	all := o
	o.Tasks = slices.DeleteFunc(slices.Clone(o.Tasks), func(t eval.Task) bool { return !t.Draws(&all) })
	if o.Out != "" {
		o.Out = filepath.Join(o.Out, fmt.Sprintf("seed-%d", list[i]))
	}
	return o
}

// Spreads are the scores of a model with several seeds.
type Spreads struct {
	model string
	list  []seeds.Spread
}

// NewSpreads compares the results of a model, one for each seed, and writes how they spread into the folder of the
// first, if there is one.
func NewSpreads(list []uint32, reports []*eval.Report, out string) (Spreads, error) {
	s := Spreads{reports[0].Model(), seeds.Of(list, reports)}
	if len(list) < 2 || out == "" {
		return s, nil
	}
	return s, seeds.Write(out, s.list)
}

// JSON is a report with the spread of its scores, as JSON, or the report alone without one.
func (s Spreads) JSON(r *eval.Report) (any, error) {
	if len(s.list) == 0 {
		return r, nil
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	all["spreads"], err = json.Marshal(s.list)
	return all, err
}

// PrintSpreads prints the scores by seed.
func PrintSpreads(c *cli.Context, list []Spreads) error {
	for _, s := range list {
		if _, err := fmt.Fprintf(c.App.Writer, "\n%s, by seed of few-shot examples\n", s.model); err != nil {
			return err
		}
		if err := PrintTable(c, seeds.Table(s.list)); err != nil {
			return err
		}
	}
	return nil
}

// PrintTable prints a table as text, or with --markdown in Markdown.
func PrintTable(c *cli.Context, t eval.Table) error {
	if c.Bool("markdown") {
		_, err := io.WriteString(c.App.Writer, t.Markdown())
		return err
	}
	return t.WriteText(c.App.Writer)
}

// Made says what makes the results of this command.
func Made() map[string]string {
	about := machine.Describe()
	version := about.Version
	if about.Commit != "" {
		version += ", commit " + about.Commit
	}
	words := []string{"trit"}
	for _, arg := range os.Args[1:] {
		if strings.ContainsAny(arg, " \t\n'\"$*?\\&|;<>()") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return map[string]string{"command": strings.Join(words, " "), "version": version}
}

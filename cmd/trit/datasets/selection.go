package datasets

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/texts"
	"trit/data"
	"trit/data/dedup"
	"trit/data/filter"
)

// selectionFlags say which texts are taken, and how many.
func selectionFlags() []cli.Flag {
	return []cli.Flag{
		cmdline.ChoiceFlag("duplicates", "`WHICH` texts that were seen before are left out: keep, the default, none; exact, the same; "+
			"near, those too that share most runs of five words", words(dedup.Modes)...),
		&cli.StringFlag{Name: "duplicates-memory", Usage: "`SIZE` of the table of texts that were seen, such as 2GiB", Value: "512MiB"},
		&cli.IntFlag{Name: "min-chars", Usage: "leave out texts of fewer than `N` characters"},
		&cli.IntFlag{Name: "max-chars", Usage: "leave out texts of more than `N` characters; 0: none"},
		&cli.StringSliceFlag{Name: "language", Usage: "take texts in these languages alone: `CODES` such as en,de"},
		&cli.StringFlag{Name: "where", Usage: "take texts for which an `EXPRESSION` is true, of columns by name and of text, chars, bytes, " +
			"words and language(), such as 'score >= 3 && chars > 200'"},
		&cli.StringFlag{Name: "tokens", Usage: "stop when there are `N` tokens, such as 100e9"},
		&cli.IntFlag{Name: "shard-tokens", Usage: "begin a new shard after `N` tokens", Value: data.DefaultShardTokens},
		&cli.BoolFlag{Name: "dry-run", Usage: "say what it would take of disk, memory and time, from a sample of the texts"},
		cmdline.JSONFlag("print the report as JSON, as dataset.json has it"),
	}
}

// takeSets puts sets and what is selected of them into the options.
func takeSets(c *cli.Context, o *data.PrepareOptions, sets []data.Set) (err error) {
	if o.Sets = sets; len(sets) == 1 && sets[0].Name == "" {
		o.Sets, o.Files, o.Remote = nil, sets[0].Files, sets[0].Remote
	}
	if o.Column, err = texts.Columns(c, sets); err != nil {
		return err
	}
	o.Passes, o.ShardTokens = c.Int("epochs"), c.Int("shard-tokens")
	o.Filters = filter.Options{MinChars: c.Int("min-chars"), MaxChars: c.Int("max-chars"), Keep: c.String("where"),
		Languages: cmdline.CommaList(c.StringSlice("language"))}
	o.Duplicates = dedup.Mode(c.String("duplicates"))
	if o.Memory, err = size(c.String("duplicates-memory")); err != nil {
		return cmdline.Usagef("--duplicates-memory is %q: want a size such as 512MiB or 2GiB", c.String("duplicates-memory"))
	}
	if c.IsSet("duplicates-memory") && o.Duplicates.Width() == 0 {
		return cmdline.Usagef("--duplicates-memory is for --duplicates exact or near: want one of them with it")
	}
	if text := c.String("tokens"); text != "" {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 1 && n <= 1e15) {
			return cmdline.Usagef("--tokens is %q: want a number such as 1000000 or 100e9", text)
		}
		o.Tokens = int64(n)
	}
	if o.Passes < 1 {
		return cmdline.Usagef("--epochs is %d: want 1 or more", o.Passes)
	}
	return nil
}

// size reads a number of bytes.
func size(text string) (int64, error) {
	for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if number, ok := strings.CutSuffix(text, unit); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
			if err != nil || !(v > 0 && v < 1<<20) {
				return 0, errors.New("no size")
			}
			return int64(v * math.Pow(1024, float64(i+1))), nil
		}
	}
	return strconv.ParseInt(text, 10, 64)
}

// showPlan prints what preparing would take.
func showPlan(c *cli.Context, o data.PrepareOptions) error {
	p, err := data.PlanPrepare(c.Context, o)
	con := cmdline.NewConsole(c)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(con.Out, p)
	}
	for _, s := range p.Sets {
		con.Printf("set       %s: about %s documents, %s bytes; %.0f %% kept, %s tokens\n", texts.SetName(s.Name),
			about(s.Documents), about(s.Bytes), 100*s.Kept, about(s.Tokens))
	}
	con.Printf("tokens    about %s, before duplicates are left out; %s\n", about(p.Tokens), p.Ends)
	con.Printf("disk      %s for %d shards; %s more while it works\n", bytesText(p.Disk), p.Shards, bytesText(p.WorkDisk))
	con.Printf("memory    about %s, %s of it for duplicates\n", bytesText(p.Memory), bytesText(p.DuplicatesMemory))
	time := time.Duration(p.Seconds * float64(time.Second)).Round(time.Second)
	con.Printf("time      about %v, at %.1f MB/s of text on %d threads\n", time, p.Speed/1e6, p.Threads)
	if p.FalseRate > 0.001 {
		con.Warnf("warning: %.2g %% of the last texts would be taken for duplicates by mistake: "+
			"--duplicates-memory %s keeps that below 0.1 %%", 100*p.FalseRate, bytesText(p.WantedMemory))
	}
	return nil
}

func about(v float64) string { return cmdline.Quantity(v) }

func bytesText(v float64) string {
	for _, u := range []struct {
		name string
		size float64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}} {
		if v >= u.size {
			return fmt.Sprintf("%.1f%s", v/u.size, u.name)
		}
	}
	return fmt.Sprintf("%.0fKiB", v/1024)
}

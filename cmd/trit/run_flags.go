package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"trit/cmd/trit/cmdline"
	"trit/infer"
	"trit/internal/atomicfile"
	"trit/lm"
)

// promptFlags say what is continued or answered, and how long.
func promptFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "prompt", Aliases: []string{"p"}, KeepSpace: true,
			Usage: "continue this `TEXT` (default: the standard input, if that is no terminal)"},
		&cli.StringFlag{Name: "file", Aliases: []string{"f"},
			Usage: "continue the text of `FILE` (- is the standard input), without the line break at its end"},
		&cli.BoolFlag{Name: "chat", Usage: "talk: each line of the input is a message, the model's chat template is used, /help lists the commands"},
		&cli.StringFlag{Name: "system", Usage: "`TEXT` of the system message of a chat"},
		&cli.IntFlag{Name: "n", Usage: "generate at most `N` tokens; -1 means until the text or the context ends", Value: 128},
	}
}

// samplingFlags say how a token is chosen.
func samplingFlags() []cli.Flag {
	number := func(name, usage string) cli.Flag {
		return &cli.Float64Flag{Name: name, Usage: usage, DefaultText: "the model's advice"}
	}
	return []cli.Flag{
		&cli.BoolFlag{Name: "greedy", Usage: "always take the likeliest token: --temperature 0"},
		number("temperature", "`T`; 0 always takes the likeliest token"),
		&cli.IntFlag{Name: "top-k", Usage: "choose among the `K` likeliest tokens (0 = all)", DefaultText: "the model's advice"},
		number("top-p", "choose among the likeliest tokens whose probabilities add up to `P` (1 = all)"),
		number("min-p", "choose among tokens at least `P` times as likely as the likeliest"),
		number("repetition-penalty", "divide the logits of tokens already seen by `R` (1 = none)"),
		&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of the choice", Value: 1},
	}
}

// checkRunFlags refuses values out of range and flags that would have no effect, before a model is
// opened.
func checkRunFlags(c *cli.Context) error {
	if n := c.Int("n"); n < -1 || n == 0 {
		return cmdline.Usagef("-n is %d: want a number of tokens, or -1 for no limit", n)
	}
	if n := c.Int("context"); n < 0 || n == 0 && c.IsSet("context") {
		return cmdline.Usagef("--context is %d: want a number of tokens", n)
	}
	if err := samplingUsage(overlay(c, infer.DefaultSampling).Problems()); err != nil {
		return err
	}
	switch {
	case c.Bool("chat") && c.IsSet("prompt"):
		return cmdline.Usagef("--prompt has no effect with --chat, which reads messages: give one of them")
	case c.Bool("chat") && c.IsSet("file"):
		return cmdline.Usagef("--file has no effect with --chat, which reads messages from the standard input")
	case c.IsSet("system") && !c.Bool("chat"):
		return cmdline.Usagef("--system has no effect without --chat")
	case c.Bool("greedy") && c.Float64("temperature") > 0:
		return cmdline.Usagef("--greedy is --temperature 0: leave out --temperature %g", c.Float64("temperature"))
	case isGreedy(c):
		return checkGreedy(c)
	}
	return nil
}

func isGreedy(c *cli.Context) bool {
	return c.Bool("greedy") || c.IsSet("temperature") && c.Float64("temperature") == 0
}

// checkGreedy refuses flags that cut or draw, since the likeliest token stays whatever they say.
func checkGreedy(c *cli.Context) error {
	why := "--temperature 0"
	if c.Bool("greedy") {
		why = "--greedy"
	}
	for _, name := range []string{"top-k", "top-p", "min-p", "seed"} {
		if c.IsSet(name) {
			return cmdline.Usagef("--%s has no effect with %s, which always takes the likeliest token", name, why)
		}
	}
	return nil
}

// samplingUsage names values out of range by their flags.
func samplingUsage(problems []*lm.Problem) error {
	var all []string
	for _, p := range problems {
		all = append(all, fmt.Sprintf("%s is %g: want %s", cmdline.SettingName(p.Field), p.Value, p.Want))
	}
	if len(all) == 0 {
		return nil
	}
	return cmdline.Usagef("%s", strings.Join(all, "; "))
}

// overlay replaces values by those of the flags that are set.
func overlay(c *cli.Context, s lm.Sampling) lm.Sampling {
	s.Seed = c.Uint64("seed")
	if isGreedy(c) {
		s = lm.Sampling{Seed: s.Seed}
	}
	for name, value := range map[string]*float64{
		"temperature": &s.Temperature, "top-p": &s.TopP, "min-p": &s.MinP, "repetition-penalty": &s.RepetitionPenalty,
	} {
		if c.IsSet(name) {
			*value = c.Float64(name)
		}
	}
	if c.IsSet("top-k") {
		s.TopK = c.Int("top-k")
	}
	return s
}

// samplingOf are the values of the flags, and for those that are not set the model's. Advice of the
// file that is not followed is said.
func samplingOf(c *cli.Context, con *cmdline.Console, m *infer.Model, name string) (lm.Sampling, error) {
	advice, notes := m.Sampling()
	s := overlay(c, advice)
	if !isGreedy(c) {
		con.Warnings(notes, name+": ")
	}
	if err := samplingUsage(s.Problems()); err != nil { // the flags were checked before
		return s, fmt.Errorf("%s: its metadata (general.sampling) advises what cannot be done: %v: "+
			"the flag sets another value", name, err)
	}
	return s, nil
}

// maxPromptBytes is the longest text that is read as a prompt, far above any context.
const maxPromptBytes = 64 << 20

// readPrompt returns the text of --prompt, of --file or of the standard input; "" for a chat, which
// reads it itself.
func readPrompt(c *cli.Context) (string, error) {
	given, file := c.StringSlice("prompt"), c.String("file")
	switch {
	case c.Bool("chat"):
		return "", nil
	case len(given) > 1:
		return "", cmdline.Usagef("--prompt is given %d times, and one text can be continued: "+
			"give one, or run the command again", len(given))
	case len(given) == 1 && c.IsSet("file"):
		return "", cmdline.Usagef("--prompt and --file both give the text to continue: give one of them")
	case len(given) == 1:
		return given[0], nil
	case c.IsSet("file") && file != "-":
		b, err := atomicfile.Read(file, maxPromptBytes)
		return promptOf(b, err, file)
	}
	f, isFile := c.App.Reader.(*os.File)
	if isFile && term.IsTerminal(int(f.Fd())) && file != "-" {
		return "", errNoPrompt()
	}
	b, err := io.ReadAll(io.LimitReader(c.App.Reader, maxPromptBytes+1))
	if err == nil && len(b) > maxPromptBytes {
		err = fmt.Errorf("the standard input has more than %d MB: a prompt is a text", maxPromptBytes>>20)
	}
	if err == nil && len(b) == 0 {
		err = errNoPrompt()
	}
	return promptOf(b, err, "the standard input")
}

func errNoPrompt() error {
	return cmdline.Usagef("there is no prompt: give --prompt TEXT, --file FILE, a text on the standard input, or --chat")
}

// promptOf is a text that was read, without the line break that editors and echo put at its end.
func promptOf(b []byte, err error, from string) (string, error) {
	if err != nil {
		return "", err
	}
	if !utf8.Valid(b) || slices.Contains(b, 0) {
		return "", errors.New(from + " is not text in UTF-8: a prompt is a text")
	}
	text := strings.TrimSuffix(string(b), "\n")
	return strings.TrimSuffix(text, "\r"), nil
}

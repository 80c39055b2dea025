package cmdline

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Examples formats the examples of a help text.
func Examples(lines ...string) string { return "Examples:\n" + strings.Join(lines, "\n") }

// ThreadsFlag is shared by all commands that compute.
func ThreadsFlag() cli.Flag {
	return &cli.IntFlag{Name: "threads", Usage: "use `N` threads (default: one for each core)"}
}

// JSONFlag is shared by all commands that can print JSON.
func JSONFlag(what string) cli.Flag { return &cli.BoolFlag{Name: "json", Usage: what} }

// OneOfFlag makes a flag whose value is one of the choices; the first is the default.
func OneOfFlag[T ~string](name, usage string, choices ...T) cli.Flag {
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = string(c)
	}
	choice := strings.Join(words, ", ")
	check := func(_ *cli.Context, v string) error {
		if !slices.Contains(words, v) {
			return Usagef("--%s is %q: want one of %s", name, v, choice)
		}
		return nil
	}
	return &cli.StringFlag{Name: name, Usage: usage + " (`HOW`: " + choice + ")", Value: words[0], Action: check}
}

package cmdline

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// The usage of a flag says what stands for 0 and false: as defaults they would contradict it.
func init() {
	text := cli.FlagStringer
	cli.FlagStringer = func(f cli.Flag) string {
		return strings.NewReplacer(" (default: 0)", "", " (default: false)", "").Replace(text(f))
	}
}

// Examples formats the examples of a help text.
func Examples(lines ...string) string { return "Examples:\n" + strings.Join(lines, "\n") }

// ThreadsFlag is shared by all commands that compute.
func ThreadsFlag() cli.Flag {
	return &cli.IntFlag{Name: "threads", Usage: "use `N` threads (default: one for each core)"}
}

// JSONFlag is shared by all commands that can print JSON.
func JSONFlag(what string) cli.Flag { return &cli.BoolFlag{Name: "json", Usage: what} }

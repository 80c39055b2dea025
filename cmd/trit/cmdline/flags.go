package cmdline

import (
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

package cmdline

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/internal/machine"
)

// VersionCommand says what the program and the machine are. [Arrange] takes --version for it.
func VersionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "show version, kernels, threads and memory, for a report of a problem",
		Description: Examples("trit version", "trit --version", "trit version --json"),
		Flags:       []cli.Flag{JSONFlag("print one JSON object")},
		Action: func(c *cli.Context) error {
			if _, err := Arguments(c); err != nil {
				return err
			}
			if c.Bool("json") {
				return PrintJSON(c.App.Writer, machine.Describe())
			}
			return writeVersion(c.App.Writer, machine.Describe())
		},
	}
}

func writeVersion(out io.Writer, a machine.About) error {
	lines := []string{"trit " + a.Version}
	line := func(name, format string, values ...any) {
		lines = append(lines, fmt.Sprintf("%-8s ", name)+fmt.Sprintf(format, values...))
	}
	if a.Commit != "" {
		changes := map[bool]string{true: ", with changes"}[a.Modified]
		line("commit", "%s of %s%s", a.Commit, a.Time, changes)
	}
	line("built", "%s, %s", a.Go, a.System)
	kernels := make([]string, len(a.Kernels))
	for i, k := range a.Kernels {
		kernels[i] = k.Name + " " + k.Kernel
	}
	line("kernels", "%s", strings.Join(kernels, ", "))
	line("threads", "%d", a.Threads)
	if a.Memory > 0 {
		line("memory", "%.1f GB", float64(a.Memory)/1e9)
	}
	_, err := fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}

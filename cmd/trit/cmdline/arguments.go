package cmdline

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// Arguments returns exactly as many positional arguments as names, or says which are
// missing or too many.
func Arguments(c *cli.Context, names ...string) ([]string, error) {
	got := c.Args().Slice()
	if len(got) < len(names) {
		return nil, Usagef("%s is missing: %s %s", names[len(got)], c.Command.HelpName, strings.Join(names, " "))
	}
	if len(got) > len(names) {
		return nil, Usagef("%q is one argument too many: see %s --help", got[len(names)], c.Command.HelpName)
	}
	return got, nil
}

// CommaList splits the values of a flag that may be repeated or hold commas.
func CommaList(values []string) []string {
	var out []string
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

package cmdline

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Arguments returns exactly as many positional arguments as names, or says which are
// missing or too many.
func Arguments(c *cli.Context, names ...string) ([]string, error) {
	got := c.Args().Slice()
	if len(got) < len(names) {
		return nil, Usagef("%s is missing: trit %s %s", names[len(got)], c.Command.FullName(), strings.Join(names, " "))
	}
	if len(got) > len(names) {
		return nil, Usagef("%q is one argument too many: see trit %s --help", got[len(names)], c.Command.FullName())
	}
	return got, nil
}

// Reorder moves flags before positional arguments, since cli/v2 takes no flags after the first
// positional one. It does not move arguments after "--".
func Reorder(app *cli.App, args []string) []string {
	if len(args) == 0 {
		return args
	}
	commands, flags, at := app.Commands, app.Flags, 1
	for at < len(args) {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(args[at]) })
		if i < 0 {
			break
		}
		flags, commands, at = commands[i].Flags, commands[i].Subcommands, at+1
	}
	head, positional := slices.Clone(args[:at]), []string(nil)
	for rest := args[at:]; len(rest) > 0; rest = rest[1:] {
		switch arg := rest[0]; {
		case arg == "--":
			return slices.Concat(head, positional, rest)
		case !strings.HasPrefix(arg, "-") || arg == "-":
			positional = append(positional, arg)
		default:
			head = append(head, arg)
			if takesValue(flags, arg) && len(rest) > 1 {
				head, rest = append(head, rest[1]), rest[1:]
			}
		}
	}
	return append(head, positional...)
}

// takesValue reports whether the next argument is the value of this flag.
func takesValue(flags []cli.Flag, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			_, isBool := f.(*cli.BoolFlag)
			return !isBool
		}
	}
	return false
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

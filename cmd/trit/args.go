package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// usageError is a wrong command line; it ends the program with exit code 2.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

func onUsageError(c *cli.Context, err error, _ bool) error {
	name := "trit"
	if c.Command != nil && c.Command.FullName() != "" {
		name += " " + c.Command.FullName()
	}
	return usagef("%v: see %s --help", err, strings.TrimPrefix(name, "trit trit "))
}

// arguments returns exactly as many positional arguments as names, or says which are
// missing or too many.
func arguments(c *cli.Context, names ...string) ([]string, error) {
	got := c.Args().Slice()
	if len(got) < len(names) {
		return nil, usagef("%s is missing: trit %s %s", names[len(got)], c.Command.FullName(), strings.Join(names, " "))
	}
	if len(got) > len(names) {
		return nil, usagef("%q is one argument too many: see trit %s --help", got[len(names)], c.Command.FullName())
	}
	return got, nil
}

// reorder moves flags before positional arguments, since cli/v2 stops to look for
// flags at the first positional. What follows "--" stays as it is.
func reorder(app *cli.App, args []string) []string {
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

// takesValue tells whether the next argument is the value of this flag.
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

// commaList splits the values of a flag that may be repeated or hold commas.
func commaList(values []string) []string {
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

// examples formats the examples of a help text.
func examples(lines ...string) string { return "Examples:\n" + strings.Join(lines, "\n") }

// threadsFlag is shared by all commands that compute.
func threadsFlag() cli.Flag {
	return &cli.IntFlag{Name: "threads", Usage: "use `N` threads (default: one for each core)"}
}

func jsonFlag(what string) cli.Flag { return &cli.BoolFlag{Name: "json", Usage: what} }

// oneOfFlag takes one of some words, by default the first.
func oneOfFlag[T ~string](name, usage string, choices ...T) cli.Flag {
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = string(c)
	}
	choice := strings.Join(words, ", ")
	return &cli.StringFlag{Name: name, Usage: usage + " (`HOW`: " + choice + ")", Value: words[0], Action: func(_ *cli.Context, v string) error {
		if !slices.Contains(words, v) {
			return usagef("--%s is %q: want one of %s", name, v, choice)
		}
		return nil
	}}
}

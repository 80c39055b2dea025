package cmdline

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// line is a command line that is taken apart by the commands and flags of a program. The library takes no
// flags after the first positional argument, looks for a command in every first positional argument, prints
// a whole help text where a flag is missing, and speaks of Go's types; so lines are checked and put in order
// before it sees them.
type line struct {
	commands   []*cli.Command // named by the line, from the outermost
	after      []*cli.Command // what may follow as the next command
	flags      []cli.Flag     // of the last command
	given      []string       // first names of the flags that were given
	head       []string       // flags with their values, as they were written
	positional []string
	dashed     bool // "--" stands before the positional arguments
}

// Arrange checks the names, the number and the values of the flags in args (args[0] is the program's name) and moves
// flags before positional arguments, but nothing after "--". Wrong lines are usage errors.
// A call for help becomes the call of that command with --help alone.
func Arrange(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	l := &line{after: app.Commands, flags: app.Flags}
	rest := args[1:]
	switch {
	case isVersion(rest[0]):
		rest = slices.Concat([]string{"version"}, rest[1:])
	case rest[0] == "help" || rest[0] == "h":
		rest = append(slices.Clone(rest[1:]), "--help")
	}
	rest = l.takeCommands(rest)
	help, err := l.takeFlags(rest)
	switch {
	case err != nil:
		return nil, err
	case help && len(l.positional) > 0 && l.isGroup():
		return nil, l.unknownCommand(l.positional[0])
	case help:
		return append(l.names(args[0]), "--help"), nil
	}
	if err := l.checkWhole(); err != nil {
		return nil, err
	}
	return slices.Concat(l.names(args[0]), l.head, l.tail()), nil
}

func isVersion(arg string) bool {
	return slices.Contains([]string{"--version", "-version", "-v", "-V"}, arg)
}

// takeCommands follows the names of commands at the beginning and returns what comes after them.
func (l *line) takeCommands(args []string) []string {
	for len(args) > 0 {
		i := slices.IndexFunc(l.after, func(c *cli.Command) bool { return c.HasName(args[0]) })
		if i < 0 {
			break
		}
		c := l.after[i]
		l.commands, l.after, l.flags, args = append(l.commands, c), c.Subcommands, c.Flags, args[1:]
	}
	return args
}

// takeFlags sorts arguments into flags and positional ones. It ends at a call for help.
func (l *line) takeFlags(args []string) (help bool, err error) {
	for ; len(args) > 0; args = args[1:] {
		switch arg := args[0]; {
		case arg == "--":
			l.dashed = true
			l.positional = append(l.positional, args[1:]...)
			return false, nil
		case !strings.HasPrefix(arg, "-") || arg == "-":
			l.positional = append(l.positional, arg)
		case isHelp(arg):
			return true, nil
		default:
			used, err := l.takeFlag(args)
			if err != nil {
				return false, err
			}
			l.head, args = append(l.head, args[:used]...), args[used-1:]
		}
	}
	return false, nil
}

func isHelp(arg string) bool { return slices.Contains([]string{"--help", "-help", "-h"}, arg) }

// takeFlag checks the flag that args begin with and returns how many of them it takes.
func (l *line) takeFlag(args []string) (used int, err error) {
	name, value, hasValue := strings.Cut(strings.TrimLeft(args[0], "-"), "=")
	f := l.find(name)
	if f == nil {
		return 0, l.unknownFlag(args[0])
	}
	if err := l.note(f); err != nil {
		return 0, err
	}
	if !takesValue(f) {
		return 1, l.checkSwitch(args, value, hasValue)
	}
	if hasValue {
		return 1, checkValue(f, value)
	}
	if len(args) < 2 {
		return 0, Usagef("%s has no value: want %s", args[0], form(f, args[0]))
	}
	next, _, _ := strings.Cut(args[1], "=")
	if strings.HasPrefix(next, "-") && l.find(strings.TrimLeft(next, "-")) != nil {
		return 0, Usagef("%s has no value: %s follows it, want %s", args[0], next, form(f, args[0]))
	}
	return 2, checkValue(f, args[1])
}

// checkSwitch checks a flag that is on or off. Its value stands behind "=" only.
func (l *line) checkSwitch(args []string, value string, hasValue bool) error {
	if hasValue && value != "true" && value != "false" {
		name, _, _ := strings.Cut(args[0], "=")
		return Usagef("%s is %q: want %s or %s=false", name, value, name, name)
	}
	if !hasValue && len(args) > 1 && (args[1] == "true" || args[1] == "false") {
		return Usagef("%s takes no value after a space: write %s=%s", args[0], args[0], args[1])
	}
	return nil
}

// note remembers that a flag was given. One that holds one value cannot be given twice.
func (l *line) note(f cli.Flag) error {
	name := f.Names()[0]
	many, isSlice := f.(cli.DocGenerationSliceFlag)
	if slices.Contains(l.given, name) && !(isSlice && many.IsSliceFlag()) {
		return Usagef("%s is given twice: leave one out", dashes(name))
	}
	l.given = append(l.given, name)
	return nil
}

// checkWhole checks what can be seen at the end of a line only.
func (l *line) checkWhole() error {
	if len(l.positional) > 0 {
		first := l.positional[0]
		switch is := func(c *cli.Command) bool { return c.HasName(first) }; {
		case slices.ContainsFunc(l.after, is):
			return Usagef("%q is a command of %s: write it first, %s %s, or ./%s for a file of that name",
				first, l.name(), l.name(), first, first)
		case l.isGroup():
			return l.unknownCommand(first)
		case len(l.after) > 0 && l.meansCommand(first):
			return l.unknownCommand(first)
		}
	}
	var missing []string
	for _, f := range l.flags {
		if r, ok := f.(cli.RequiredFlag); ok && r.IsRequired() && !slices.Contains(l.given, f.Names()[0]) {
			missing = append(missing, dashes(f.Names()[0])+" "+placeholder(f))
		}
	}
	if len(missing) > 0 {
		return Usagef("missing: %s: see %s --help", strings.Join(missing, " and "), l.name())
	}
	return nil
}

// isGroup reports whether the command that was named does nothing but hold others.
func (l *line) isGroup() bool {
	return len(l.commands) == 0 || len(l.after) > 0 && l.commands[len(l.commands)-1].ArgsUsage == ""
}

// names are the program and the commands that were named.
func (l *line) names(program string) []string {
	names := []string{program}
	for _, c := range l.commands {
		names = append(names, c.Name)
	}
	return names
}

// name is what was named so far, as one types it.
func (l *line) name() string { return strings.Join(l.names("trit"), " ") }

// find looks a flag up among those of the command.
func (l *line) find(name string) cli.Flag {
	for _, f := range l.flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func (l *line) tail() []string {
	if l.dashed {
		return append([]string{"--"}, l.positional...)
	}
	return l.positional
}

// takesValue reports whether a flag has a value, which may be the next argument.
func takesValue(f cli.Flag) bool {
	d, ok := f.(cli.DocGenerationFlag)
	return ok && d.TakesValue()
}

// dashes is a flag's name as it is typed.
func dashes(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// placeholder is the word that the help has for a flag's value.
func placeholder(f cli.Flag) string {
	if d, ok := f.(cli.DocGenerationFlag); ok {
		if _, rest, found := strings.Cut(d.GetUsage(), "`"); found {
			word, _, _ := strings.Cut(rest, "`")
			return word
		}
	}
	return "VALUE"
}

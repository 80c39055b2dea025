// Command trit trains, packs, runs and measures BitNet b1.58 language models.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"trit/setting"
)

// endSignals are the signals that end a command; a training run is saved first.
var endSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), endSignals...)
	go func() {
		<-ctx.Done()
		stop() // the first Ctrl-C saves and ends; a second one ends at once
	}()
	os.Exit(run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// Exit codes of the command.
const (
	exitOK     = 0
	exitFailed = 1 // the work failed
	exitUsage  = 2 // the command line is wrong
)

// run is the whole program: it parses args (args[0] is the program's name), runs the command and
// returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	app := newApp(stdin, stdout, stderr)
	err := app.RunContext(ctx, reorder(app, args))
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "trit: %s\n", oneLine(err))
	if isUsage(err) {
		return exitUsage
	}
	return exitFailed
}

// oneLine returns the text of an error in one line; errors.Join makes several. It names options
// by the flags that set them.
func oneLine(err error) string {
	return strings.ReplaceAll(setting.Text(err, settingName), "\n", "; ")
}

// group is the commands under one heading of the help.
type group struct {
	name     string
	commands []*cli.Command
}

// groups are all commands, in the order of the help. The quickstart belongs to no group, since it
// goes through all of them.
func groups() []group {
	return []group{
		{"", []*cli.Command{quickstartCommand()}},
		{"Prepare", []*cli.Command{pullCommand(), tokenizerCommand(), dataCommand()}},
		{"Train", []*cli.Command{trainCommand(), watchCommand()}},
		{"Use", []*cli.Command{convertCommand(), runCommand(), embedCommand(), inspectCommand()}},
		{"Measure", []*cli.Command{evalCommand(), benchCommand(), reproCommand(), verifyCommand(), logitsCommand()}},
	}
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	all := groups()
	app := &cli.App{
		Name:  "trit",
		Usage: "train, pack, run and measure BitNet b1.58 language models",
		UsageText: "trit COMMAND [flags] [arguments]\n\nExamples:\n   trit quickstart\n" +
			"   trit train --config trit-1m --data DIR --out DIR\n   trit run model.gguf -p \"Once upon a time\"",
		Reader: stdin, Writer: stdout, ErrWriter: stderr,
		HideVersion:               true,
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              onUsageError,
		CustomAppHelpTemplate:     helpTemplate(all),
		Action:                    unknownCommand,
	}
	for _, g := range all {
		for _, c := range g.commands {
			c.Category = g.name
		}
		app.Commands = append(app.Commands, g.commands...)
	}
	prepareCommands(app.Commands)
	return app
}

// helpTemplate is the template of trit's help with the groups in our order: cli sorts them by
// their names.
func helpTemplate(all []group) string {
	var list strings.Builder
	for _, g := range all {
		if g.name != "" {
			fmt.Fprintf(&list, "\n\n   %s:", g.name)
		}
		for _, c := range g.commands {
			fmt.Fprintf(&list, "\n     %-10s  %s", c.Name, c.Usage)
		}
	}
	return strings.Replace(cli.AppHelpTemplate, `{{template "visibleCommandCategoryTemplate" .}}`, list.String(), 1)
}

// prepareCommands sets the answers to wrong use, which are the same for all commands.
func prepareCommands(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = onUsageError
		c.HideHelpCommand = true
		if len(c.Subcommands) > 0 && c.Action == nil {
			c.Action = unknownCommand
		}
		prepareCommands(c.Subcommands)
	}
}

func unknownCommand(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("there is no command %q: see trit --help", c.Args().First())
	}
	return cli.ShowSubcommandHelp(c)
}

// usageError is a wrong command line; it ends the program with exit code 2.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// isUsage reports whether an error says that the command line is wrong; other errors say that
// the work failed. cli's error of a missing flag has a private type, so its text is compared.
func isUsage(err error) bool {
	var usage usageError
	return errors.As(err, &usage) || strings.HasPrefix(err.Error(), "Required flag")
}

// usageIf turns an error about a field of the named options, such as "repro.ScalingOptions", into
// a usage error. It is for options that flags alone set.
func usageIf(err error, options string) error {
	if s := setting.As(err); s != nil && strings.HasPrefix(s.Field, options+".") {
		return usageError{oneLine(err)}
	}
	return err
}

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

// reorder moves flags before positional arguments, since cli/v2 takes no flags after the first
// positional one. It does not move arguments after "--".
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

// oneOfFlag makes a flag whose value is one of the choices; the first is the default.
func oneOfFlag[T ~string](name, usage string, choices ...T) cli.Flag {
	words := make([]string, len(choices))
	for i, c := range choices {
		words[i] = string(c)
	}
	choice := strings.Join(words, ", ")
	check := func(_ *cli.Context, v string) error {
		if !slices.Contains(words, v) {
			return usagef("--%s is %q: want one of %s", name, v, choice)
		}
		return nil
	}
	return &cli.StringFlag{Name: name, Usage: usage + " (`HOW`: " + choice + ")", Value: words[0], Action: check}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/setting"
)

// Exit codes of the command.
const (
	exitOK     = 0
	exitFailed = 1 // the work failed
	exitUsage  = 2 // the command line is wrong
)

// run is the whole program: it parses args (args[0] is the program's name), does what
// they ask and returns the exit code.
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

// isUsage tells a wrong command line from work that failed. The error of a missing
// flag is a private type of cli, known by its words.
func isUsage(err error) bool {
	var usage usageError
	return errors.As(err, &usage) || strings.HasPrefix(err.Error(), "Required flag")
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:      "trit",
		Usage:     "train, pack, run and measure BitNet b1.58 language models",
		UsageText: "trit COMMAND [flags] [arguments]\n\nExamples:\n   trit quickstart\n   trit train --config trit-1m --data DIR --out DIR\n   trit run model.gguf -p \"Once upon a time\"",
		Reader:    stdin, Writer: stdout, ErrWriter: stderr,
		HideVersion:               true,
		DisableSliceFlagSeparator: true,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              onUsageError,
		Commands: []*cli.Command{
			quickstartCommand(), tokenizerCommand(), dataCommand(), trainCommand(), pullCommand(), convertCommand(),
			runCommand(), embedCommand(), evalCommand(), watchCommand(), inspectCommand(), verifyCommand(), logitsCommand(), benchCommand(), reproCommand(),
		},
		Action: unknownCommand,
	}
	prepareCommands(app.Commands)
	return app
}

// prepareCommands gives every command the same answers to wrong use.
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

// oneLine is the text of an error, which may have several lines as errors.Join makes them,
// as one line; options are called by the flags that set them.
func oneLine(err error) string {
	return strings.ReplaceAll(setting.Text(err, settingName), "\n", "; ")
}

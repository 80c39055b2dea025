// Package cmdline is what the commands of trit share: how a command line is read, how its errors and
// progress are shown, and which flag sets which option.
package cmdline

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// Group is the commands under one heading of the help.
type Group struct {
	Name     string
	Commands []*cli.Command
}

// Build makes a program of commands. Its help shows them in groups; its errors are usage errors.
func Build(app *cli.App, all []Group) *cli.App {
	app.HideVersion, app.DisableSliceFlagSeparator = true, true
	app.ExitErrHandler = func(*cli.Context, error) {}
	app.OnUsageError, app.Action = onUsageError, showHelp
	app.CustomAppHelpTemplate = helpTemplate(all)
	for _, g := range all {
		for _, c := range g.Commands {
			c.Category = g.Name
		}
		app.Commands = append(app.Commands, g.Commands...)
	}
	prepareCommands(app.Commands)
	return app
}

// Start runs a program: it parses args (args[0] is the program's name), runs the command, prints
// its error in one line and returns the exit code.
func Start(ctx context.Context, app *cli.App, args []string) int {
	args, err := Arrange(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, ErrStopped):
		return ExitStopped
	}
	fmt.Fprintf(app.ErrWriter, "%s: %s\n", app.Name, OneLine(err))
	if IsUsage(err) {
		return ExitUsage
	}
	return ExitFailed
}

// helpTemplate is the template of the help with the groups in our order: cli sorts them by
// their names.
func helpTemplate(all []Group) string {
	var list strings.Builder
	for _, g := range all {
		if g.Name != "" {
			fmt.Fprintf(&list, "\n\n   %s:", g.Name)
		}
		for _, c := range g.Commands {
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
			c.Action = showHelp
		}
		prepareCommands(c.Subcommands)
	}
}

func showHelp(c *cli.Context) error {
	return cli.ShowSubcommandHelp(c)
}

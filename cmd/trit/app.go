// Command trit trains, packs, runs and measures BitNet b1.58 language models.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/comparing"
	"trit/cmd/trit/datasets"
	"trit/cmd/trit/merging"
	"trit/cmd/trit/serving"
	"trit/configs"
	"trit/convert"
	"trit/eval/suites"
	"trit/eval/tasks"
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

// run is the whole program: it runs the command that args name (args[0] is the program's name)
// and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return cmdline.Start(ctx, newApp(stdin, stdout, stderr), args)
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	return cmdline.Build(&cli.App{
		Name:  "trit",
		Usage: "train, pack, run and measure BitNet b1.58 language models",
		UsageText: "trit COMMAND [flags] [arguments]\n\nExamples:\n   trit quickstart\n" +
			"   trit train --config trit-1m --data DIR --out DIR\n   trit run model.gguf -p \"Once upon a time\"",
		Reader: stdin, Writer: stdout, ErrWriter: stderr,
	}, groups())
}

// groups are all commands, in the order of the help. The quickstart belongs to no group, since it
// goes through all of them.
func groups() []cmdline.Group {
	return []cmdline.Group{
		{Commands: []*cli.Command{quickstartCommand()}},
		{Name: "Prepare", Commands: []*cli.Command{pullCommand(), tokenizerCommand(), datasets.Command()}},
		{Name: "Train", Commands: []*cli.Command{trainCommand(), distillCommand(), watchCommand()}},
		{Name: "Use", Commands: slices.Concat([]*cli.Command{convertCommand(), merging.Command(), runCommand()}, serving.Commands(),
			[]*cli.Command{embedCommand(), inspectCommand()})},
		{Name: "Measure", Commands: []*cli.Command{evalCommand(), comparing.DivergenceCommand(), benchCommand(), reproCommand(),
			verifyCommand(), logitsCommand()}},
		{Name: "Help", Commands: []*cli.Command{cmdline.VersionCommand(), cmdline.CompletionCommand(flagValues())}},
	}
}

// flagValues are the words that values of flags may be, for the shell.
func flagValues() cmdline.Words {
	return cmdline.Words{
		"config": configs.Names, "student": configs.Models, "configs": configs.Models, "shape": configs.Models,
		"tasks": func() []string { return slices.Concat(suites.Names(), tasks.Names()) },
		"type":  convertTypes, "embedding-type": convertTypes,
		"set": func() (list []string) {
			for _, key := range configs.Keys() {
				list = append(list, key+"=")
			}
			return list
		},
	}
}

func convertTypes() []string {
	var names []string
	for _, t := range []convert.Type{
		convert.I2S, convert.TQ1, convert.TQ2, convert.Packed, convert.F32, convert.F16, convert.BF16, convert.Q8, convert.Q6, convert.Q4,
	} {
		names = append(names, string(t))
	}
	return names
}

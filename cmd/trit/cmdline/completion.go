package cmdline

import (
	"embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// scripts are the parts of the completion that shells run. They hand the words of the line to
// trit completion words.
//
//go:embed completion
var scripts embed.FS

// Shells are the shells that lines can be completed in.
var Shells = []string{"bash", "zsh", "fish"}

// Words gives what the value of a flag may be, by the flag's name, unless it is a FILE. Files are offered beside it.
type Words map[string]func() []string

// CompletionCommand prints the script for a shell, and answers it.
func CompletionCommand(values Words) *cli.Command {
	return &cli.Command{
		Name: "completion", Usage: "print the script that completes command lines in a shell", ArgsUsage: "bash|zsh|fish",
		Description: Examples("trit completion bash", "source <(trit completion bash)    (in ~/.bashrc)",
			"source <(trit completion zsh)     (in ~/.zshrc)",
			"trit completion fish | source     (in ~/.config/fish/config.fish)"),
		Action: func(c *cli.Context) error {
			if c.Args().First() == "words" {
				writeCandidates(c.App.Writer, Complete(c.App, values, c.Args().Tail()))
				return nil
			}
			args, err := Arguments(c, "bash|zsh|fish")
			if err != nil {
				return err
			}
			if !slices.Contains(Shells, args[0]) {
				return Usagef("there is no completion for %q: want one of %s", args[0], strings.Join(Shells, ", "))
			}
			script, err := scripts.ReadFile("completion/trit." + args[0])
			if err != nil {
				return err
			}
			_, err = c.App.Writer.Write(script)
			return err
		},
	}
}

// Candidate is a word that may stand at the end of a line.
type Candidate struct{ Word, About string }

// Files stands for the names of files.
var Files = Candidate{Word: ":files"}

// Complete lists what the last word of a line may become; words are those after the program's name.
func Complete(app *cli.App, values Words, words []string) []Candidate {
	words = joinedAtEquals(words)
	if len(words) == 0 {
		words = []string{""}
	}
	before, last := words[:len(words)-1], words[len(words)-1]
	l := &line{after: app.Commands, flags: app.Flags}
	if len(before) > 0 && before[0] == "help" {
		before = before[1:]
	}
	rest := l.takeCommands(before)
	waiting := l.skipFlags(rest)
	switch name, value, isValue := strings.Cut(last, "="); {
	case l.dashed:
		return []Candidate{Files}
	case waiting != nil:
		return matching(valuesOf(waiting, values, last), last)
	case isValue && strings.HasPrefix(name, "-"):
		return withPrefix(name+"=", l.find(strings.TrimLeft(name, "-")), values, value)
	case strings.HasPrefix(last, "-"):
		return matching(l.flagWords(), last)
	}
	return matching(l.positionals(), last)
}

// joinedAtEquals puts together what bash takes apart: "--config", "=", "x".
func joinedAtEquals(words []string) (joined []string) {
	for i, w := range words {
		n := len(joined)
		if n > 0 && strings.HasPrefix(joined[n-1], "-") && (w == "=" || words[i-1] == "=") {
			joined[n-1] += w
			continue
		}
		joined = append(joined, w)
	}
	return joined
}

// skipFlags goes over complete words and returns the flag whose value comes next, or nil.
func (l *line) skipFlags(words []string) (waiting cli.Flag) {
	for _, w := range words {
		switch {
		case waiting != nil:
			waiting = nil
		case w == "--":
			l.dashed = true
			return nil
		case !strings.HasPrefix(w, "-"):
			l.positional = append(l.positional, w)
		case !strings.Contains(w, "="):
			if f := l.find(strings.TrimLeft(w, "-")); f != nil && takesValue(f) {
				waiting = f
			}
		}
	}
	return waiting
}

// flagWords are the flags of the command by all their names.
func (l *line) flagWords() []Candidate {
	list := []Candidate{{"--help", "show help"}}
	for _, f := range l.flags {
		if d, ok := f.(cli.DocGenerationFlag); ok {
			for _, name := range f.Names() {
				list = append(list, Candidate{dashes(name), d.GetUsage()})
			}
		}
	}
	return list
}

// positionals are the commands that may follow, and files where the command takes arguments.
func (l *line) positionals() (list []Candidate) {
	if len(l.positional) == 0 {
		for _, c := range l.after {
			list = append(list, Candidate{c.Name, c.Usage})
		}
	}
	if len(l.commands) == 0 {
		return list
	}
	switch usage := l.commands[len(l.commands)-1].ArgsUsage; usage {
	case "":
	case strings.Join(Shells, "|"):
		for _, s := range Shells {
			list = append(list, Candidate{Word: s})
		}
	default:
		list = append(list, Files)
	}
	return list
}

// valuesOf lists what a value of a flag may be that begins so far. A list with commas is completed at its end.
func valuesOf(f cli.Flag, values Words, begun string) (list []Candidate) {
	switch f := f.(type) {
	case choiceFlag:
		for _, w := range f.words {
			list = append(list, Candidate{Word: w})
		}
		return list
	case *cli.StringFlag, *cli.StringSliceFlag:
	default:
		return nil // a number
	}
	head := begun[:strings.LastIndex(begun, ",")+1]
	if known := values[f.Names()[0]]; known != nil && placeholder(f) != "FILE" {
		for _, w := range known() {
			list = append(list, Candidate{Word: head + w})
		}
	}
	return append(list, Files)
}

// withPrefix is valuesOf for a value that stands in one word with its flag.
func withPrefix(prefix string, f cli.Flag, values Words, begun string) (list []Candidate) {
	if f == nil {
		return nil
	}
	for _, c := range matching(valuesOf(f, values, begun), begun) {
		if c != Files {
			c.Word = prefix + c.Word
		}
		list = append(list, c)
	}
	return list
}

// matching keeps the words that begin with what was typed. The names of files match in the shell.
func matching(list []Candidate, typed string) []Candidate {
	return slices.DeleteFunc(list, func(c Candidate) bool { return c != Files && !strings.HasPrefix(c.Word, typed) })
}

func writeCandidates(out io.Writer, list []Candidate) {
	for _, c := range list {
		about := strings.Join(strings.Fields(strings.ReplaceAll(c.About, "`", "")), " ")
		if c.About == "" {
			fmt.Fprintln(out, c.Word)
			continue
		}
		fmt.Fprintf(out, "%s\t%s\n", c.Word, about)
	}
}

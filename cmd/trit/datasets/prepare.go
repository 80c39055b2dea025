// Package datasets is the command that makes data sets of texts, conversations and pairs of answers, and
// shows what is in one.
package datasets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/cmd/trit/texts"
	"trit/data"
	"trit/data/conversation"
	"trit/internal/atomicfile"
	"trit/tokenizer"
)

// maxTemplateBytes bounds the file of a chat template.
const maxTemplateBytes = 1 << 20

// Command is trit data.
func Command() *cli.Command {
	return &cli.Command{
		Name: "data", Usage: "prepare training data, show what is in it, check it",
		Subcommands: []*cli.Command{prepareCommand(), showCommand(), checkCommand()},
	}
}

func prepareCommand() *cli.Command {
	return &cli.Command{
		Name: "prepare", Usage: "turn texts or conversations into token shards with a held-out split",
		Description: cmdline.Examples(
			"trit data prepare --data stories.parquet --column text --tokenizer tokenizer --holdout 0.05 --out data",
			`trit data prepare --data "corpus/*.txt.gz" --documents file --tokenizer tokenizer --out data`,
			"trit data prepare --data roneneldan/TinyStories --tokenizer tokenizer --out data",
			"trit data prepare --data web=web.parquet --data code=code.jsonl --mix web=8,code=2 --tokenizer tok --out data",
			"trit data prepare --chat --data talks.jsonl --tokenizer model --length 1024 --out data",
			"trit data prepare --preferences --data pairs.parquet --tokenizer model --out data"),
		Flags: append(slices.Concat([]cli.Flag{
			texts.DataFlag(), &cli.StringFlag{Name: "out", Usage: "write the shards to the new folder `DIR`", Required: true},
			&cli.StringFlag{Name: "tokenizer", Usage: "`DIR` of the tokenizer (or its tokenizer.json), a run, or a GGUF file", Required: true},
			texts.HoldoutFlag(),
			&cli.Uint64Flag{Name: "seed", Usage: "`SEED` of the choice of held-out documents", Value: texts.HoldoutSeed},
			cmdline.ThreadsFlag(),
		}, texts.SetFlags(), selectionFlags(), chatFlags()), texts.Flags()...),
		Action: prepareAction,
	}
}

func chatFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "chat", Usage: "rows are conversations: the chat template lays them out, and the assistant's tokens alone are learned"},
		&cli.BoolFlag{Name: "preferences", Usage: "rows are pairs of answers, with the fields prompt, chosen and rejected"},
		cmdline.ChoiceFlag("form", "`FORM` of conversations: messages, conversations, completion, instruction or text; without it the "+
			"fields of the first row tell", words(conversation.Forms)...),
		&cli.StringFlag{Name: "chat-template", Usage: "`FILE` with a chat template, or a usual one by name (chatml, llama3, plain), " +
			"in the place of the tokenizer's"},
		&cli.IntFlag{Name: "length", Usage: "most tokens `N` of a conversation; 0: any, and training shortens to its sequence_length"},
		cmdline.ChoiceFlag("too-long", "`WHAT` becomes of longer conversations, here and in training: cut, the default, keeps their "+
			"beginning; drop leaves them out", string(data.Cut), string(data.Drop)),
	}
}

func words[T ~string](list []T) (words []string) {
	for _, w := range list {
		words = append(words, string(w))
	}
	return words
}

func prepareAction(c *cli.Context) error {
	sets, divided, err := texts.Sets(c)
	if err != nil {
		return err
	}
	kind, err := kindOf(c)
	if err != nil {
		return err
	}
	tok, err := models.Tokenizer(c.String("tokenizer"))
	if err != nil {
		return err
	}
	if name := c.String("chat-template"); name != "" {
		if tok, err = withTemplate(tok, name); err != nil {
			return err
		}
	}
	con := cmdline.NewConsole(c)
	progress := con.Progress("documents")
	o := data.PrepareOptions{
		Kind: kind, Documents: divided, Stdin: c.App.Reader, Tokenizer: tok,
		Holdout: c.Float64("holdout"), Seed: c.Uint64("seed"), Out: c.String("out"), Threads: c.Int("threads"),
		Form: conversation.Form(c.String("form")), Length: c.Int("length"), TooLong: data.TooLong(c.String("too-long")),
		Notice:   func(line string) { con.Warnf("%s", line) },
		Progress: func(rows, tokens int64) { progress.Show(rows, 0, cmdline.Quantity(float64(tokens))+" tokens") },
	}
	if err := takeSets(c, &o, sets); err != nil {
		return err
	}
	if kind != data.Texts && !c.IsSet("column") {
		o.Column = "" // as the form has it
	}
	if c.Bool("dry-run") {
		return showPlan(c, o)
	}
	m, err := data.Prepare(c.Context, o)
	progress.End()
	if err != nil {
		return wayOn(err, o.Out)
	}
	if c.Bool("json") {
		return cmdline.PrintJSON(con.Out, m)
	}
	texts.ShowManifest(con, m)
	return nil
}

// wayOn says how a preparation goes on that was stopped, or found no space.
func wayOn(err error, out string) error {
	unfinished := data.Unfinished(out)
	switch {
	case errors.Is(err, context.Canceled) && unfinished:
		return errors.New("stopped: the same command goes on after the last shard")
	case errors.Is(err, context.Canceled):
		return errors.New("stopped: nothing is left, the same command begins again")
	case errors.Is(err, syscall.ENOSPC) && unfinished:
		return fmt.Errorf("%w: once there is space, the same command goes on after the last shard", err)
	}
	return err
}

// kindOf is the kind that the flags name.
func kindOf(c *cli.Context) (data.Kind, error) {
	switch {
	case c.Bool("chat") && c.Bool("preferences"):
		return "", cmdline.Usagef("--chat and --preferences: want one of them")
	case c.Bool("chat"):
		return data.Chat, nil
	case c.Bool("preferences"):
		return data.Preferences, nil
	case c.IsSet("chat-template"):
		return "", cmdline.Usagef("--chat-template is for conversations: want --chat or --preferences with it")
	}
	return data.Texts, nil
}

// withTemplate puts a chat template on a tokenizer: that of a file, or a usual one by its name.
func withTemplate(tok *tokenizer.Tokenizer, name string) (*tokenizer.Tokenizer, error) {
	b, err := atomicfile.Read(name, maxTemplateBytes)
	text := string(b)
	if errors.Is(err, fs.ErrNotExist) {
		if !slices.Contains(conversation.TemplateNames(), name) {
			return nil, cmdline.Usagef("--chat-template %s: there is no such file, and the usual templates are %s", name,
				strings.Join(conversation.TemplateNames(), ", "))
		}
		text, err = conversation.Template(name, tok)
	}
	if err != nil {
		return nil, err
	}
	return tok.WithChatTemplate(text)
}

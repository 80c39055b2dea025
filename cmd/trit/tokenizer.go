package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/cmd/trit/texts"
	"trit/data"
	"trit/data/source"
	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/internal/atomicfile"
	"trit/tokenizer"
	"trit/tokenizer/jinja"
)

// Sizes of the files that render reads.
const (
	maxTemplateBytes = 1 << 20
	maxContextBytes  = 64 << 20
)

func tokenizerCommand() *cli.Command {
	return &cli.Command{
		Name: "tokenizer", Usage: "train a tokenizer, render a chat template",
		Subcommands: []*cli.Command{renderCommand(), {
			Name: "train", Usage: "train a byte-level BPE tokenizer on texts",
			Description: cmdline.Examples("trit tokenizer train --data stories.parquet --column text --vocab-size 4096 --out tokenizer",
				"trit tokenizer train --data corpus --vocab-size 4096 --out tokenizer"),
			Flags: append([]cli.Flag{
				texts.DataFlag(), outFlag("write the tokenizer to the new folder `DIR`"),
				&cli.IntFlag{Name: "vocab-size", Usage: "size `N` of the vocabulary, special tokens included", Value: 4096},
			}, texts.Flags()...),
			Action: tokenizerAction,
		}},
	}
}

func outFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "out", Usage: usage, Required: true}
}

func tokenizerAction(c *cli.Context) error {
	files, divided, err := texts.Input(c)
	if err != nil {
		return err
	}
	con := cmdline.NewConsole(c)
	progress := con.Progress("merges")
	tok, err := data.TrainTokenizer(c.Context, data.TokenizerOptions{
		Files: files, Column: c.String("column"), Documents: divided, Stdin: c.App.Reader,
		VocabSize: c.Int("vocab-size"), Out: c.String("out"),
		Progress: func(done, total int) { progress.Show(int64(done), int64(total), "") },
		Counts: func(s source.Counts) {
			progress.End()
			if s.Null > 0 {
				con.Warnf("%d rows hold no text (null): they are left out", s.Null)
			}
			texts.Warn(con, s)
		},
	})
	progress.End()
	if err != nil {
		return err
	}
	showTokenizer(con, tok.VocabSize(), c.String("out"))
	return nil
}

func showTokenizer(con *cmdline.Console, tokens int, dir string) {
	con.Printf("tokenizer of %d tokens in %s\n", tokens, dir)
}

func renderCommand() *cli.Command {
	return &cli.Command{
		Name: "render", Usage: "print what a chat template makes of a conversation", ArgsUsage: "TEMPLATE|MODEL",
		Description: cmdline.Examples("trit tokenizer render model.gguf --context chat.json",
			"trit tokenizer render chat_template.jinja --context chat.json"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "context", Required: true,
				Usage: "JSON `FILE` with the template's variables: messages, tools, add_generation_prompt, bos_token and any other"},
		},
		Action: func(c *cli.Context) error {
			args, err := cmdline.Arguments(c, "TEMPLATE|MODEL")
			if err != nil {
				return err
			}
			text, err := renderTemplate(args[0], c.String("context"))
			if err != nil {
				return err
			}
			_, err = io.WriteString(c.App.Writer, text)
			return err
		},
	}
}

// renderTemplate renders the template at path with the variables in a JSON file.
func renderTemplate(path, contextPath string) (string, error) {
	template, err := readTemplate(path)
	if err != nil {
		return "", err
	}
	b, err := atomicfile.Read(contextPath, maxContextBytes)
	if err != nil {
		return "", err
	}
	variables, err := jinja.ParseContext(b)
	if err != nil {
		return "", fmt.Errorf("%s: %w", contextPath, err)
	}
	result, err := template.Render(variables)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return result.Text, nil
}

// readTemplate reads the chat template of a model folder or a GGUF file, or a file with
// the template's text.
func readTemplate(path string) (t tokenizer.ChatTemplate, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return t, err
	}
	if info.IsDir() {
		return tokenizer.LoadChatTemplate(models.TokenizerFolder(path))
	}
	if isGGUF(path) {
		return ggufTemplate(path)
	}
	b, err := atomicfile.Read(path, maxTemplateBytes)
	return tokenizer.ChatTemplate{Text: string(b)}, err
}

// isGGUF reports whether a file begins as GGUF files do.
func isGGUF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	magic := make([]byte, 4)
	_, err = io.ReadFull(f, magic)
	return err == nil && bytes.Equal(magic, []byte("GGUF"))
}

// ggufTemplate reads the chat template of a GGUF file and the names of its special
// tokens. The vocabulary need not be one that Trit can encode with.
func ggufTemplate(path string) (t tokenizer.ChatTemplate, err error) {
	f, err := gguf.Open(path)
	if err != nil {
		return t, err
	}
	defer f.Close()
	v := ggufmeta.ReadVocab(&f.Metadata)
	if v.ChatTemplate == "" {
		return t, fmt.Errorf("%s: there is no tokenizer.chat_template: it is a base model, which continues a prompt", path)
	}
	t.Text, t.ToolText, t.SpecialTokens = v.ChatTemplate, v.Templates["tool_use"], map[string]string{}
	for name, id := range map[string]int32{"bos_token": v.BOS, "eos_token": v.EOS, "unk_token": v.UNK, "pad_token": v.PAD} {
		if id >= 0 && int(id) < len(v.Tokens) {
			t.SpecialTokens[name] = string([]byte(v.Tokens[id]))
		}
	}
	return t, nil
}

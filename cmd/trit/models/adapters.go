package models

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/format/adapter"
	"trit/infer"
	"trit/tokenizer"
)

// AdapterFlag names adapters that a model is computed with.
func AdapterFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "adapter", Usage: "compute with the adapter " +
		"`PATH[=SCALE]` beside the layers: a run, a folder of PEFT, or a GGUF file (may be given several times)"}
}

// WithAdapters is a model with the adapters by PATH[=SCALE], and its tokenizer, nil for none, with their chat template.
// If they cannot be used, it closes the model.
func WithAdapters(c *cli.Context, m *infer.Model, tok *tokenizer.Tokenizer, given ...string) (
	*infer.Model, *tokenizer.Tokenizer, error,
) {
	if len(given) == 0 {
		return m, tok, nil
	}
	var list []infer.ScaledAdapter
	for _, text := range given {
		path, scale := SplitScale(text)
		a, err := ReadAdapter(c, path, m.Target())
		if err == nil {
			tok, err = AdaptedTokenizer(c, tok, a, path)
		}
		if err != nil {
			return nil, nil, errors.Join(err, m.Close())
		}
		list = append(list, infer.ScaledAdapter{Adapter: a, Scale: scale})
	}
	out, err := m.Adapted(list...)
	if err != nil {
		return nil, nil, errors.Join(err, m.Close())
	}
	return out, tok, nil
}

// AdaptedTokenizer is a tokenizer, nil for none, with the chat template of the adapter at a path. It says if the model
// had another one.
func AdaptedTokenizer(c *cli.Context, tok *tokenizer.Tokenizer, a *adapter.Adapter, path string) (
	*tokenizer.Tokenizer, error,
) {
	out, err := a.Tokenizer(tok)
	if err != nil {
		return nil, fmt.Errorf("%s: the chat template: %w", path, err)
	}
	if out != tok && tok.ChatTemplate().Text != "" {
		cmdline.NewConsole(c).Warnf("%s: its chat template takes the place of the one before", path)
	}
	return out, nil
}

// ReadAdapter reads an adapter for a model, and prints what looks wrong in it.
func ReadAdapter(c *cli.Context, path string, of adapter.Target) (*adapter.Adapter, error) {
	a, notes, err := adapter.Read(path, of)
	if err == nil {
		cmdline.NewConsole(c).Warnings(notes, path+": ")
	}
	return a, err
}

// SplitScale splits PATH=SCALE. A file whose name has this form is named whole.
func SplitScale(text string) (path string, scale float64) {
	at := strings.LastIndexByte(text, '=')
	if _, err := os.Stat(text); err == nil || at < 0 {
		return text, 1
	}
	scale, err := strconv.ParseFloat(text[at+1:], 64)
	if err != nil {
		return text, 1
	}
	return text[:at], scale
}

package models

import (
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/format/adapter"
	"trit/infer"
)

// AdapterFlag names adapters that a model is computed with.
func AdapterFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "adapter", Usage: "compute with the adapter " +
		"`PATH[=SCALE]` beside the layers: a folder of PEFT, or a GGUF file (may be given several times)"}
}

// Adapted is the model with the adapters of AdapterFlag. If they cannot be used, it closes the model.
func Adapted(c *cli.Context, m *infer.Model) (*infer.Model, error) {
	return WithAdapters(c, m, c.StringSlice("adapter")...)
}

// WithAdapters is Adapted for adapters by PATH[=SCALE].
func WithAdapters(c *cli.Context, m *infer.Model, given ...string) (*infer.Model, error) {
	if len(given) == 0 {
		return m, nil
	}
	var list []infer.ScaledAdapter
	for _, text := range given {
		path, scale := SplitScale(text)
		a, err := ReadAdapter(c, path, m.Target())
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		list = append(list, infer.ScaledAdapter{Adapter: a, Scale: scale})
	}
	out, err := m.Adapted(list...)
	if err != nil {
		return nil, errors.Join(err, m.Close())
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

package serving

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/infer"
	"trit/infer/engine"
	"trit/serve/answer"
	loaded "trit/serve/models"
)

// adapterFlags are the flags about adapters.
func adapterFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "adapter", Usage: "serve the first model with the adapter `NAME=PATH[=SCALE]` too: requests choose it " +
			"by its name (may be given several times)"},
		&cli.StringFlag{Name: "adapters", Usage: "let clients load and unload adapters of the folder `DIR`"},
	}
}

// withAdapters adds the adapters of the flags to models.
func withAdapters(c *cli.Context, set *loaded.Models) (*loaded.Adapters, error) {
	all := loaded.WithAdapters(set, func(base *answer.Model, a loaded.Adapter) (*answer.Model, io.Closer, error) {
		return adaptedModel(c, base, a)
	})
	for _, text := range c.StringSlice("adapter") {
		name, path, ok := strings.Cut(text, "=")
		if !ok || name == "" || path == "" {
			return nil, cmdline.Usagef("--adapter is %q: want NAME=PATH", text)
		}
		a := loaded.Adapter{Name: name}
		a.Path, a.Scale = models.SplitScale(path)
		if err := all.Add(context.WithoutCancel(c.Context), a); err != nil {
			return nil, fmt.Errorf("--adapter %s: %w", name, err)
		}
	}
	return all, nil
}

// adaptedModel is a loaded model with an adapter.
func adaptedModel(c *cli.Context, base *answer.Model, a loaded.Adapter) (*answer.Model, io.Closer, error) {
	e, ok := base.Generator.(*engine.Engine)
	if !ok {
		return nil, nil, fmt.Errorf("%s runs on no engine that computes adapters", base.ID)
	}
	read, err := models.ReadAdapter(c, a.Path, e.Model().Target())
	if err != nil {
		return nil, nil, err
	}
	tok, err := models.AdaptedTokenizer(c, base.Tokenizer, read, a.Path)
	if err != nil {
		return nil, nil, err
	}
	with, err := e.Adapted(infer.ScaledAdapter{Adapter: read, Scale: a.Scale})
	if err != nil {
		return nil, nil, err
	}
	m := *base
	m.Info.Chat = tok.ChatTemplate().Text != ""
	m.Tokenizer, m.Generator, m.Scorer, m.Embedder = tok, with, with, with
	return &m, with, nil
}

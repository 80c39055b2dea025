package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/judging"
	"trit/cmd/trit/models"
	"trit/eval/openai"
	"trit/repro"
)

// serverFlags are the flags about a model behind a server.
func serverFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "model", Usage: "of a server: its `NAME` of the model"},
		&cli.StringFlag{Name: "tokenizer", Usage: "of a server: the model's tokenizer, a folder, a run or a GGUF `FILE`"},
		&cli.IntFlag{Name: "max-length", Usage: "of a server: its context has `N` tokens", Value: openai.DefaultContext},
		&cli.StringFlag{Name: "api-key-file", Usage: "of a server: `FILE` with the key (default: $OPENAI_API_KEY)"},
		&cli.IntFlag{Name: "concurrent", Usage: "of a server: `N` requests at a time", Value: openai.DefaultConcurrent},
		&cli.IntFlag{Name: "prompts-per-request", Value: 1,
			Usage: "of a server: `N` prompts in a request, if it takes several"},
		judging.TimeoutFlag(),
	}
}

// isServer reports whether a name is an address, not a path or a model of the Hub.
func isServer(name string) bool {
	return strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://")
}

// checkServerFlags refuses flags about servers if no model is behind a server.
func checkServerFlags(c *cli.Context) error {
	for _, name := range c.Args().Slice() {
		if isServer(name) {
			return nil
		}
	}
	for _, f := range serverFlags() {
		if name := f.Names()[0]; c.IsSet(name) {
			return cmdline.Usagef("--%s is for a server: trit eval http://localhost:8000/v1 --model NAME --tokenizer DIR", name)
		}
	}
	return nil
}

// openServer opens the model behind a server, as the flags of serverFlags say.
func openServer(c *cli.Context, address string) (*repro.Model, error) {
	if c.String("model") == "" || c.String("tokenizer") == "" {
		return nil, cmdline.Usagef("%s is a server: name its model with --model and the tokenizer with --tokenizer", address)
	}
	for _, name := range []string{"concurrent", "prompts-per-request"} {
		if n := c.Int(name); n < 1 || n > 1024 {
			return nil, cmdline.Usagef("--%s is %d: want 1 to 1024", name, n)
		}
	}
	tok, err := models.Tokenizer(c.String("tokenizer"))
	if err != nil {
		return nil, fmt.Errorf("--tokenizer: %w", err)
	}
	cmdline.NewConsole(c).Warnings(tok.Notes())
	client, err := openai.New(address, c.String("model"), tok)
	if err != nil {
		return nil, cmdline.Usagef("%v", err)
	}
	if client.Key, err = models.APIKey(c, "api-key-file"); err != nil {
		return nil, err
	}
	client.Context, client.Timeout = c.Int("max-length"), c.Duration("request-timeout")
	client.Concurrent, client.Prompts = c.Int("concurrent"), c.Int("prompts-per-request")
	return &repro.Model{Model: client, Tokenizer: tok, Close: func() error { return nil }}, nil
}

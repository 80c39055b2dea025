package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/format/gguf"
	"trit/format/ggufmeta"
	"trit/infer"
	"trit/infer/engine"
	"trit/repro"
	"trit/serve"
	"trit/serve/answer"
	"trit/serve/grammar"
	"trit/serve/models"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name: "serve", Usage: "serve models over HTTP: the API of OpenAI", ArgsUsage: "MODEL...",
		Description: cmdline.Examples("trit serve model.gguf", "trit serve models/ --addr 127.0.0.1:9000 --memory 8G"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "addr", Usage: "listen at `HOST:PORT`", Value: "127.0.0.1:8080"},
			&cli.BoolFlag{Name: "open", Usage: "listen also where other machines can reach the server, without keys"},
			&cli.IntFlag{Name: "context", Usage: "most tokens `N` of a prompt and its answer (default: what the model was made for)"},
			&cli.IntFlag{Name: "cache-memory", Usage: "`MB` for the KV caches of a model, of answers and of kept prefixes", Value: 2048},
			&cli.IntFlag{Name: "sessions", Usage: "compute at most `N` answers together", Value: engine.DefaultAnswers},
			&cli.IntFlag{Name: "queue", Usage: "let at most `N` requests wait; more are refused", Value: engine.DefaultQueueSize},
			&cli.IntFlag{Name: "memory", Usage: "`MB` for all models together; 0 is without limit"},
			&cli.DurationFlag{Name: "idle", Usage: "unload a model that nobody has used for `TIME`; 0 keeps it"},
			&cli.StringSliceFlag{Name: "origin", Usage: "let scripts of the web page `URL` use the server (may be given several times)"},
			headFlag(), weightsFlag(), cacheFlag(infer.CacheF16, infer.CacheInt8, infer.CacheF32), cmdline.ThreadsFlag(),
		},
		Action: serveModels,
	}
}

func serveModels(c *cli.Context) error {
	if !c.Args().Present() {
		return cmdline.Usagef("MODEL is missing: trit serve MODEL")
	}
	host, _, err := net.SplitHostPort(c.String("addr"))
	if err != nil {
		return cmdline.Usagef("--addr is %q: want HOST:PORT, such as 127.0.0.1:8080", c.String("addr"))
	}
	if !isLoopback(host) && !c.Bool("open") {
		return cmdline.Usagef("--addr %s can be reached from other machines: "+
			"give --open if everybody there may use the models", c.String("addr"))
	}
	list, err := modelFiles(c.Args().Slice())
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(c.App.ErrWriter, nil))
	set, err := models.New(list, models.Options{
		Memory: int64(c.Int("memory")) << 20, Idle: c.Duration("idle"), Load: loader(c),
		Log: func(line string) { log.Info(line) },
	})
	if err != nil {
		return err
	}
	defer set.Close()
	return listen(c, host, serve.New(serve.Options{
		Models: set, Log: log, Origins: c.StringSlice("origin"), Hosts: ownHosts(host),
	}))
}

// listen serves until the command ends.
func listen(c *cli.Context, host string, s *serve.Server) error {
	l, err := net.Listen("tcp", c.String("addr"))
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	fmt.Fprintf(c.App.Writer, "http://%s\n", l.Addr())
	return s.Serve(c.Context, l)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ownHosts are the names of a server that only this machine can reach.
func ownHosts(host string) []string {
	if !isLoopback(host) {
		return nil
	}
	return []string{"localhost", "127.0.0.1", "::1", host}
}

// modelFiles are the GGUF files that are named, and those of folders. A model has the name of
// its file without .gguf.
func modelFiles(names []string) (list []answer.Info, err error) {
	for _, name := range names {
		files := []string{name}
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			if files, err = filepath.Glob(filepath.Join(name, "*.gguf")); err != nil || len(files) == 0 {
				return nil, fmt.Errorf("%s holds no GGUF file: convert a model first, with trit convert", name)
			}
		}
		for _, file := range files {
			info, err := modelInfo(file)
			if err != nil {
				return nil, err
			}
			list = append(list, info)
		}
	}
	return list, nil
}

// modelInfo describes a GGUF file.
func modelInfo(path string) (i answer.Info, err error) {
	stat, err := os.Stat(path)
	if err != nil {
		return i, err
	}
	f, err := gguf.Open(path)
	if err != nil {
		return i, err
	}
	defer f.Close()
	meta, err := ggufmeta.ReadModel(f)
	if err != nil {
		return i, fmt.Errorf("%s: %w", path, err)
	}
	v := ggufmeta.ReadVocab(&f.Metadata)
	return answer.Info{
		ID: strings.TrimSuffix(filepath.Base(path), ".gguf"), Path: path, Bytes: stat.Size(), Modified: stat.ModTime(),
		Architecture: string(meta.Architecture), Parameters: int64(meta.Config.Parameters()),
		Context: meta.Config.MaxPositionEmbeddings, Chat: v.ChatTemplate != "",
	}, nil
}

// loader loads models with the options of the flags.
func loader(c *cli.Context) func(context.Context, answer.Info) (*answer.Model, io.Closer, error) {
	con := cmdline.NewConsole(c)
	return func(_ context.Context, info answer.Info) (*answer.Model, io.Closer, error) {
		m, tok, err := repro.LoadGGUF(info.Path, engineOptions(c))
		if err != nil {
			return nil, nil, err
		}
		if tok == nil {
			return nil, nil, errors.Join(fmt.Errorf("%s holds no tokenizer", info.Path), m.Close())
		}
		con.Warnings(m.Warnings(), info.ID, ": ")
		con.Warnings(tok.Notes(), info.ID, ": ")
		e := engine.New(m, tok, engine.Options{
			Context: c.Int("context"), Memory: c.Int("cache-memory") << 20,
			Answers: c.Int("sessions"), QueueSize: c.Int("queue"),
		})
		loaded := &answer.Model{
			Info: info, Tokenizer: tok, Generator: e, Scorer: e, Embedder: e, Grammar: grammar.NewCompiler(tok),
			Context: e.ContextLength(),
		}
		return loaded, closers{e, m}, nil
	}
}

// closers ends an engine and then its model.
type closers struct {
	e *engine.Engine
	m *infer.Model
}

// Close implements io.Closer.
func (c closers) Close() error {
	c.e.Close()
	return c.m.Close()
}

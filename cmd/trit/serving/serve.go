// Package serving is the command trit serve and what belongs to it.
package serving

import (
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/infer"
	"trit/infer/engine"
	"trit/serve"
	"trit/serve/guard"
	loaded "trit/serve/models"
	"trit/serve/openai"
	"trit/serve/telemetry"
)

// Commands are trit serve and what belongs to it.
func Commands() []*cli.Command { return []*cli.Command{serveCommand(), batchCommand()} }

func serveCommand() *cli.Command {
	return &cli.Command{
		Name: "serve", Usage: "serve models over HTTP: the APIs of OpenAI, Anthropic and Ollama",
		ArgsUsage:   models.ArgsUsage + "...",
		Description: cmdline.Examples("trit serve model.gguf", "trit serve models/ --addr 127.0.0.1:9000 --memory 8G"),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "addr", Usage: "listen at `HOST:PORT`", Value: "127.0.0.1:8080"},
			&cli.BoolFlag{Name: "open", Usage: "listen also where other machines can reach the server, without keys"},
			&cli.IntFlag{Name: "context", Usage: "most tokens `N` of a prompt and its answer (default: what the model was made for)"},
			&cli.IntFlag{Name: "cache-memory", Usage: "`MB` for the KV caches of a model, of answers and of kept prefixes", Value: defaultCacheMB},
			&cli.IntFlag{Name: "sessions", Usage: "compute at most `N` answers together", Value: engine.DefaultAnswers},
			&cli.IntFlag{Name: "queue", Usage: "let at most `N` requests wait; more are refused", Value: engine.DefaultQueueSize},
			&cli.IntFlag{Name: "memory", Usage: "`MB` for all models together; 0 is without limit"},
			cmdline.TimeFlag("idle", "unload a model that nobody has used for `TIME`; 0 keeps it", 0),
			&cli.StringSliceFlag{Name: "origin", Usage: "let scripts of the web page `URL` use the server (may be given several times)"},
			models.HeadFlag(), models.WeightsFlag(), models.CacheFlag(infer.CacheF16, infer.CacheInt8, infer.CacheF32),
			cmdline.ThreadsFlag(),
		}, adapterFlags(), keyFlags(), watchFlags(), models.HubFlags()),
		Subcommands: []*cli.Command{keyCommand()},
		Action:      serveModels,
	}
}

// defaultCacheMB is the memory for the KV caches of a model.
const defaultCacheMB = 2048

func serveModels(c *cli.Context) error {
	if !c.Args().Present() {
		return cmdline.Usagef("MODEL is missing: trit serve MODEL")
	}
	host, _, err := net.SplitHostPort(c.String("addr"))
	if err != nil {
		return cmdline.Usagef("--addr is %q: want HOST:PORT, such as 127.0.0.1:8080", c.String("addr"))
	}
	if !isLoopback(host) && !c.Bool("open") && !c.IsSet("keys") {
		return cmdline.Usagef("--addr %s can be reached from other machines: "+
			"give --keys FILE, or --open if everybody there may use the models", c.String("addr"))
	}
	log := slog.New(slog.NewTextHandler(c.App.ErrWriter, nil))
	running := &engines{loaded: map[string]*engine.Engine{}}
	var s *serve.Server
	t, err := newTelemetry(c, log, running.stats, func(r *http.Request) string { return s.Pattern(r) })
	if err != nil {
		return err
	}
	defer closeTelemetry(t, log)
	list, remove, err := modelFiles(c, c.Args().Slice()...)
	defer remove()
	if err != nil {
		return err
	}
	set, err := loaded.New(list, loaded.Options{
		Memory: int64(c.Int("memory")) << 20, Idle: c.Duration("idle"), Load: running.load(loader(c)),
		Log: func(line string) { log.Info(line) },
	})
	if err != nil {
		return err
	}
	defer set.Close()
	all, err := withAdapters(c, set)
	if err != nil {
		return err
	}
	g, done, err := newGuard(c, log)
	if err != nil {
		return err
	}
	defer done()
	handlers := t.Handlers()
	maps.Copy(handlers, openai.Adapters(all, guard.Models(all), c.String("adapters"), openai.Options{Log: log}))
	s = serve.New(serve.Options{
		Models: guard.Models(all), Log: log, Origins: c.StringSlice("origin"), Hosts: ownHosts(host),
		Layers: []serve.Layer{
			func(next http.Handler, _ serve.Fail) http.Handler { return t.Wrap(next) },
			func(next http.Handler, fail serve.Fail) http.Handler { return g.Wrap(next, fail) },
		},
		Handlers: handlers,
	})
	return listen(c, s, t)
}

// listen serves until the command ends.
func listen(c *cli.Context, s *serve.Server, t *telemetry.Telemetry) error {
	l, err := net.Listen("tcp", c.String("addr"))
	if err != nil {
		return fmt.Errorf("--addr: %w", err)
	}
	fmt.Fprintf(c.App.Writer, "http://%s\n", l.Addr())
	return s.Serve(c.Context, t.Listener(l))
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

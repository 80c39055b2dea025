// Package serving is the command trit serve and what belongs to it.
package serving

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/cmd/trit/models"
	"trit/infer"
	"trit/infer/engine"
	"trit/serve"
	"trit/serve/answer"
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
		ArgsUsage: models.ArgsUsage + "...",
		Description: cmdline.Examples("trit serve model.gguf", "trit serve models/ --addr 127.0.0.1:9000 --memory 8000",
			"trit serve --config serve.json"),
		Flags: slices.Concat(addressFlags(), []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "take flags from `FILE`, a JSON object with their names, and \"models\"; those of the line win"},
			models.ProfileFlag("take threads, sessions and memory limits for a `KIND` of machine (%s) unless other flags set them"),
			&cli.IntFlag{Name: "context", Usage: "most tokens `N` of a prompt and its answer (default: what the model was made for)"},
			&cli.IntFlag{Name: "cache-memory", Usage: "`MB` for the KV caches of a model, of answers and of kept prefixes", Value: defaultCacheMB},
			&cli.IntFlag{Name: "sessions", Usage: "compute at most `N` answers together", Value: engine.DefaultAnswers},
			&cli.IntFlag{Name: "queue", Usage: "let at most `N` requests wait; more are refused", Value: engine.DefaultQueueSize},
			&cli.IntFlag{Name: "memory", Usage: "`MB` for all models and their caches together; 0 is without limit"},
			cmdline.TimeFlag("idle", "unload a model that nobody has used for `TIME`; 0 keeps it", 0),
			prefixFlag(),
			&cli.StringSliceFlag{Name: "origin", Usage: "let scripts of the web page `URL` use the server (may be given several times)"},
			models.HeadFlag(), models.WeightsFlag(), models.ActivationsFlag(), models.CacheFlag(infer.CacheF16, infer.CacheInt8, infer.CacheF32),
			cmdline.ThreadsFlag(),
		}, adapterFlags(), keyFlags(), watchFlags(), models.HubFlags()),
		Subcommands: []*cli.Command{keyCommand()},
		Action:      serveModels,
	}
}

// defaultCacheMB is the memory for the KV caches of a model.
const defaultCacheMB = 2048

// cacheShare is the part of a profile's memory that is for the caches of a model.
const cacheShare = 4

// served are the models that the line or the file of flags names, after flags were set by that file and by the profile.
func served(c *cli.Context) ([]string, error) {
	names, err := cmdline.Config(c, "config", "models")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, cmdline.Usagef("MODEL is missing: trit serve MODEL")
	}
	if p, ok := models.ChosenProfile(c); ok {
		mb := p.Memory >> 20
		err = models.SetUnset(c, map[string]int{
			"threads": p.Threads, "sessions": p.Sessions, "memory": mb, "cache-memory": mb / cacheShare,
		})
	}
	return names, err
}

func serveModels(c *cli.Context) error {
	names, err := served(c)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(c.App.ErrWriter, nil))
	l, err := listen(c, log)
	if err != nil {
		return err
	}
	defer l.Close()
	g, done, err := newGuard(c, log)
	if err != nil {
		return err
	}
	defer done()
	running := &engines{loaded: map[string]*engine.Engine{}}
	var s *serve.Server
	t, err := newTelemetry(c, log, running.stats, func(r *http.Request) string { return s.Pattern(r) })
	if err != nil {
		return err
	}
	defer closeTelemetry(t, log)
	list, remove, err := modelFiles(c, names...)
	defer remove()
	if err != nil {
		return err
	}
	prefixes, err := newPrefixFiles(c, list, log)
	if err != nil {
		return err
	}
	set, err := newModels(c, list, running.load(prefixes.load(loader(c))), log)
	if err != nil {
		return err
	}
	defer set.Close()
	all, err := withAdapters(c, set)
	if err != nil {
		return err
	}
	handlers := t.Handlers()
	maps.Copy(handlers, prefixes.handlers())
	maps.Copy(handlers, openai.Adapters(all, guard.Models(all), c.String("adapters"), openai.Options{Log: log}))
	s = serve.New(serve.Options{
		Models: guard.Models(all), Log: log, Origins: c.StringSlice("origin"), Hosts: ownHosts(l.host), TLS: l.tls,
		Layers: layers(t, g), Handlers: handlers,
	})
	fmt.Fprintln(c.App.Writer, l.url())
	return s.Serve(c.Context, t.Listener(l))
}

// layers are what a request goes through before it comes to an API: first it is counted.
func layers(t *telemetry.Telemetry, g *guard.Guard) []serve.Layer {
	return []serve.Layer{
		func(next http.Handler, _ serve.Fail) http.Handler { return t.Wrap(next) },
		func(next http.Handler, fail serve.Fail) http.Handler { return g.Wrap(next, fail) },
	}
}

// newModels holds some models within the memory of the flags.
func newModels(c *cli.Context, list []answer.Info, load loadFunc, log *slog.Logger) (*loaded.Models, error) {
	cache := int64(c.Int("cache-memory")) << 20
	return loaded.New(list, loaded.Options{
		Memory: int64(c.Int("memory")) << 20, Cost: func(i answer.Info) int64 { return i.Bytes + cache },
		Idle: c.Duration("idle"), Load: load, Log: func(line string) { log.Info(line) },
	})
}

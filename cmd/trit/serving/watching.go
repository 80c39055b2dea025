package serving

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"trit/cmd/trit/cmdline"
	"trit/infer/engine"
	"trit/serve/answer"
	"trit/serve/telemetry"
	"trit/serve/telemetry/alert"
)

// watchFlags are the flags about who is told how the server does.
func watchFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "history", Usage: "keep the history of a day in `FILE`, over restarts (7 MB)"},
		&cli.StringSliceFlag{
			Name: "alert",
			Usage: "raise an alert by a `RULE`: memory>8GB, processor>90%, speed<10, errors>5% or latency>2s, " +
				"with \"for 5m\" and \"until LIMIT\" (may be given several times)",
		},
		&cli.StringFlag{Name: "alert-webhook", Usage: "send alerts to `URL`, as JSON"},
		&cli.StringFlag{Name: "trace-endpoint", Usage: "send traces to a collector of OpenTelemetry at `URL`, such as http://127.0.0.1:4318"},
		&cli.BoolFlag{Name: "access-log", Usage: "write a line for each request: sizes and times, no text"},
	}
}

// newTelemetry makes the telemetry that the flags ask for.
func newTelemetry(
	c *cli.Context, log *slog.Logger, engines func() []telemetry.Engine, route func(*http.Request) string,
) (*telemetry.Telemetry, error) {
	o := telemetry.Options{
		Log: log, History: c.String("history"), Webhook: c.String("alert-webhook"), Traces: c.String("trace-endpoint"),
		Engines: engines, Route: route,
	}
	if c.Bool("access-log") {
		o.Access = log
	}
	for _, text := range c.StringSlice("alert") {
		rule, err := alert.Parse(text)
		if err != nil {
			return nil, cmdline.Usagef("--alert: %v", err)
		}
		o.Rules = append(o.Rules, rule)
	}
	return telemetry.New(o)
}

// closeTime is how long the last traces may take.
const closeTime = 5 * time.Second

func closeTelemetry(t *telemetry.Telemetry, log *slog.Logger) {
	ctx, stop := context.WithTimeout(context.Background(), closeTime)
	defer stop()
	if err := t.Close(ctx); err != nil {
		log.Error("telemetry", "error", err)
	}
}

// engines are those of the models that are loaded.
type engines struct {
	mu     sync.Mutex
	loaded map[string]*engine.Engine // by the names of their models
}

// load makes a function that loads models tell of their engines.
func (e *engines) load(next loadFunc) loadFunc {
	return func(ctx context.Context, info answer.Info) (*answer.Model, io.Closer, error) {
		m, closer, err := next(ctx, info)
		if err != nil {
			return nil, nil, err
		}
		if of, ok := m.Generator.(*engine.Engine); ok {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.loaded[info.ID] = of
			closer = &leaving{closer, func() { e.remove(info.ID, of) }}
		}
		return m, closer, nil
	}
}

// remove forgets an engine, unless its model has been loaded again.
func (e *engines) remove(id string, of *engine.Engine) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.loaded[id] == of {
		delete(e.loaded, id)
	}
}

// leaving does something before it closes.
type leaving struct {
	io.Closer
	leave func()
}

// Close implements io.Closer.
func (l *leaving) Close() error {
	l.leave()
	return l.Closer.Close()
}

// stats are what the engines do now, by the names of their models.
func (e *engines) stats() []telemetry.Engine {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []telemetry.Engine
	for id, of := range e.loaded {
		s := of.Stats()
		list = append(list, telemetry.Engine{
			Model: id, Waiting: s.Waiting, Running: s.Running, ReservedBytes: s.ReservedBytes, KeptBytes: s.KeptBytes,
		})
	}
	slices.SortFunc(list, func(a, b telemetry.Engine) int { return strings.Compare(a.Model, b.Model) })
	return list
}

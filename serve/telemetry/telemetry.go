// Package telemetry watches a server: metrics for Prometheus, a history of a day, alerts, a page with
// charts, an access log and traces. It sees sizes, times and results, never what clients and models
// write.
package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"trit/serve/telemetry/alert"
	"trit/serve/telemetry/history"
	"trit/serve/telemetry/trace"
	"trit/setting"
)

// Options say what is watched, and who is told. What is left out is not done.
type Options struct {
	Log     *slog.Logger // for alerts and for what goes wrong; nil: slog.Default
	Access  *slog.Logger // gets a line for each request
	History string       // file of the last day; "": the history is in memory
	Rules   []alert.Rule
	Webhook string // address that gets alerts
	Traces  string // endpoint of OTLP over HTTP

	// Engines returns what the engines of the loaded models do now. It must be quick.
	Engines func() []Engine
	// Route returns the address of the server that a request is for, as a pattern of http.ServeMux,
	// "" for none: metrics name requests by it. There must not be many patterns.
	Route func(*http.Request) string
}

// Engine is what the engine of a model does now.
type Engine struct {
	Model            string
	Waiting, Running int // requests
	ReservedBytes    int // of KV caches of running answers
	KeptBytes        int // of KV caches of kept prefixes
}

// Telemetry watches a server. Its methods may be called at the same time.
type Telemetry struct {
	o        Options
	metrics  *metrics
	process  *process
	alerts   *alert.Watch
	webhook  *alert.Webhook // nil: none
	traces   *trace.Traces  // nil: none
	ring     *history.Ring
	open     connections
	stop     chan struct{}
	stopped  chan struct{}
	stopOnce sync.Once

	mu     sync.Mutex       // guards what follows
	now    history.Record   // the last seconds
	window []history.Record // the last minute, in pieces, before now
	minute history.Record   // the minute until now
}

// New begins to watch. The caller closes it.
func New(o Options) (*Telemetry, error) {
	t, err := newTelemetry(o)
	if err != nil {
		return nil, err
	}
	t.tick(time.Now())
	go t.run()
	return t, nil
}

// newTelemetry is New without the passing of time.
func newTelemetry(o Options) (t *Telemetry, err error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Engines == nil {
		o.Engines = func() []Engine { return nil }
	}
	t = &Telemetry{o: o, process: newProcess(), stop: make(chan struct{}), stopped: make(chan struct{})}
	t.metrics = newMetrics(t)
	if t.alerts, err = alert.New(o.Rules, t.tell); err != nil {
		return nil, wrong("Rules", err)
	}
	if t.ring, err = history.Open(o.History); err != nil {
		return nil, wrong("History", err)
	}
	if n := t.ring.Damaged(); n > 0 {
		o.Log.Warn("minutes of the history were damaged and are left out", "minutes", n, "file", o.History)
	}
	if err := t.beginSending(); err != nil {
		return nil, errors.Join(err, t.end(context.Background()))
	}
	return t, nil
}

// beginSending begins to send to those who are told.
func (t *Telemetry) beginSending() (err error) {
	if t.o.Webhook != "" {
		if t.webhook, err = alert.NewWebhook(alert.WebhookOptions{URL: t.o.Webhook, Log: t.o.Log}); err != nil {
			return wrong("Webhook", err)
		}
	}
	if t.o.Traces != "" {
		if t.traces, err = trace.New(t.o.Traces, trace.Options{Log: t.o.Log}); err != nil {
			return wrong("Traces", err)
		}
	}
	return nil
}

// wrong is the error of an option.
func wrong(option string, err error) error {
	field := "telemetry.Options." + option
	return &setting.Error{Field: field, Problem: "{" + field + "}", Err: err}
}

// tell says that an alert has begun or ended.
func (t *Telemetry) tell(a alert.Alert) {
	if a.State == alert.Raised {
		t.o.Log.Warn("alert raised", "rule", a.Rule, "value", a.Value())
	} else {
		t.o.Log.Info("alert ended", "rule", a.Rule, "worst", a.Value(), "lasted", a.Ended.Sub(a.Raised).Round(time.Second))
	}
	if t.webhook != nil {
		t.webhook.Send(a)
	}
}

// Close writes the minute that is not over, and sends the traces that are left for as long as ctx
// lasts.
func (t *Telemetry) Close(ctx context.Context) error {
	var err error
	t.stopOnce.Do(func() {
		close(t.stop)
		<-t.stopped
		err = t.end(ctx)
	})
	return err
}

func (t *Telemetry) end(ctx context.Context) error {
	t.mu.Lock()
	t.endPiece()
	minute := t.minute
	t.mu.Unlock()
	t.keep(minute)
	errs := []error{t.ring.Close()}
	if t.webhook != nil {
		t.webhook.Close()
	}
	if t.traces != nil {
		errs = append(errs, t.traces.Close(ctx))
	}
	return errors.Join(errs...)
}

// Package trace sends what requests took to a collector of OpenTelemetry: a span a request, with
// spans for waiting, reading the prompt, and writing.
package trace

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"trit/lm"
)

// Traces makes spans of requests and sends them in batches. When the collector is too slow, spans
// are dropped: requests never wait.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

// Options say what traces are called. Zero values are defaults.
type Options struct {
	Service string       // "": trit
	Log     *slog.Logger // for what could not be sent; nil: slog.Default
}

// New makes traces for an endpoint of OTLP over HTTP, such as http://127.0.0.1:4318. Without a path,
// its path is /v1/traces. The caller closes it.
func New(endpoint string, o Options) (*Traces, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q is no http:// or https:// address of a collector", endpoint)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	if o.Service == "" {
		o.Service = "trit"
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	// The library says in this one place that spans could not be sent.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.Log.Warn("traces", "error", err) }))
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(&exporter{address: u.String(), pause: time.Second}),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", o.Service))),
	)
	return &Traces{provider, provider.Tracer("trit")}, nil
}

// Close sends what is left, for as long as ctx lasts.
func (t *Traces) Close(ctx context.Context) error { return t.provider.Shutdown(ctx) }

// Request is the span of a request. Its methods may be called at the same time; those of nil do
// nothing.
type Request struct {
	ctx    context.Context
	tracer trace.Tracer
	span   trace.Span
}

// Begin begins the span of a request, as a part of the trace that its headers name, if they do. The
// nil Traces makes none.
func (t *Traces) Begin(r *http.Request, now time.Time) *Request {
	if t == nil {
		return nil
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(r.Header))
	ctx, span := t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(now))
	return &Request{ctx, t.tracer, span}
}

// Answer adds the spans of an answer that has just ended.
func (r *Request) Answer(model string, result *lm.GenerateResult, now time.Time) {
	if r == nil {
		return
	}
	r.span.SetAttributes(
		attribute.String("gen_ai.request.model", model),
		attribute.Int("gen_ai.usage.input_tokens", result.PromptTokens),
		attribute.Int("gen_ai.usage.output_tokens", len(result.Tokens)),
	)
	at := now.Add(-result.Queued - result.Prefill - result.Decode)
	for _, part := range []struct {
		name string
		took time.Duration
	}{{"queue", result.Queued}, {"prefill", result.Prefill}, {"decode", result.Decode}} {
		_, span := r.tracer.Start(r.ctx, part.name, trace.WithTimestamp(at))
		at = at.Add(part.took)
		span.End(trace.WithTimestamp(at))
	}
}

// End ends the span. The route is the pattern of the address that was asked, not what the client
// wrote.
func (r *Request) End(method, route string, status int, now time.Time) {
	if r == nil {
		return
	}
	r.span.SetName(method + " " + route)
	r.span.SetAttributes(
		attribute.String("http.request.method", method), attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status),
	)
	if status >= http.StatusInternalServerError {
		r.span.SetStatus(codes.Error, "")
	}
	r.span.End(trace.WithTimestamp(now))
}

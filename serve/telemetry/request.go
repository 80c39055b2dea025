package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"trit/serve/answer"
	"trit/serve/telemetry/trace"
	"trit/serve/wire"
)

// Wrap watches the requests that a handler answers. It should be around all layers that refuse some.
func (t *Telemetry) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		q := &request{t: t, span: t.traces.Begin(r, begin)}
		rec := &recorder{ResponseWriter: w}
		whole := false
		defer func() { q.end(r, rec, rec.result(r.Context(), whole), begin) }()
		next.ServeHTTP(rec, r.WithContext(answer.WithWatcher(r.Context(), q)))
		whole = true
	})
}

// recorder sees what is answered.
type recorder struct {
	http.ResponseWriter
	status int // 0: none yet
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// clientLeft stands for a status that nobody got. It is in no standard, but known from nginx.
const clientLeft = 499

// result is the status of a request that has ended; whole reports whether its handler returned.
func (r *recorder) result(ctx context.Context, whole bool) int {
	switch {
	case r.status != 0:
		return r.status
	case !whole: // the handler failed: a layer outside of this one will say so
		return http.StatusInternalServerError
	case ctx.Err() != nil:
		return clientLeft
	}
	return http.StatusOK
}

// request watches the answers to a request, of which there may be several. It implements
// answer.Watcher.
type request struct {
	t    *Telemetry
	span *trace.Request

	mu     sync.Mutex
	model  string
	tokens int
	failed bool
}

var _ answer.Watcher = (*request)(nil)

// Began implements answer.Watcher.
func (q *request) Began(model string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.model = model
}

// FirstToken implements answer.Watcher.
func (q *request) FirstToken(after time.Duration) {
	m := q.t.metrics
	m.firstToken.WithLabelValues(m.models.name(q.name())).Observe(after.Seconds())
	q.t.mu.Lock()
	defer q.t.mu.Unlock()
	q.t.now.FirstToken.Add(after.Seconds())
}

func (q *request) name() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.model
}

// Ended implements answer.Watcher.
func (q *request) Ended(r *answer.Result, err error) {
	m, model := q.t.metrics, q.name()
	if err != nil {
		m.answers.WithLabelValues(m.models.name(model), "error").Inc()
		_, hidden := wire.ErrorOf(err)
		q.mu.Lock()
		defer q.mu.Unlock()
		q.failed = q.failed || hidden && !errors.Is(err, context.Canceled)
		return
	}
	m.answer(model, r)
	q.span.Answer(model, &r.GenerateResult, time.Now())
	q.mu.Lock()
	q.tokens += len(r.Tokens)
	q.mu.Unlock()
	q.t.answered(r)
}

// answered adds an answer to the last seconds.
func (t *Telemetry) answered(r *answer.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.Answers++
	t.now.PromptTokens += uint64(r.PromptTokens)
	t.now.CachedTokens += uint64(r.CachedTokens)
	t.now.Drafted += uint64(r.Drafted)
	t.now.Accepted += uint64(r.Accepted)
	t.now.QueueTime.Add(r.Queued.Seconds())
	if n := len(r.Tokens); n > 0 {
		t.now.AnswerTokens += uint64(n)
		t.now.DecodeSeconds += r.Decode.Seconds()
		t.now.TokenTime.Add(r.Decode.Seconds() / float64(n))
	}
}

// end counts the request, and writes its line of the access log.
func (q *request) end(r *http.Request, rec *recorder, status int, begin time.Time) {
	now := time.Now()
	took, route := now.Sub(begin), other
	if q.t.o.Route != nil {
		route = pathOf(q.t.o.Route(r))
	}
	q.mu.Lock()
	model, tokens, failed := q.model, q.tokens, q.failed || status >= http.StatusInternalServerError
	q.mu.Unlock()
	q.t.metrics.request(route, status, took)
	q.t.requested(status, failed, took)
	method := methodOf(r)
	q.span.End(method, route, status, now)
	if q.t.o.Access != nil {
		q.t.o.Access.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("method", method),
			slog.String("path", clip(r.URL.Path)), slog.Int("status", status), slog.Int64("bytes", rec.bytes),
			slog.Float64("seconds", took.Seconds()), slog.String("model", model), slog.Int("tokens", tokens))
	}
}

// requested adds a request to the last seconds.
func (t *Telemetry) requested(status int, failed bool, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.Requests++
	if failed {
		t.now.Failed++
	}
	if status == http.StatusTooManyRequests {
		t.now.Refused++
	}
	t.now.RequestTime.Add(took.Seconds())
}

// maxPath is how much of a path, which a client chooses, is in a log line.
const maxPath = 200

func clip(path string) string {
	if len(path) <= maxPath {
		return path
	}
	return strings.ToValidUTF8(path[:maxPath], "") + "..."
}

// methodOf is the method of a request, or _OTHER, as OpenTelemetry has it, for a strange one.
func methodOf(r *http.Request) string {
	known := []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
		http.MethodConnect, http.MethodTrace,
	}
	if slices.Contains(known, r.Method) {
		return r.Method
	}
	return "_OTHER"
}

package telemetry

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"trit/serve/answer"
)

// metrics are those of Prometheus, in a registry of their own.
type metrics struct {
	registry *prometheus.Registry

	requests    *prometheus.CounterVec   // by path and code
	requestTime *prometheus.HistogramVec // by path

	// By model.
	answers                          *prometheus.CounterVec // and by finish
	queueTime, firstToken, tokenTime *prometheus.HistogramVec
	prompt, cached, written          *prometheus.CounterVec
	cacheHits, drafted, accepted     *prometheus.CounterVec

	batch prometheus.Histogram

	paths, models names
}

// Buckets in seconds.
var (
	requestBuckets = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
	firstBuckets   = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	tokenBuckets   = []float64{.001, .0025, .005, .01, .02, .03, .05, .075, .1, .15, .25, .5, 1}
)

func newMetrics(t *Telemetry) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.requests = m.counter("http_requests_total",
		"Requests that have ended; code 499: the client left before an answer.", "path", "code")
	m.requestTime = m.histogram("http_request_duration_seconds", "Whole time of a request.", requestBuckets, "path")
	m.answers = m.counter("answers_total", "Answers by why they ended; error: there is none.", "model", "finish")
	m.queueTime = m.histogram("queue_seconds",
		"Time for which an answer waited for memory and for others.", requestBuckets, "model")
	m.firstToken = m.histogram("time_to_first_token_seconds",
		"Time from a request to the first part of its answer.", firstBuckets, "model")
	m.tokenTime = m.histogram("time_per_output_token_seconds",
		"Time a token, on average over an answer, after its prompt was read.", tokenBuckets, "model")
	m.prompt = m.counter("prompt_tokens_total", "Tokens of prompts.", "model")
	m.cached = m.counter("cached_tokens_total",
		"Tokens of prompts that were computed for an earlier request.", "model")
	m.written = m.counter("answer_tokens_total", "Tokens of answers.", "model")
	m.cacheHits = m.counter("cache_hits_total",
		"Answers for which tokens of the prompt were computed before.", "model")
	m.drafted = m.counter("drafted_tokens_total", "Tokens that were proposed by prompt lookup.", "model")
	m.accepted = m.counter("accepted_tokens_total", "Proposed tokens that the model chose too.", "model")
	m.batch = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "trit_batch_size", Help: "Answers that are computed together, looked at each second in which there are any.",
		Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256},
	})
	m.registry.MustRegister(m.batch, &looker{t}, processCollector(), collectors.NewGoCollector())
	return m
}

func (m *metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "trit_" + name, Help: help}, labels)
	m.registry.MustRegister(c)
	return c
}

func (m *metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "trit_" + name, Help: help, Buckets: buckets}, labels)
	m.registry.MustRegister(h)
	return h
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// request counts a request.
func (m *metrics) request(path string, status int, took time.Duration) {
	path = m.paths.name(path)
	m.requests.WithLabelValues(path, strconv.Itoa(status)).Inc()
	m.requestTime.WithLabelValues(path).Observe(took.Seconds())
}

// answer counts an answer.
func (m *metrics) answer(model string, r *answer.Result) {
	model = m.models.name(model)
	m.answers.WithLabelValues(model, string(r.Finish)).Inc()
	m.queueTime.WithLabelValues(model).Observe(r.Queued.Seconds())
	m.prompt.WithLabelValues(model).Add(float64(r.PromptTokens))
	m.cached.WithLabelValues(model).Add(float64(r.CachedTokens))
	m.written.WithLabelValues(model).Add(float64(len(r.Tokens)))
	m.drafted.WithLabelValues(model).Add(float64(r.Drafted))
	m.accepted.WithLabelValues(model).Add(float64(r.Accepted))
	if r.CachedTokens > 0 {
		m.cacheHits.WithLabelValues(model).Inc()
	}
	if n := len(r.Tokens); n > 0 {
		m.tokenTime.WithLabelValues(model).Observe(r.Decode.Seconds() / float64(n))
	}
}

// maxNames bounds the values of a label, each of which takes memory for ever.
const maxNames = 200

// other is the label of what has no name of its own.
const other = "other"

// names are the values of a label. The zero value is ready.
type names struct {
	mu   sync.Mutex
	seen map[string]bool
}

// name is a value itself, or other if it is "" or one too many.
func (n *names) name(v string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.seen[v]:
		return v
	case v == "" || len(n.seen) >= maxNames:
		return other
	case n.seen == nil:
		n.seen = map[string]bool{}
	}
	n.seen[v] = true
	return v
}

// pathOf is the path of a pattern of http.ServeMux: GET /models/{id} is /models/{id}.
func pathOf(pattern string) string {
	if at := strings.IndexByte(pattern, '/'); at >= 0 && pattern != "/" {
		return pattern[at:]
	}
	return other
}

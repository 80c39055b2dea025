package trace

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"trit/lm"
)

// collector takes spans, after some failures.
type collector struct {
	mu       sync.Mutex
	failures []int // statuses of the first answers
	requests []exportRequest
	path     string
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.path = r.URL.Path
	if len(c.failures) > 0 {
		w.WriteHeader(c.failures[0])
		c.failures = c.failures[1:]
		return
	}
	var e exportRequest
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil || r.Header.Get("Content-Type") != "application/json" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.requests = append(c.requests, e)
}

// follow makes the spans of one request and sends them.
func follow(t *testing.T, c *collector, status int, log *bytes.Buffer) map[string]span {
	t.Helper()
	s := httptest.NewServer(c)
	defer s.Close()
	traces, err := New(s.URL, Options{Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions?secret=1", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	begin := time.Unix(1000, 0)
	request := traces.Begin(r, begin)
	end := begin.Add(10 * time.Second)
	request.Answer("m", &lm.GenerateResult{
		Tokens: []int32{1, 2}, PromptTokens: 7, Queued: time.Second, Prefill: 2 * time.Second, Decode: 4 * time.Second,
	}, end)
	request.End("POST", "/v1/chat/completions", status, end)
	if err := traces.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	spans := map[string]span{}
	for _, e := range c.requests {
		for _, s := range e.ResourceSpans[0].ScopeSpans[0].Spans {
			spans[s.Name] = s
		}
	}
	return spans
}

func TestSpans(t *testing.T) {
	c := &collector{failures: []int{http.StatusServiceUnavailable}}
	spans := follow(t, c, 500, new(bytes.Buffer))
	root := spans["POST /v1/chat/completions"]
	if len(spans) != 4 || c.path != "/v1/traces" {
		t.Fatalf("%d spans came to %s: %v", len(spans), c.path, spans)
	}
	if root.TraceID != "0af7651916cd43dd8448eb211c80319c" || root.ParentID != "b7ad6b7169203331" || root.Kind != 2 || root.Status.Code != 2 {
		t.Errorf("the request is %+v", root)
	}
	for name, times := range map[string][2]string{
		"queue": {"1003000000000", "1004000000000"}, "prefill": {"1004000000000", "1006000000000"}, "decode": {"1006000000000", "1010000000000"},
	} {
		if s := spans[name]; s.Start != times[0] || s.End != times[1] || s.ParentID != root.SpanID || s.TraceID != root.TraceID {
			t.Errorf("%s is %+v", name, s)
		}
	}
	b, err := json.Marshal(c.requests[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"key":"service.name","value":{"stringValue":"trit"}}`, `{"key":"gen_ai.usage.input_tokens","value":{"intValue":"7"}}`,
		`{"key":"gen_ai.usage.output_tokens","value":{"intValue":"2"}}`, `{"key":"http.response.status_code","value":{"intValue":"500"}}`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in %s", want, b)
		}
	}
	if strings.Contains(string(b), "secret") {
		t.Error("what follows the path is in a span")
	}
}

func TestFailureIsSaid(t *testing.T) {
	var log bytes.Buffer
	if spans := follow(t, &collector{failures: []int{400}}, 200, &log); len(spans) > 0 || !strings.Contains(log.String(), "400") {
		t.Errorf("%d spans came, the log is %q", len(spans), log.String())
	}
}

func TestNoTraces(t *testing.T) {
	var none *Traces
	r := none.Begin(httptest.NewRequest(http.MethodGet, "/", nil), time.Now())
	r.Answer("m", &lm.GenerateResult{}, time.Now())
	r.End("GET", "/", 200, time.Now())
	for _, bad := range []string{"", "127.0.0.1:4318", "grpc://x:4317"} {
		if _, err := New(bad, Options{}); err == nil {
			t.Errorf("%q is taken as an endpoint", bad)
		}
	}
}

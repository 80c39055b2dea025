package telemetry

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/telemetry/alert"
	"trit/serve/telemetry/history"
	"trit/tokenizer"
)

// scripted is a model whose answers are what its result says.
type scripted struct {
	result lm.GenerateResult
	err    error
}

func (s *scripted) Generate(_ context.Context, _ lm.GenerateRequest, on func(lm.Delta)) (lm.GenerateResult, error) {
	if s.err != nil {
		return lm.GenerateResult{}, s.err
	}
	on(lm.Delta{Text: "a secret answer", Tokens: []int32{1}})
	return s.result, nil
}

func newModel(t *testing.T, s *scripted) *answer.Model {
	t.Helper()
	tok, err := tokenizer.Train(func(yield func(string, error) bool) { yield("some words", nil) }, tokenizer.TrainOptions{VocabSize: 260})
	if err != nil {
		t.Fatal(err)
	}
	return &answer.Model{Info: answer.Info{ID: "small"}, Tokenizer: tok, Generator: s, Context: 500}
}

// whole is a result with all its parts.
var whole = lm.GenerateResult{
	Tokens: make([]int32, 10), FinishReason: lm.FinishStop, PromptTokens: 100, CachedTokens: 40, Queued: time.Second,
	Prefill: 2 * time.Second, Decode: 500 * time.Millisecond, Drafted: 6, Accepted: 4,
}

// question asks a model to go on.
func question(m *answer.Model) answer.Request {
	s, err := m.Encode(context.Background(), "prompt", answer.Prompt{IDs: []int32{1}})
	if err != nil {
		panic(err)
	}
	return answer.Request{Prompt: s}
}

// asks gives two answers of a model at /ask, and does at other addresses what their names say.
func asks(m *answer.Model) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ask", func(w http.ResponseWriter, r *http.Request) {
		for range 2 {
			if _, err := answer.Ask(r.Context(), m, question(m), nil); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
		}
		io.WriteString(w, "a secret answer")
	})
	mux.HandleFunc("GET /models/{id}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /refuse", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) })
	mux.HandleFunc("GET /fail", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			panic(err)
		}
		answer.Ask(r.Context(), m, question(m), nil)
	})
	return mux
}

func watched(t *testing.T, o Options, s *scripted) (*Telemetry, func(method, path string) *httptest.ResponseRecorder) {
	t.Helper()
	mux := asks(newModel(t, s)).(*http.ServeMux)
	o.Route = func(r *http.Request) string {
		_, pattern := mux.Handler(r)
		return pattern
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	tel, err := newTelemetry(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tel.end(context.Background()) })
	h := tel.Wrap(mux)
	return tel, func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		defer func() { recover() }() // as the server does
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
}

func TestMetricsMove(t *testing.T) {
	engines := []Engine{{Model: "small", Waiting: 3, Running: 2, ReservedBytes: 100, KeptBytes: 50}}
	tel, ask := watched(t, Options{Engines: func() []Engine { return engines }}, &scripted{result: whole})
	ask("POST", "/ask?prompt=secret")
	ask("GET", "/models/a")
	ask("GET", "/models/b")
	ask("GET", "/refuse")
	ask("GET", "/fail")
	ask("GET", "/strange/1")
	ask("GET", "/strange/2")
	left, leave := context.WithCancel(context.Background())
	leave()
	tel.Wrap(asks(nil)).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(left, "GET", "/models/c", nil))
	tel.tick(time.Unix(6000, 0))
	want := `
# HELP trit_http_requests_total Requests that have ended; code 499: the client left before an answer.
# TYPE trit_http_requests_total counter
trit_http_requests_total{code="200",path="/ask"} 1
trit_http_requests_total{code="200",path="/models/{id}"} 2
trit_http_requests_total{code="499",path="/models/{id}"} 1
trit_http_requests_total{code="429",path="/refuse"} 1
trit_http_requests_total{code="500",path="/fail"} 1
trit_http_requests_total{code="404",path="other"} 2
# HELP trit_answers_total Answers by why they ended; error: there is none.
# TYPE trit_answers_total counter
trit_answers_total{finish="stop",model="small"} 2
# HELP trit_prompt_tokens_total Tokens of prompts.
# TYPE trit_prompt_tokens_total counter
trit_prompt_tokens_total{model="small"} 200
# HELP trit_cached_tokens_total Tokens of prompts that were computed for an earlier request.
# TYPE trit_cached_tokens_total counter
trit_cached_tokens_total{model="small"} 80
# HELP trit_answer_tokens_total Tokens of answers.
# TYPE trit_answer_tokens_total counter
trit_answer_tokens_total{model="small"} 20
# HELP trit_cache_hits_total Answers for which tokens of the prompt were computed before.
# TYPE trit_cache_hits_total counter
trit_cache_hits_total{model="small"} 2
# HELP trit_drafted_tokens_total Tokens that were proposed by prompt lookup.
# TYPE trit_drafted_tokens_total counter
trit_drafted_tokens_total{model="small"} 12
# HELP trit_accepted_tokens_total Proposed tokens that the model chose too.
# TYPE trit_accepted_tokens_total counter
trit_accepted_tokens_total{model="small"} 8
# HELP trit_requests_waiting Requests in the queue of a model.
# TYPE trit_requests_waiting gauge
trit_requests_waiting{model="small"} 3
# HELP trit_requests_running Requests that are being answered.
# TYPE trit_requests_running gauge
trit_requests_running{model="small"} 2
# HELP trit_cache_bytes KV caches: reserved for running answers, and kept for later ones.
# TYPE trit_cache_bytes gauge
trit_cache_bytes{model="small",use="kept"} 50
trit_cache_bytes{model="small",use="reserved"} 100
# HELP trit_batch_size Answers that are computed together, looked at each second in which there are any.
# TYPE trit_batch_size histogram
trit_batch_size_bucket{le="1"} 0
trit_batch_size_bucket{le="2"} 1
trit_batch_size_bucket{le="4"} 1
trit_batch_size_bucket{le="8"} 1
trit_batch_size_bucket{le="16"} 1
trit_batch_size_bucket{le="32"} 1
trit_batch_size_bucket{le="64"} 1
trit_batch_size_bucket{le="128"} 1
trit_batch_size_bucket{le="256"} 1
trit_batch_size_bucket{le="+Inf"} 1
trit_batch_size_sum 2
trit_batch_size_count 1
`
	var names []string
	for _, m := range regexp.MustCompile(`# TYPE (\S+)`).FindAllStringSubmatch(want, -1) {
		names = append(names, m[1])
	}
	if err := testutil.GatherAndCompare(tel.metrics.registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
	text := get(t, tel, "/metrics").Body.String()
	for _, want := range []string{
		`trit_http_request_duration_seconds_count{path="/models/{id}"} 3`,
		`trit_time_to_first_token_seconds_count{model="small"} 2`, `trit_queue_seconds_sum{model="small"} 2`,
		`trit_time_per_output_token_seconds_bucket{model="small",le="0.05"} 2`,
		`trit_time_per_output_token_seconds_bucket{model="small",le="0.03"} 0`,
		"trit_process_resident_memory_bytes", "trit_process_cpu_seconds_total", "go_goroutines",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in the metrics", want)
		}
	}
	if strings.Contains(text, "strange") || strings.Contains(text, "secret") {
		t.Error("the metrics hold what a client chose")
	}
	if problems, err := testutil.GatherAndLint(tel.metrics.registry); err != nil || len(problems) > 0 {
		t.Errorf("the names are not as they should be: %v %v", problems, err)
	}
}

// get asks one of the handlers.
func get(t *testing.T, tel *Telemetry, address string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, h := range tel.Handlers() {
		mux.Handle(pattern, h)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, nil))
	return w
}

func TestLabelsAreBounded(t *testing.T) {
	var n names
	for i := range 2 * maxNames {
		n.name(fmt.Sprint(i))
	}
	if n.name("0") != "0" || n.name(fmt.Sprint(2*maxNames-1)) != other || n.name("") != other || len(n.seen) != maxNames {
		t.Errorf("there are %d names", len(n.seen))
	}
}

// TestFailuresInside are answers that fail after the status was sent.
func TestFailuresInside(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		failed uint64
	}{
		"a fault":      {errors.New("the model broke"), 1},
		"client left":  {context.Canceled, 0},
		"its own":      {&lm.LengthError{}, 0},
		"many waiting": {&lm.BusyError{}, 0},
	} {
		tel, ask := watched(t, Options{}, &scripted{err: c.err})
		ask("GET", "/stream")
		if tel.now.Requests != 1 || tel.now.Failed != c.failed || tel.now.Answers != 0 {
			t.Errorf("%s: %d of %d failed", name, tel.now.Failed, tel.now.Requests)
		}
		if got := testutil.ToFloat64(tel.metrics.answers.WithLabelValues("small", "error")); got != 1 {
			t.Errorf("%s: counted %v times", name, got)
		}
	}
}

func TestAccessLog(t *testing.T) {
	var log bytes.Buffer
	_, ask := watched(t, Options{Access: slog.New(slog.NewJSONHandler(&log, nil))}, &scripted{result: whole})
	ask("POST", "/ask?prompt=secret")
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, log.String())
	}
	for key, want := range map[string]any{
		"method": "POST", "path": "/ask", "status": 200., "bytes": 15., "model": "small", "tokens": 20.,
	} {
		if line[key] != want {
			t.Errorf("%s is %v, want %v", key, line[key], want)
		}
	}
	log.Reset()
	ask("STRANGE", "/"+strings.Repeat("long", 1000))
	if log.Len() > 500 || strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), `"method":"_OTHER"`) {
		t.Errorf("the line is %s", log.String())
	}
}

// clockwork passes time second by second.
func clockwork(tel *Telemetry, from int64, seconds int, each func()) int64 {
	for i := range seconds {
		if each != nil {
			each()
		}
		tel.tick(time.Unix(from+int64(i), 0))
	}
	return from + int64(seconds)
}

// TestAlertsOfRequests lets requests fail for some minutes.
func TestAlertsOfRequests(t *testing.T) {
	var sent []alert.Alert
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var a alert.Alert
		json.NewDecoder(r.Body).Decode(&a)
		sent = append(sent, a)
	}))
	defer hook.Close()
	var rules []alert.Rule
	for _, text := range []string{"errors>50% for 1m", "latency>10s", "speed<15", "memory>1MB for 0s", "processor>99% for 1h"} {
		r, err := alert.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, r)
	}
	var log bytes.Buffer
	s := &scripted{result: whole}
	tel, ask := watched(t, Options{Rules: rules, Webhook: hook.URL, Log: slog.New(slog.NewTextHandler(&log, nil))}, s)
	active := func() (list []string) {
		var l alert.Lists
		if err := json.Unmarshal(get(t, tel, "/alerts").Body.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		for _, a := range l.Active {
			list = append(list, string(a.Metric))
		}
		return list
	}
	now := clockwork(tel, 6000, 60, func() { ask("POST", "/ask") })
	if got := fmt.Sprint(active()); got != "[memory]" {
		t.Errorf("after a good minute %s", got)
	}
	s.err = errors.New("broken")
	now = clockwork(tel, now, 60, func() { ask("POST", "/ask") })
	if got := fmt.Sprint(active()); got != "[memory]" {
		t.Errorf("after a bad minute, half of which is in the last one: %s", got)
	}
	now = clockwork(tel, now, 60, func() { ask("POST", "/ask") })
	if got := fmt.Sprint(active()); got != "[errors memory]" {
		t.Errorf("after two bad minutes %s", got)
	}
	s.err, s.result.Decode = nil, time.Second // 10 tokens a second
	clockwork(tel, now, 180, func() { ask("POST", "/ask") })
	if got := fmt.Sprint(active()); got != "[speed memory]" {
		t.Errorf("after slow minutes %s", got)
	}
	tel.webhook.Close()
	hook.Close() // waits for its handlers
	if len(sent) == 0 || sent[0].Metric != alert.Memory {
		t.Errorf("the webhook has %+v", sent)
	}
	if l := log.String(); !strings.Contains(l, "alert raised") || !strings.Contains(l, "alert ended") {
		t.Errorf("the log is %s", l)
	}
}

// TestHistoryOfRequests keeps minutes, and goes on after a restart in one.
func TestHistoryOfRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	begin := time.Now().Unix()/60*60 - 300
	o := Options{History: path, Engines: func() []Engine { return []Engine{{Model: "small", Running: 2, KeptBytes: gib}} }}
	tel, ask := watched(t, o, &scripted{result: whole})
	clockwork(tel, begin, 90, func() { ask("POST", "/ask") })
	tel.end(context.Background())
	tel, ask = watched(t, o, &scripted{result: whole})
	clockwork(tel, begin+90, 40, func() { ask("GET", "/refuse") })
	w := get(t, tel, "/history?from=1h&format=csv")
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 4 || w.Header().Get("Content-Type") != "text/csv; charset=utf-8" {
		t.Fatalf("%d rows of %s: %v", len(rows), w.Header(), err)
	}
	// The request of a second comes before the clock moves to the second's piece of time.
	for i, want := range []map[string]string{
		{"requests": "61", "answers": "122", "answer_tokens": "1220", "refused": "0", "running_peak": "2", "cache_bytes_mean": "1073741824"},
		{"requests": "60", "answers": "58", "refused": "31", "tokens_per_second": "20"},
		{"requests": "9", "answers": "0", "refused": "9", "tokens_per_second": ""},
	} {
		for name, value := range want {
			for column, head := range rows[0] {
				if head == name && rows[i+1][column] != value {
					t.Errorf("minute %d: %s is %s, want %s", i, name, rows[i+1][column], value)
				}
			}
		}
	}
	var objects []map[string]any
	if err := json.Unmarshal(get(t, tel, "/history?step=1h").Body.Bytes(), &objects); err != nil {
		t.Fatal(err)
	}
	sum := 0.
	for _, object := range objects {
		sum += object["requests"].(float64)
	}
	if sum != 130 || len(objects) > 2 {
		t.Errorf("%d hours with %v requests", len(objects), sum)
	}
}

func TestHistoryRefuses(t *testing.T) {
	tel, _ := watched(t, Options{}, &scripted{})
	for query, field := range map[string]string{
		"from=yesterday": "from", "from=-5m": "from", "to=": "to", "from=99999999999999": "from", "step=30s": "step", "step=90s": "step",
		"step=0": "step", "step=25h": "step", "format=xml": "format", "until=1h": "until", "from=1h&to=2h": "from",
	} {
		w := get(t, tel, "/history?"+query)
		var e struct {
			Error struct{ Field, Message string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || w.Code != http.StatusBadRequest || e.Error.Field != field {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
	for _, query := range []string{"", "from=2026-01-31T12:00:00Z&to=2026-01-31T12:00:01Z", "from=0", "from=3000-01-01T00:00:00Z&to=3000-01-02T00:00:00Z"} {
		if w := get(t, tel, "/history?"+query); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != "[]" {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

func TestDashboard(t *testing.T) {
	rules := []alert.Rule{{Metric: alert.Memory, Limit: 1}}
	tel, ask := watched(t, Options{Rules: rules}, &scripted{result: whole})
	begin := time.Now().Unix()/60*60 - 600
	clockwork(tel, begin, 130, func() { ask("POST", "/ask") })
	clockwork(tel, begin+300, 130, func() { ask("POST", "/ask") })
	for _, address := range []string{"/dashboard", "/dashboard?hours=24"} {
		w := get(t, tel, address)
		text := w.Body.String()
		policy := w.Header().Get("Content-Security-Policy")
		for _, element := range []string{"script", "style"} {
			if hash := hashOf(text, element); strings.Count(text, "<"+element) != 1 || !strings.Contains(policy, "'"+hash+"'") {
				t.Errorf("the %s of the page is not that of its policy, %s", element, policy)
			}
		}
		if !strings.HasPrefix(policy, "default-src 'none'; script-src 'sha256-") || strings.Count(policy, "unsafe") != 1 {
			t.Errorf("the policy is %s", policy)
		}
		if found := regexp.MustCompile(`(?i)https?:|//[a-z0-9.-]+\.[a-z]|@import|url\(`).FindString(text); found != "" {
			t.Errorf("%s leads elsewhere: %s", address, found)
		}
		for _, want := range []string{"memory&gt;", "Tokens a second", "class=\"mark\"", "95 % within", "20 tokens/s"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s is not in %s", want, address)
			}
		}
		if got := strings.Count(text, `data-name="written"`); got != 1 {
			t.Errorf("a curve over a gap has %d names", got)
		}
	}
	if w := get(t, tel, "/dashboard?hours=25"); w.Code != http.StatusBadRequest {
		t.Errorf("25 hours: %d", w.Code)
	}
}

func TestGapsAreNotDrawn(t *testing.T) {
	got := curves([]history.Record{{Time: 60}, {Time: 120}, {Time: 300}}, time.Unix(360, 0), line{"x", func(*history.Record) float64 { return 1 }}, 3)
	if len(got) != 2 || len(got[0].Points) != 2 || got[1].Points[0].X != -1 || got[1].Name != "" || got[1].Color != 3 {
		t.Errorf("drawn is %+v", got)
	}
}

func TestConnectionsAreCounted(t *testing.T) {
	tel, _ := watched(t, Options{}, &scripted{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l = tel.Listener(l)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if n := tel.open.n.Load(); n != 1 {
		t.Errorf("%d are open, want 1", n)
	}
	c.Close()
	c.Close()
	if n := tel.open.n.Load(); n != 0 {
		t.Errorf("%d are open, want 0", n)
	}
}

// TestLife begins and ends one as a server does.
func TestLife(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	for range 2 {
		tel, err := New(Options{History: path})
		if err != nil {
			t.Fatal(err)
		}
		tel.Wrap(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
		for range 2 {
			if err := tel.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	ring, err := history.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	var n uint64
	for _, r := range ring.Between(time.Now().Add(-time.Hour), time.Now().Add(time.Minute)) {
		n += r.Requests
	}
	if n != 2 {
		t.Errorf("%d requests are in the history, want 2", n)
	}
	for name, o := range map[string]Options{
		"Options.Rules": {Rules: []alert.Rule{{}}}, "Options.Traces": {Traces: "here"}, "Options.Webhook": {Webhook: "there"},
		"Options.History": {History: filepath.Join(path, "no", "folder")},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package alert

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestRulesParse(t *testing.T) {
	for text, want := range map[string]Rule{
		"memory>8GB":                     {Memory, 8e9, 0, time.Minute},
		"memory > 1.5GiB for 5m":         {Memory, 1.5 * (1 << 30), 0, 5 * time.Minute},
		"processor>90% until 80%":        {Processor, .9, .8, time.Minute},
		"speed<10 until 12 for 30s":      {Speed, 10, 12, 30 * time.Second},
		"errors>5% for 0s":               {Errors, .05, 0, 0},
		"latency>1.5s until 1s for 1m0s": {Latency, 1.5, 1, time.Minute},
	} {
		got, err := Parse(text)
		if err != nil || math.Abs(got.Limit/want.Limit-1) > 1e-12 || got.Metric != want.Metric || got.End != want.End || got.For != want.For {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
		if again, err := Parse(got.String()); err != nil || again.String() != got.String() {
			t.Errorf("%s is written as %s: %v", text, got, err)
		}
	}
	for text, why := range map[string]string{
		"":                        "is no alert",
		"memory>8GB for":          "is no alert",
		"heat>5":                  "memory, processor, speed, errors, latency",
		"memory<8GB":              "memory>LIMIT",
		"speed>5":                 "speed<LIMIT",
		"memory>lots":             "no number",
		"errors>5":                "such as 90%",
		"latency>5":               "missing unit",
		"latency>5s when 3s":      "want for or until",
		"memory>8GB until 9GB":    "good side",
		"speed<10 until 5":        "good side",
		"memory>0GB":              "more than 0",
		"memory>NaNGB":            "more than 0",
		"memory>InfGB":            "more than 0",
		"processor>100%":          "never passed",
		"latency>1s for -5m":      "0 or more",
		"latency>1s until -500ms": "good side",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", text, err, why)
		}
	}
}

// step is a value at a time, and what it causes.
type step struct {
	second int
	value  float64
	want   string // "raised", "ended" or ""
}

func TestAlertsRaiseAndEnd(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		rule  string
		steps []step
	}{
		"for a minute": {"memory>10 until 8", []step{{0, 11, ""}, {50, 12, ""}, {60, 11, "raised"}, {70, 20, ""}, {80, 5, ""}, {130, 5, ""}, {140, 5, "ended"}}},
		"a short peak": {"memory>10 until 8", []step{{0, 11, ""}, {50, 10, ""}, {60, 11, ""}, {110, 11, ""}, {120, 11, "raised"}}},
		"neither bad nor good": {"memory>10 until 8 for 10s", []step{
			{0, 11, ""}, {10, 11, "raised"}, {20, 9, ""}, {40, 9, ""}, {50, 8, ""}, {55, 9, ""}, {60, 8, ""}, {69, 8, ""}, {70, 8, "ended"},
		}},
		"at once":      {"memory>10 for 0s", []step{{0, 10, ""}, {1, 11, "raised"}, {2, 9.5, ""}, {3, 9, "ended"}, {4, 11, "raised"}}},
		"low is bad":   {"speed<10 until 12 for 10s", []step{{0, 11, ""}, {10, 9, ""}, {20, 8, "raised"}, {30, 11, ""}, {40, 12, ""}, {50, 13, "ended"}}},
		"nothing asks": {"latency>1s for 10s", []step{{0, nan, ""}, {10, 2, ""}, {20, 2, "raised"}, {30, nan, ""}, {40, nan, "ended"}}},
	} {
		var got string
		rule, err := Parse(c.rule)
		if err != nil {
			t.Fatal(err)
		}
		w, err := New([]Rule{rule}, func(a Alert) {
			if got = string(a.State); a.Ended.IsZero() != (a.State == Raised) {
				t.Errorf("%s: %s, ended %s", name, a.State, a.Ended)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for _, s := range c.steps {
			got = ""
			w.Check(begin.Add(time.Duration(s.second)*time.Second), Values{rule.Metric: s.value})
			if got != s.want {
				t.Errorf("%s: %v at %d s: %q, want %q", name, s.value, s.second, got, s.want)
			}
		}
	}
}

func TestListsAreBounded(t *testing.T) {
	w, err := New([]Rule{{Metric: Memory, Limit: 10}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 2*maxPast + 1 {
		w.Check(now.Add(time.Duration(2*i)*time.Second), Values{Memory: float64(11 + i)})
		if i < 2*maxPast {
			w.Check(now.Add(time.Duration(2*i+1)*time.Second), Values{})
		}
	}
	l := w.Lists()
	if len(l.Active) != 1 || l.Active[0].Worst != 11+2*maxPast || len(l.Past) != maxPast || l.Past[0].Worst != 11+2*maxPast-1 {
		t.Errorf("active are %+v, %d past, the last %+v", l.Active, len(l.Past), l.Past[0])
	}
}

func TestWebhookTriesAgain(t *testing.T) {
	for name, c := range map[string]struct {
		statuses []int // of the answers, the last one for all further ones
		tries    int64
		log      string
	}{
		"at once":   {[]int{204}, 1, ""},
		"later":     {[]int{503, 429, 200}, 3, ""},
		"never":     {[]int{500}, 4, "500"},
		"not taken": {[]int{404}, 1, "404"},
	} {
		var tries atomic.Int64
		got := make(chan map[string]any, 10)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body map[string]any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Method != http.MethodPost {
				t.Errorf("%s: %v", r.Method, err)
			}
			n := tries.Add(1)
			w.WriteHeader(c.statuses[min(int(n), len(c.statuses))-1])
			got <- body
		}))
		var log bytes.Buffer
		w, err := NewWebhook(WebhookOptions{
			URL: s.URL + "/secret", Log: slog.New(slog.NewTextHandler(&log, nil)), Attempts: 4, Pause: time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.Send(Alert{State: Raised, Rule: "memory>8GB", Metric: Memory, Worst: 9e9, Raised: time.Unix(100, 0)})
		for range c.tries {
			if body := <-got; body["state"] != "raised" || body["rule"] != "memory>8GB" || body["worst"] != 9e9 {
				t.Errorf("%s: sent %v", name, body)
			}
		}
		w.Send(Alert{Rule: "the next"}) // the first has been given up or taken when it arrives
		if body := <-got; body["rule"] != "the next" {
			t.Errorf("%s: tried more than %d times", name, c.tries)
		}
		w.Close()
		s.Close()
		first, _, _ := strings.Cut(log.String(), `rule="the next"`) // which is given up at the end
		failed := strings.Contains(first, "rule=memory>8GB")
		if !strings.Contains(first, c.log) || failed != (c.log != "") || strings.Contains(log.String(), "secret") {
			t.Errorf("%s: the log is %q", name, log.String())
		}
	}
}

// TestWebhookEnds closes one whose other side never answers.
func TestWebhookEnds(t *testing.T) {
	asked, release := make(chan bool, 1), make(chan bool)
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- true
		<-release
	}))
	defer s.Close()
	defer close(release)
	w, err := NewWebhook(WebhookOptions{URL: s.URL, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w.Send(Alert{})
	<-asked
	for range 2 * waiting {
		w.Send(Alert{}) // never waits
	}
	w.Close()
	for _, bad := range []string{"", "ftp://x", "http://", "example.org"} {
		if _, err := NewWebhook(WebhookOptions{URL: bad}); err == nil {
			t.Errorf("%q is taken as an address", bad)
		}
	}
}

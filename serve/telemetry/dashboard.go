package telemetry

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"trit/internal/report"
	"trit/serve/telemetry/alert"
	"trit/serve/telemetry/history"
	"trit/serve/wire"
)

//go:embed dashboard.html
var pageFile embed.FS

var page = template.Must(report.Parts().ParseFS(pageFile, "dashboard.html"))

// policy is the Content-Security-Policy of the page: its own script and style run, known by their
// hashes, and nothing else. Charts place their labels by attributes, which are styles without a hash.
var policy = sync.OnceValue(func() string {
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, "dashboard.html", pageData{Refresh: refresh.Milliseconds()}); err != nil {
		panic(err) // the template is embedded above, and tested
	}
	return fmt.Sprintf("default-src 'none'; script-src '%s'; style-src-elem '%s'; style-src-attr 'unsafe-inline'; "+
		"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		hashOf(b.String(), "script"), hashOf(b.String(), "style"))
})

// hashOf is the hash of what an element of the page holds, in the form of a policy.
func hashOf(text, element string) string {
	_, text, _ = strings.Cut(text, "<"+element+">")
	text, _, _ = strings.Cut(text, "</"+element+">")
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// refresh is how often the page asks for itself again.
const refresh = 5 * time.Second

type pageData struct {
	Refresh        int64 // milliseconds
	RefreshSeconds int
	Hours          int
	Choices        []int
	Now            report.Table
	Alerts         alert.Lists
	Charts         []report.Chart
}

// serveDashboard writes the page.
func (t *Telemetry) serveDashboard(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	choices := []int{1, 6, 24}
	hours := choices[0]
	if text := r.URL.Query().Get("hours"); text != "" {
		var err error
		if hours, err = strconv.Atoi(text); err != nil || hours < 1 || hours > 24 {
			refuse(w, wire.Errorf(wire.InvalidInput, "hours", "want 1 to 24"))
			return
		}
	}
	records := t.records(now.Add(-time.Duration(hours)*time.Hour), now.Add(time.Second))
	p := pageData{
		Refresh: refresh.Milliseconds(), RefreshSeconds: int(refresh.Seconds()),
		Hours: hours, Choices: choices, Now: t.figures(), Alerts: t.alerts.Lists(),
	}
	p.Charts = charts(records, now, marks(p.Alerts, now))
	var b bytes.Buffer
	if err := page.ExecuteTemplate(&b, "dashboard.html", p); err != nil {
		t.o.Log.Error("the dashboard was not written", "error", err)
		refuse(w, wire.Errorf(wire.Internal, "", "the server failed: its log says why"))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", policy())
	_, _ = b.WriteTo(w) // the client has left: there is nobody to tell
}

// figures are the numbers of now.
func (t *Telemetry) figures() report.Table {
	t.mu.Lock()
	last, all := t.now, t.lastMinute()
	t.mu.Unlock()
	all.Merge(&last)
	f := func(format string, v float64) string {
		if math.IsNaN(v) {
			return "none"
		}
		return fmt.Sprintf(format, v)
	}
	return report.Table{Head: []string{"", "last minute"}, Rows: [][]string{
		{"requests", strconv.FormatUint(all.Requests, 10)},
		{"of them failed", strconv.FormatUint(all.Failed, 10)},
		{"running, most", f("%.0f", all.Running.Highest())},
		{"waiting, most", f("%.0f", all.Waiting.Highest())},
		{"time to the first token, 95 % within", f("%.3g s", all.FirstToken.Percentile(.95))},
		{"speed of an answer", f("%.3g tokens/s", all.Speed())},
		{"prompts that were known", f("%.1f %%", 100*all.CachedShare())},
		{"drafted tokens that were right", f("%.1f %%", 100*all.AcceptedShare())},
		{"memory, most", f("%.2f GiB", all.Memory.Highest())},
		{"of it KV caches", f("%.2f GiB", all.Cache.Highest())},
		{"processors", f("%.1f of "+strconv.Itoa(runtime.GOMAXPROCS(0)), all.Processor.Mean())},
		{"connections, most", f("%.0f", all.Connections.Highest())},
	}}
}

// marks are the times at which alerts began.
func marks(l alert.Lists, now time.Time) (list []report.Mark) {
	for _, alerts := range [][]alert.Alert{l.Active, l.Past} {
		for _, a := range alerts {
			list = append(list, report.Mark{X: a.Raised.Sub(now).Minutes(), Text: a.Rule})
		}
	}
	return list
}

// line is a curve of a chart: a number of each minute.
type line struct {
	name  string
	value func(*history.Record) float64
}

// charts draws minutes; now is 0 on their axes.
func charts(records []history.Record, now time.Time, marks []report.Mark) (list []report.Chart) {
	for _, c := range []struct {
		title string
		lines []line
	}{
		{"Tokens a second, all answers together", []line{
			{"written", perSecond(func(r *history.Record) uint64 { return r.AnswerTokens })},
			{"read", perSecond(func(r *history.Record) uint64 { return r.PromptTokens - min(r.CachedTokens, r.PromptTokens) })},
		}},
		{"Requests a second", []line{
			{"all", perSecond(func(r *history.Record) uint64 { return r.Requests })},
			{"refused", perSecond(func(r *history.Record) uint64 { return r.Refused })},
			{"failed", perSecond(func(r *history.Record) uint64 { return r.Failed })},
		}},
		{"Time to the first token, s", percentiles(1, func(r *history.Record) *history.Dist { return &r.FirstToken })},
		{"Time a token, ms", percentiles(1000, func(r *history.Record) *history.Dist { return &r.TokenTime })},
		{"Time of a request, s", percentiles(1, func(r *history.Record) *history.Dist { return &r.RequestTime })},
		{"Waiting for others, s", percentiles(1, func(r *history.Record) *history.Dist { return &r.QueueTime })},
		{"Requests together", []line{
			{"running", func(r *history.Record) float64 { return r.Running.Mean() }},
			{"running, most", func(r *history.Record) float64 { return r.Running.Highest() }},
			{"waiting, most", func(r *history.Record) float64 { return r.Waiting.Highest() }},
		}},
		{"Known before, and drafted right, %", []line{
			{"tokens of prompts", func(r *history.Record) float64 { return 100 * r.CachedShare() }},
			{"drafted tokens", func(r *history.Record) float64 { return 100 * r.AcceptedShare() }},
		}},
		{"Memory, GiB", []line{
			{"all", func(r *history.Record) float64 { return r.Memory.Highest() }},
			{"KV caches", func(r *history.Record) float64 { return r.Cache.Highest() }},
		}},
		{"Processors", []line{
			{"average", func(r *history.Record) float64 { return r.Processor.Mean() }},
			{"most", func(r *history.Record) float64 { return r.Processor.Highest() }},
		}},
		{"Connections", []line{{"most", func(r *history.Record) float64 { return r.Connections.Highest() }}}},
	} {
		chart := report.Chart{Title: c.title, Axis: "minutes from now:", Marks: marks}
		for i, l := range c.lines {
			chart.Curves = append(chart.Curves, curves(records, now, l, i)...)
		}
		list = append(list, chart)
	}
	return list
}

// perSecond is a count, a second in which the server was looked at: of the first and the last minute
// these are few.
func perSecond(of func(*history.Record) uint64) func(*history.Record) float64 {
	return func(r *history.Record) float64 { return float64(of(r)) / float64(r.Running.Count) }
}

func percentiles(unit float64, of func(*history.Record) *history.Dist) []line {
	return []line{
		{"half within", func(r *history.Record) float64 { return unit * of(r).Percentile(.5) }},
		{"95 % within", func(r *history.Record) float64 { return unit * of(r).Percentile(.95) }},
		{"most", func(r *history.Record) float64 { return unit * of(r).Highest() }},
	}
}

// curves draws a line, and does not draw it over minutes that are not there: no number was measured
// in them. Only the first piece is in the legend.
func curves(records []history.Record, now time.Time, l line, color int) (list []report.Curve) {
	var last int64
	for i := range records {
		r := &records[i]
		v := l.value(r)
		if math.IsNaN(v) {
			continue
		}
		if len(list) == 0 || r.Time != last+60 {
			list = append(list, report.Curve{Color: color})
		}
		last = r.Time
		c := &list[len(list)-1]
		c.Points = append(c.Points, report.Point{X: time.Unix(r.Time, 0).Sub(now).Minutes(), Y: v})
	}
	if len(list) > 0 {
		list[0].Name = l.name
	}
	return list
}

package telemetry

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"time"

	"trit/serve/telemetry/history"
	"trit/serve/wire"
)

// Handlers are the addresses at which a server shows what was seen, by their patterns for
// http.ServeMux: GET /metrics, /history, /alerts and /dashboard.
func (t *Telemetry) Handlers() map[string]http.Handler {
	return map[string]http.Handler{
		"GET /metrics": t.metrics.handler(), "GET /history": http.HandlerFunc(t.serveHistory),
		"GET /alerts": http.HandlerFunc(t.serveAlerts), "GET /dashboard": http.HandlerFunc(t.serveDashboard),
	}
}

func (t *Telemetry) serveAlerts(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	wire.WriteJSON(w, http.StatusOK, t.alerts.Lists())
}

// serveHistory exports the history.
func (t *Telemetry) serveHistory(w http.ResponseWriter, r *http.Request) {
	q, refused := parseQuery(r.URL.Query(), time.Now())
	if refused != nil {
		refuse(w, refused)
		return
	}
	records := history.Steps(t.records(q.from, q.to), q.step)
	write, kind := history.WriteJSON, "application/json"
	if q.csv {
		write, kind = history.WriteCSV, "text/csv; charset=utf-8"
		w.Header().Set("Content-Disposition", `attachment; filename="history.csv"`)
	}
	var b bytes.Buffer
	if err := write(&b, records); err != nil {
		t.o.Log.Error("the history was not exported", "error", err)
		refuse(w, wire.Errorf(wire.Internal, "", "the server failed: its log says why"))
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	_, _ = b.WriteTo(w) // the client has left: there is nobody to tell
}

func refuse(w http.ResponseWriter, e *wire.Error) {
	wire.WriteJSON(w, e.Status(), map[string]any{
		"error": map[string]string{"code": string(e.Code), "field": e.Field, "message": e.Error()},
	})
}

// query is what of the history is asked for.
type query struct {
	from, to time.Time
	step     time.Duration
	csv      bool
}

// parseQuery reads from, to, step and format. Without them all minutes are asked for, as JSON.
func parseQuery(values map[string][]string, now time.Time) (q query, refused *wire.Error) {
	q = query{from: now.Add(-history.Minutes * time.Minute), to: now.Add(time.Second), step: time.Minute}
	for name, list := range values {
		ok, want := false, ""
		switch text := list[0]; name {
		case "from":
			q.from, ok = parseTime(text, now)
			want = wantTime
		case "to":
			q.to, ok = parseTime(text, now)
			want = wantTime
		case "step":
			var err error
			q.step, err = time.ParseDuration(text)
			ok = err == nil && q.step >= time.Minute && q.step <= 24*time.Hour && q.step%time.Minute == 0
			want = "whole minutes up to 24h, such as 5m"
		case "format":
			q.csv, ok = text == "csv", text == "csv" || text == "json"
			want = "json or csv"
		default:
			return q, wire.Errorf(wire.Unsupported, name, "is not supported: there are from, to, step and format")
		}
		if !ok {
			return q, wire.Errorf(wire.InvalidInput, name, "want %s", want)
		}
	}
	if !q.from.Before(q.to) {
		return q, wire.Errorf(wire.InvalidInput, "from", "is not before to")
	}
	return q, nil
}

const wantTime = "such as 2026-01-31T12:00:00Z, seconds since 1970, or 2h for two hours ago"

// parseTime reads a time in one of three forms.
func parseTime(text string, now time.Time) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339, strings.ReplaceAll(text, " ", "+")); err == nil { // + in a query is a space
		return at, true
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), true
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 || seconds > maxUnix {
		return time.Time{}, false
	}
	return time.Unix(seconds, 0), true
}

// maxUnix is the last second of the year 9999.
const maxUnix = 253402300799

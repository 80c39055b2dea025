package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trit/cmd/trit/cmdline"
	"trit/train/runlog"
	"trit/watch"
)

// runFolder makes the folder of a run that has taken a step.
func runFolder(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	logLine(t, dir, `{"event":"step","step":7,"tokens":700,"loss":2.5,"lr":0.1}`)
	return dir
}

func logLine(t *testing.T, dir, line string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, runlog.LogFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(line + "\n"); err != nil {
		t.Fatal(err)
	}
}

func TestWatchUsage(t *testing.T) {
	run := runFolder(t, "run")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, cmdline.ExitUsage, "RUN is missing"},
		{[]string{run, "--follow"}, cmdline.ExitUsage, "--tensorboard"},
		{[]string{run, "--every", "1ms"}, cmdline.ExitUsage, "100ms"},
		{[]string{run, "--axis", "hours"}, cmdline.ExitUsage, "tokens"},
		{[]string{"nothing"}, cmdline.ExitFailed, "metrics.jsonl"},
		{[]string{run, "--addr", "nowhere:x"}, cmdline.ExitFailed, "--addr"},
		{[]string{run, "--html", filepath.Join(run, "no", "such.html")}, cmdline.ExitFailed, "no"},
	} {
		code, _, stderr := trit(append([]string{"watch"}, c.args...)...)
		if code != c.code || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("trit watch %v: exit code %d and %q, want %d and %q in one line", c.args, code, stderr, c.code, c.want)
		}
	}
}

func TestWatchWritesFilesAndEnds(t *testing.T) {
	a, b, out := runFolder(t, "a"), runFolder(t, "b"), t.TempDir()
	html, logs := filepath.Join(out, "report.html"), filepath.Join(out, "logs")
	for range 2 { // a report is made again, which --force allows
		if code, _, stderr := trit("watch", a, b, "--html", html, "--force", "--tensorboard", logs); code != cmdline.ExitOK {
			t.Fatal(stderr)
		}
	}
	page, err := os.ReadFile(html)
	if err != nil || !strings.Contains(string(page), "<title>a, b</title>") || strings.Contains(string(page), "setInterval") {
		t.Errorf("report: %v, %.200s", err, page)
	}
	for _, name := range []string{"a", "b"} {
		if files, _ := filepath.Glob(filepath.Join(logs, name, "events.out.tfevents.*")); len(files) != 2 {
			t.Errorf("event files of %s: %v, want one for each time", name, files)
		}
	}
	if code, _, stderr := trit("watch", a, "--tensorboard", filepath.Join(out, "single")); code != cmdline.ExitOK {
		t.Fatal(stderr)
	}
	if files, _ := filepath.Glob(filepath.Join(out, "single", "events.out.tfevents.*")); len(files) != 1 {
		t.Errorf("event files of a single run: %v, want one", files)
	}
}

func TestWatchServesWhatTheRunHasNow(t *testing.T) {
	dir := runFolder(t, "run")
	w := &watcher{dirs: []string{dir}, every: 2 * time.Second, axis: watch.StepAxis}
	get := func() *httptest.ResponseRecorder {
		r := httptest.NewRecorder()
		w.ServeHTTP(r, httptest.NewRequest("GET", "/", nil))
		return r
	}
	if r := get(); r.Code != 200 || !strings.Contains(r.Body.String(), "<td>7</td>") || !strings.Contains(r.Body.String(), "},  2000 )") {
		t.Errorf("status %d: want step 7 and a page that asks again after 2000 ms", r.Code)
	}
	logLine(t, dir, `{"event":"step","step":8,"tokens":800,"loss":2.4}`)
	if r := get(); !strings.Contains(r.Body.String(), "<td>8</td>") {
		t.Error("the page does not have the new step")
	}
	logLine(t, dir, "broken")
	if r := get(); r.Code != 500 || !strings.Contains(r.Body.String(), "line 3") {
		t.Errorf("a log that cannot be read: status %d, %s", r.Code, r.Body)
	}
}

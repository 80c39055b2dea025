package batch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var paths = []string{"/v1/chat/completions", "/v1/embeddings"}

// requests writes a file of n requests.
func requests(t *testing.T, n int) (in, out string) {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"custom_id":"r%d","method":"POST","url":"/v1/chat/completions","body":{"n":%d}}`+"\n", i, i)
	}
	in = filepath.Join(dir, "in.jsonl")
	if err := os.WriteFile(in, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return in, filepath.Join(dir, "out.jsonl")
}

// answers reads the answers of a file, by id. Each may be there once.
func answers(t *testing.T, out string) map[string]result {
	t.Helper()
	all := map[string]result{}
	err := each(out, func(n int, text []byte) error {
		var r result
		if err := json.Unmarshal(text, &r); err != nil {
			return err
		}
		if _, twice := all[r.CustomID]; twice {
			t.Errorf("line %d answers %s again", n, r.CustomID)
		}
		all[r.CustomID] = r
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// echo answers with the body. Every seventh request is an error, and every fifth finds it busy once.
type echo struct {
	asked atomic.Int64
	busy  sync.Map
	after func(asked int64) // nil: nothing happens
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	var body struct{ N int }
	json.Unmarshal(b, &body)
	if _, was := e.busy.LoadOrStore(body.N, true); !was && body.N%5 == 0 {
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	if e.after != nil {
		e.after(e.asked.Add(1))
	}
	if body.N%7 == 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	w.Write(b)
}

func TestRun(t *testing.T) {
	in, out := requests(t, 30)
	s, err := Run(t.Context(), in, out, Options{Handler: &echo{}, Paths: paths, Workers: 4})
	if err != nil || s != (Summary{30, 0, 5}) {
		t.Fatalf("%+v, %v", s, err)
	}
	all := answers(t, out)
	for i := range 30 {
		want := http.StatusOK
		if i%7 == 0 {
			want = http.StatusBadRequest
		}
		r := all[fmt.Sprintf("r%d", i)]
		if r.Response == nil || r.Response.StatusCode != want || string(r.Response.Body) != fmt.Sprintf(`{"n":%d}`, i) {
			t.Errorf("answer %d is %+v", i, r.Response)
		}
	}
	s, err = Run(t.Context(), in, out, Options{Handler: http.NotFoundHandler(), Paths: paths})
	if err != nil || s.Before != 30 || len(answers(t, out)) != 30 {
		t.Errorf("a second run: %+v, %v", s, err)
	}
}

// TestStoppedRunsGoOn stops a run again and again, and cuts its last line as a kill would.
func TestStoppedRunsGoOn(t *testing.T) {
	in, out := requests(t, 60)
	stops := 0
	for ; ; stops++ {
		ctx, stop := context.WithCancel(t.Context())
		h := &echo{after: func(n int64) {
			if n == 9 {
				stop()
			}
		}}
		_, err := Run(ctx, in, out, Options{Handler: h, Paths: paths, Workers: 3})
		stop()
		if err == nil {
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		f, _ := os.OpenFile(out, os.O_APPEND|os.O_WRONLY, 0)
		f.WriteString(`{"id":"batch_req_half of a line","custom_id":"r`)
		f.Close()
	}
	if all := answers(t, out); len(all) != 60 || stops < 5 {
		t.Errorf("%d answers after %d stops", len(all), stops)
	}
}

func TestRunRefuses(t *testing.T) {
	const good = `{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{}}`
	for text, want := range map[string]string{
		"": "holds no requests", "x": "line 1: is no request", good + "\n\n" + good: `line 3: the custom_id "a" is there twice`,
		strings.Replace(good, `"a"`, `""`, 1): "custom_id is missing", strings.Replace(good, "POST", "GET", 1): "want POST",
		strings.Replace(good, "embeddings", "files", 1): "want one of /v1/chat", strings.Replace(good, "{}", "1", 1): "body is no JSON object",
		strings.Replace(good, "{}", `{"stream":true}`, 1): "asks for a stream", strings.Replace(good, "method", "verb", 1): "unknown field",
		strings.Replace(good, "{}", `"`+strings.Repeat("x", maxLine)+`"`, 1): "more than 16 MB",
	} {
		in, out := requests(t, 0)
		os.WriteFile(in, []byte(text), 0o644)
		_, err := Run(t.Context(), in, out, Options{Handler: &echo{}, Paths: paths})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), in) {
			t.Errorf("%.60s: error %v, want %q in it", text, err, want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%.60s: a file of answers was made", text)
		}
	}
	for text, want := range map[string]string{
		"hello\n": "is no answer of a batch", "hello": "its last line is no answer", `{"id":"x","custom_id":"r1"}`: "its last line is no answer",
		`{"custom_id":"r99"}` + "\n": "does not ask", `{"x":1}` + "\n": "is no answer",
	} {
		in, out := requests(t, 3)
		os.WriteFile(out, []byte(text), 0o644)
		_, err := Run(t.Context(), in, out, Options{Handler: &echo{}, Paths: paths})
		if b, _ := os.ReadFile(out); err == nil || !strings.Contains(err.Error(), want) || !bytes.Equal(b, []byte(text)) {
			t.Errorf("%q: error %v, want %q in it; the file is %q", text, err, want, b)
		}
	}
	if _, err := Run(t.Context(), "nowhere", "out", Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := parse(b, paths); err == nil && (l.CustomID == "" || !json.Valid(l.Body)) {
			t.Errorf("%+v", l)
		}
	})
}

// Package batch answers files of requests, in the form of OpenAI's batches: a line of JSON with a
// custom_id, an address and a body for each request, and one for each answer.
package batch

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say how a batch is answered.
type Options struct {
	Handler http.Handler // answers the requests
	Paths   []string     // addresses that requests may have, such as /v1/chat/completions
	Workers int          // requests at a time, at least 1
	// Progress is called after each answer; nil: nobody is told.
	Progress func(done, total int)
}

// Summary counts the requests of a batch.
type Summary struct {
	Total  int // of the file
	Before int // that an earlier run has answered
	Failed int // that were answered with an error, of this run
}

// line is a request of the file.
type line struct {
	CustomID string          `json:"custom_id"`
	Method   string          `json:"method"`
	URL      string          `json:"url"`
	Body     json.RawMessage `json:"body"`
}

// result is an answer in the file of answers.
type result struct {
	ID       string    `json:"id"`
	CustomID string    `json:"custom_id"`
	Response *response `json:"response"`
	Error    *failure  `json:"error"`
}

type response struct {
	StatusCode int             `json:"status_code"`
	RequestID  string          `json:"request_id"`
	Body       json.RawMessage `json:"body"`
}

type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// maxLine is the most bytes of a line.
const maxLine = 16 << 20

// Run answers the requests of the file in, and appends the answers to the file out as they come,
// each as one line. If out holds answers of an earlier run that was stopped, it goes on with the
// rest: no request is answered twice, and none is left out. It looks at the whole file before it
// begins: a line that is no request is an error that names it, and nothing is answered then. When
// ctx ends, Run stops; answers that are under way are dropped and asked for again by the next run.
func Run(ctx context.Context, in, out string, o Options) (Summary, error) {
	ids, err := check(in, o.Paths)
	if err != nil {
		return Summary{}, fmt.Errorf("%s: %w", in, err)
	}
	s := Summary{Total: len(ids)}
	done, err := answered(out, ids)
	if err != nil {
		return s, fmt.Errorf("%s: %w", out, err)
	}
	s.Before = len(done)
	f, err := os.OpenFile(out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return s, err
	}
	w := &writing{o: o, f: f, s: &s, count: len(done)}
	err = w.all(ctx, in, done)
	return s, errors.Join(err, f.Sync(), f.Close())
}

// each calls f with each line of a file that is not empty, and its number.
func each(path string, f func(n int, text []byte) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	for n := 1; lines.Scan(); n++ {
		if text := bytes.TrimSpace(lines.Bytes()); len(text) > 0 {
			if err := f(n, text); err != nil {
				return err
			}
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("a line has more than %d MB", maxLine>>20)
	}
	return lines.Err()
}

// check looks at all lines of a file of requests, and returns their ids.
func check(path string, paths []string) (ids map[string]bool, err error) {
	ids = map[string]bool{}
	err = each(path, func(n int, text []byte) error {
		l, err := parse(text, paths)
		if err == nil && ids[l.CustomID] {
			err = fmt.Errorf("the custom_id %q is there twice", l.CustomID)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		ids[l.CustomID] = true
		return nil
	})
	if err == nil && len(ids) == 0 {
		err = errors.New(`holds no requests: want lines such as ` +
			`{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {...}}`)
	}
	return ids, err
}

// parse reads the line of a request.
func parse(text []byte, paths []string) (l line, err error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return l, fmt.Errorf("is no request: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	var body struct {
		Stream bool `json:"stream"`
	}
	switch {
	case l.CustomID == "":
		return l, errors.New("custom_id is missing: it says which answer belongs to the request")
	case l.Method != http.MethodPost:
		return l, fmt.Errorf("method is %q: want POST", l.Method)
	case !slices.Contains(paths, l.URL):
		return l, fmt.Errorf("url is %q: want one of %s", l.URL, strings.Join(paths, ", "))
	case json.Unmarshal(l.Body, &body) != nil:
		return l, errors.New("body is no JSON object")
	case body.Stream:
		return l, errors.New("body asks for a stream: a batch has whole answers, leave stream out")
	}
	return l, nil
}

// answered returns the ids of the answers that a file holds. It cuts off a last line that is not
// whole: the run that wrote it was killed.
func answered(path string, ids map[string]bool) (done map[string]bool, err error) {
	done = map[string]bool{}
	if err := cutTail(path); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return done, nil
		}
		return nil, err
	}
	err = each(path, func(n int, text []byte) error {
		var r result
		switch {
		case json.Unmarshal(text, &r) != nil || r.CustomID == "":
			return fmt.Errorf("line %d is no answer of a batch: name another file", n)
		case !ids[r.CustomID]:
			return fmt.Errorf("line %d answers %q, which the batch does not ask: name another file", n, r.CustomID)
		}
		done[r.CustomID] = true
		return nil
	})
	return done, err
}

// answerStart is the beginning of each answer.
const answerStart = `{"id":"batch_req_`

// cutTail cuts off what is behind the last line break of a file, which must be the beginning of an answer.
func cutTail(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	stat, err := f.Stat()
	if err != nil {
		return err
	}
	end := stat.Size()
	for block := make([]byte, 1<<16); end > 0; {
		from := max(0, end-int64(len(block)))
		n, err := f.ReadAt(block[:end-from], from)
		if err != nil && err != io.EOF {
			return err
		}
		if at := bytes.LastIndexByte(block[:n], '\n'); at >= 0 {
			end = from + int64(at) + 1
			break
		}
		end = from
	}
	if end == stat.Size() {
		return nil
	}
	start := make([]byte, min(stat.Size()-end, int64(len(answerStart))))
	if _, err := f.ReadAt(start, end); err != nil {
		return err
	}
	if !strings.HasPrefix(answerStart, string(start)) {
		return errors.New("its last line is no answer of a batch: name another file")
	}
	return f.Truncate(end)
}

// writing is a run on its way.
type writing struct {
	o Options

	mu    sync.Mutex // guards what follows
	f     *os.File
	s     *Summary
	count int
	err   error
}

// all answers the requests that are not done.
func (w *writing) all(ctx context.Context, in string, done map[string]bool) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	lines := make(chan line)
	var workers sync.WaitGroup
	for range max(1, w.o.Workers) {
		workers.Go(func() {
			for l := range lines {
				if err := w.answer(ctx, l); err != nil {
					stop()
				}
			}
		})
	}
	err := each(in, func(_ int, text []byte) error {
		l, err := parse(text, w.o.Paths)
		if err != nil || done[l.CustomID] {
			return err
		}
		select {
		case lines <- l:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	close(lines)
	workers.Wait()
	if w.err != nil {
		return w.err
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// answer asks for one answer and writes it. A server that is busy is asked again.
func (w *writing) answer(ctx context.Context, l line) error {
	for {
		request, err := http.NewRequestWithContext(ctx, l.Method, l.URL, bytes.NewReader(l.Body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		r := &recorder{header: http.Header{}, code: http.StatusOK}
		w.o.Handler.ServeHTTP(r, request)
		if ctx.Err() != nil {
			return ctx.Err() // what it has is half an answer
		}
		if r.code != http.StatusTooManyRequests {
			return w.write(l, r)
		}
		select {
		case <-time.After(busyAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// busyAgain is when a busy server is asked again.
const busyAgain = 200 * time.Millisecond

// recorder keeps an answer in memory.
type recorder struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) { r.code = status }

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// write appends the line of an answer to the file.
func (w *writing) write(l line, r *recorder) error {
	id := rand.Text()
	a := result{ID: "batch_req_" + id, CustomID: l.CustomID, Response: &response{r.code, "req_" + id, r.body.Bytes()}}
	b, err := json.Marshal(a)
	if err != nil { // the body is no JSON
		a.Response, a.Error = nil, &failure{"internal_error", fmt.Sprintf("status %d: %.200s", r.code, r.body.Bytes())}
		if b, err = json.Marshal(a); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	if _, w.err = w.f.Write(append(b, '\n')); w.err != nil {
		return w.err
	}
	w.count++
	if r.code != http.StatusOK {
		w.s.Failed++
	}
	if w.o.Progress != nil {
		w.o.Progress(w.count, w.s.Total)
	}
	return nil
}

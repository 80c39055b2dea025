package openai

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"trit/lm"
)

// patient writes a text, if it has one, and then waits for the end of its context.
type patient struct {
	text    string
	started chan struct{} // gets a value for each answer that has begun
}

func (p patient) Generate(ctx context.Context, _ lm.GenerateRequest, on func(lm.Delta)) (lm.GenerateResult, error) {
	if p.text != "" {
		on(lm.Delta{Text: p.text, Tokens: []int32{1}})
	}
	p.started <- struct{}{}
	<-ctx.Done()
	return lm.GenerateResult{FinishReason: lm.FinishCancel}, nil
}

// ending is a context that ends with an error when done is closed.
type ending struct {
	context.Context
	done chan struct{}
	err  error
}

func (e ending) Done() <-chan struct{} { return e.done }

func (e ending) Err() error {
	select {
	case <-e.done:
		return e.err
	default:
		return nil
	}
}

// TestEndOfContext ends requests while they are answered: because the client has left, and because
// the server's time is over.
func TestEndOfContext(t *testing.T) {
	chat := `{"messages":[{"role":"user","content":"hi"}]`
	for _, c := range []struct {
		path, body, text string
		late             bool
		status           int
		want             string
	}{
		{"/v1/chat/completions", chat + `}`, "", false, 499, "client_closed_request"},
		{"/v1/chat/completions", chat + `}`, "", true, 408, `"code":"timeout"`},
		{"/v1/chat/completions", chat + `,"stream":true}`, "", true, 408, `"code":"timeout"`},
		{"/v1/chat/completions", chat + `,"stream":true}`, "Hi", true, 200, `data: {"error":{"message":"the answer took longer`},
		{"/v1/responses", `{"input":"hi","stream":true}`, "Hi", true, 200, "event: response.failed\ndata: "},
	} {
		_, m := newModel(t)
		p := patient{c.text, make(chan struct{}, 1)}
		m.Generator = p
		var log bytes.Buffer
		mux := http.NewServeMux()
		for pattern, h := range New(only{m}, Options{Log: slog.New(slog.NewTextHandler(&log, nil))}) {
			mux.Handle(pattern, h)
		}
		ctx := ending{t.Context(), make(chan struct{}), context.Canceled}
		if c.late {
			ctx.err = context.DeadlineExceeded
		}
		w := httptest.NewRecorder()
		go func() {
			<-p.started
			close(ctx.done)
		}()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "POST", c.path, strings.NewReader(c.body)))
		got := w.Body.String()
		if w.Code != c.status || !strings.Contains(got, c.want) || strings.Contains(got, "response.completed") || strings.Contains(got, "[DONE]") {
			t.Errorf("%s %s: %d %s, want %d %s", c.path, c.body, w.Code, got, c.status, c.want)
		}
		if log.Len() > 0 {
			t.Errorf("%s %s: logged as a fault: %s", c.path, c.body, &log)
		}
	}
}

// counter counts the answers that are asked for at once.
type counter struct{ now, most, all atomic.Int64 }

func (c *counter) Generate(context.Context, lm.GenerateRequest, func(lm.Delta)) (lm.GenerateResult, error) {
	n := c.now.Add(1)
	for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
	}
	c.all.Add(1)
	time.Sleep(time.Millisecond)
	c.now.Add(-1)
	return lm.GenerateResult{FinishReason: lm.FinishStop}, nil
}

// TestManyAnswers has a request that would fill the queue of an engine.
func TestManyAnswers(t *testing.T) {
	_, m := newModel(t)
	c := &counter{}
	m.Generator = c
	status, body := post(t, start(t, m)+"/v1/completions", `{"prompt":["a","b","c"],"n":100}`)
	if status != 200 || c.all.Load() != 300 || c.most.Load() > maxAtOnce || strings.Count(body, `"finish_reason":"stop"`) != 300 {
		t.Errorf("%d: %d answers, %d at once", status, c.all.Load(), c.most.Load())
	}
}

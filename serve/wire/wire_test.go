package wire

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"trit/lm"
	"trit/serve/answer"
)

func TestDecode(t *testing.T) {
	for body, want := range map[string]string{
		`{"name":"a","list":[1]}`:     "",
		`{"name":"a","user":{"x":1}}`: "", // ignored
		`{"other":1}`:                 "not_supported other: is not supported",
		`{"name":1}`:                  "invalid_input name: is a JSON number, which it must not be",
		`{"list":[1,"a"]}`:            "invalid_input list: is a JSON string, which it must not be",
		`{"own":1}`:                   "timeout own: too slow",
		`[]`:                          "invalid_input is a JSON array",
		``:                            "invalid_input the body is no JSON object",
		`{"name":`:                    "invalid_input the body is no JSON object",
		`{} 1`:                        "invalid_input ",
		strings.Repeat(`{"a":`, 99):   "request_too_large the body has more than 200 bytes",
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Body = http.MaxBytesReader(nil, r.Body, 200)
		var v struct {
			Name string `json:"name"`
			List []int  `json:"list"`
			Own  own    `json:"own"`
		}
		got := ""
		if err := Decode(r, &v, "user"); err != nil {
			e, _ := ErrorOf(err)
			got = string(e.Code) + " " + e.Error()
		}
		if !strings.HasPrefix(got, want) || want == "" && (got != "" || v.Name != "a") {
			t.Errorf("%.40s: %q, want %q", body, got, want)
		}
	}
}

// own reads itself, and fails with an error for clients.
type own struct{}

func (*own) UnmarshalJSON([]byte) error { return Errorf(Timeout, "own", "too slow") }

func TestErrorOf(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		want   string
		hidden bool
	}{
		{Errorf(NotAllowed, "model", "no"), 403, "model: no", false},
		{answer.Badf("n", "is %d", 0), 400, "n: is 0", false},
		{&answer.UnknownModelError{ID: "x", Known: []string{"a", "b"}}, 404, `model: there is no model "x": there are a, b`, false},
		{&lm.LengthError{Tokens: 9, Limit: 8, Of: "the context"}, 400, "the request has 9 tokens, and the context holds 8", false},
		{&lm.BusyError{Waiting: 2, RetryAfter: time.Minute}, 429, "2 requests wait already", false},
		{context.DeadlineExceeded, 408, "the answer took longer", false},
		{context.Canceled, 499, "the client has left", false},
		{errors.New("secret"), 500, "the server failed: its log says why", true},
	} {
		for _, err := range []error{c.err, fmt.Errorf("within: %w", c.err)} {
			e, hidden := ErrorOf(err)
			if e.Status() != c.status || !strings.HasPrefix(e.Error(), c.want) || hidden != c.hidden {
				t.Errorf("%v: %d %q, hidden %v", err, e.Status(), e, hidden)
			}
		}
	}
	for code := range statuses {
		if e := Errorf(code, "", ""); http.StatusText(e.Status()) == "" && e.Status() != statusClientLeft {
			t.Errorf("%s has the status %d", code, e.Status())
		}
	}
	w := httptest.NewRecorder()
	SetRetryAfter(w, &Error{RetryAfter: 1100 * time.Millisecond})
	if got := w.Header().Get("Retry-After"); got != "2" {
		t.Errorf("try again after %q, want 2", got)
	}
}

func TestStreams(t *testing.T) {
	events, lines := httptest.NewRecorder(), httptest.NewRecorder()
	s := NewEvents(events)
	send := func(s *Stream, name string, v any) {
		t.Helper()
		if err := s.Send(name, v); err != nil || s.Err() != nil {
			t.Error(err)
		}
	}
	send(s, "", map[string]string{"a": "<b>\n"})
	send(s, "end", 1)
	if err := s.Text("[DONE]"); err != nil {
		t.Error(err)
	}
	if got := events.Body.String(); got != "data: {\"a\":\"<b>\\n\"}\n\nevent: end\ndata: 1\n\ndata: [DONE]\n\n" || !events.Flushed {
		t.Errorf("events %q", got)
	}
	send(NewLines(lines), "", []int{1})
	if got := lines.Body.String(); got != "[1]\n" || lines.Header().Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("lines %q", got)
	}
	broken := NewEvents(gone{httptest.NewRecorder()})
	first, second := broken.Send("", 1), broken.Send("", 2)
	if first == nil || !errors.Is(second, first) || broken.Err() == nil {
		t.Errorf("to a client that has left: %v, then %v", first, second)
	}
	if e, hidden := ErrorOf(first); hidden || e.Code != ClientLeft {
		t.Errorf("a client that has left is %v (hidden: %t): the fault is not the server's", e, hidden)
	}
}

// gone is a client that has left.
type gone struct{ http.ResponseWriter }

func (gone) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

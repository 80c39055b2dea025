package openai

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
)

// chatServer answers chats with a body for each request, the last one again and again.
type chatServer struct {
	t      *testing.T
	status []int
	bodies []string
	got    []map[string]any
	keys   []string
}

func (s *chatServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q map[string]any
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.URL.Path != "/v1/chat/completions" || r.Method != http.MethodPost {
		s.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	n := min(len(s.got), len(s.bodies)-1)
	s.got, s.keys = append(s.got, q), append(s.keys, r.Header.Get("Authorization"))
	if s.status != nil {
		w.WriteHeader(s.status[n])
	}
	w.Write([]byte(s.bodies[n]))
}

func openJudge(t *testing.T, s *chatServer, path string) *Judge {
	t.Helper()
	s.t = t
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	j, err := NewJudge(h.URL+path, "judge-1")
	if err != nil {
		t.Fatal(err)
	}
	j.Sleep = func(context.Context, time.Duration) error { return nil }
	return j
}

const said = `{"choices":[{"index":0,"message":{"role":"assistant","content":"Grade: [[7]]"},"finish_reason":"stop"}],"usage":{}}`

func TestJudge(t *testing.T) {
	for _, path := range []string{"/v1", "/v1/", "/v1/chat/completions"} {
		s := &chatServer{status: []int{429, 500, 200}, bodies: []string{"", "", said}}
		j := openJudge(t, s, path)
		j.Key = "secret"
		text, err := j.Judge(t.Context(), "Be fair.", "Is it?")
		if err != nil || text != "Grade: [[7]]" || len(s.got) != 3 || s.keys[2] != "Bearer secret" {
			t.Fatalf("%q, %v after %d requests with %q", text, err, len(s.got), s.keys)
		}
		want := map[string]any{
			"model": "judge-1", "temperature": 0.0, "max_tokens": 2048.0, "n": 1.0,
			"messages": []any{map[string]any{"role": "system", "content": "Be fair."}, map[string]any{"role": "user", "content": "Is it?"}},
		}
		if !reflect.DeepEqual(s.got[2], want) {
			t.Errorf("the judge was sent %v, want %v", s.got[2], want)
		}
	}
	s := &chatServer{bodies: []string{said}}
	if _, err := openJudge(t, s, "/v1").Judge(t.Context(), "", "Is it?"); err != nil || len(s.got[0]["messages"].([]any)) != 1 || s.keys[0] != "" {
		t.Errorf("%v, sent %v with the key %q", err, s.got, s.keys)
	}
}

func TestJudgeRefused(t *testing.T) {
	for body, want := range map[string]string{
		`{"choices":[]}`: "has no text",
		`{"choices":[{"message":{"content":null}}]}`:      "has no text",
		`{"choices":[{"text":"x"}]}`:                      "has no text",
		`{"choices":`:                                     "is no answer of a chat",
		`{"choices":[{"message":{"content":["a","b"]}}]}`: "is no answer of a chat",
	} {
		s := &chatServer{bodies: []string{body}}
		if _, err := openJudge(t, s, "/v1").Judge(t.Context(), "", "x"); err == nil || !strings.Contains(err.Error(), want) || len(s.got) != 1 {
			t.Errorf("%s: %v after %d requests, want %q", body, err, len(s.got), want)
		}
	}
	for status, want := range map[int]string{400: "a judge needs a server with the chat API", 401: "wants a key", 404: `not "judge-1"`, 307: "redirects to"} {
		s := &chatServer{status: []int{status}, bodies: []string{`{"error":{"message":"no"}}`}}
		if _, err := openJudge(t, s, "/v1").Judge(t.Context(), "", "x"); err == nil || !strings.Contains(err.Error(), want) || len(s.got) != 1 {
			t.Errorf("%d: %v after %d requests, want %q", status, err, len(s.got), want)
		}
	}
	for _, address := range []string{"", "h/v1", "ftp://h", "http://u:p@h/v1", "http://h/v1?x=1"} {
		if _, err := NewJudge(address, "m"); err == nil {
			t.Errorf("%q is taken for an address", address)
		}
	}
}

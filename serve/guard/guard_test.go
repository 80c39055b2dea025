package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/wire"
)

// clock is a time that tests move.
type clock struct{ now time.Time }

func (c *clock) time() time.Time { return c.now }

func newClock() *clock { return &clock{time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)} }

// fail answers with status and code.
func fail(w http.ResponseWriter, _ *http.Request, e *wire.Error) {
	wire.SetRetryAfter(w, e)
	http.Error(w, string(e.Code), e.Status())
}

// keysOf writes a file of keys and returns the keys themselves.
func keysOf(t *testing.T, list ...Key) (path string, keys []string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "keys.json")
	for _, k := range list {
		key, err := AddKey(path, k)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	return path, keys
}

func open(t *testing.T, path string) *Keys {
	t.Helper()
	k, err := OpenKeys(path, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// ask sends a request with a key, and returns status and code.
func ask(h http.Handler, key string) (status int, code, retry string) {
	r := httptest.NewRequest("POST", "/v1/x", strings.NewReader("body"))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String()), w.Header().Get("Retry-After")
}

// use is a handler whose answers have 10 tokens and prompts 90.
var use = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
	answer.Used(r.Context(), "m", &answer.Result{Finish: answer.FinishStop, GenerateResult: lm.GenerateResult{Tokens: make([]int32, 10), PromptTokens: 90}})
})

func TestKeysAreLookedAt(t *testing.T) {
	path, keys := keysOf(t, Key{Name: "anna"}, Key{Name: "old", Until: "2027-01-30"}, Key{Name: "today", Until: "2027-01-31"})
	c := newClock()
	h := New(Options{Keys: open(t, path), Now: c.time}).Wrap(use, fail)
	for key, want := range map[string]int{keys[0]: 200, keys[1]: 401, keys[2]: 200, "": 401, "trit-x": 401} {
		if status, code, _ := ask(h, key); status != want {
			t.Errorf("key %q: %d %s, want %d", key, status, code, want)
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Api-Key", keys[0])
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 200 {
		t.Errorf("X-Api-Key: %d", w.Code)
	}
	r.Header.Del("X-Api-Key")
	r.Header.Set("Accept", "text/html")
	w = httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 401 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("a browser without a key: %d, %v", w.Code, w.Header())
	}
	r.SetBasicAuth("me", keys[0])
	w = httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 200 {
		t.Errorf("a browser with a key: %d", w.Code)
	}
	if b, _ := os.ReadFile(path); bytes.Contains(b, []byte(keys[0][len(keyBegin):])) {
		t.Error("the file holds a key itself")
	}
	if stat, _ := os.Stat(path); stat.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v", stat.Mode())
	}
	if err := RemoveKey(path, "anna"); err != nil {
		t.Fatal(err)
	}
	c.now = c.now.Add(time.Minute)
	if status, _, _ := ask(h, keys[0]); status != 401 {
		t.Errorf("a key that was removed: %d", status)
	}
	if err := RemoveKey(path, "anna"); err == nil || !strings.Contains(err.Error(), "holds no key anna") {
		t.Errorf("removed twice: %v", err)
	}
}

func TestPublicRequestsNeedNoKey(t *testing.T) {
	path, _ := keysOf(t, Key{Name: "a"})
	h := New(Options{Keys: open(t, path), Public: func(r *http.Request) bool { return r.URL.Path == "/v1/x" }}).Wrap(use, fail)
	if status, _, _ := ask(h, ""); status != 200 {
		t.Errorf("status %d", status)
	}
}

// TestLimits asks too much of each kind, and again when the minute has slid on.
func TestLimits(t *testing.T) {
	path, keys := keysOf(t, Key{Name: "r", RequestsPerMinute: 2}, Key{Name: "t", TokensPerMinute: 150}, Key{Name: "c", Concurrent: 1})
	c := newClock()
	g := New(Options{Keys: open(t, path), Now: c.time})
	h := g.Wrap(use, fail)
	for name, x := range map[string]struct {
		key     string
		allowed int
	}{"requests": {keys[0], 2}, "tokens": {keys[1], 2}} {
		for i := range x.allowed + 1 {
			status, code, retry := ask(h, x.key)
			if i < x.allowed && status != 200 || i == x.allowed && (status != 429 || code != "rate_limit_exceeded" || retry == "") {
				t.Errorf("%s, request %d: %d %s, retry after %s", name, i+1, status, code, retry)
			}
			c.now = c.now.Add(10 * time.Second)
		}
		c.now = c.now.Add(31 * time.Second) // the first one is over a minute old
		if status, code, _ := ask(h, x.key); status != 200 {
			t.Errorf("%s, a minute after the first: %d %s", name, status, code)
		}
		c.now = c.now.Add(time.Hour)
	}
	inner := 0
	h = g.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		inner, _, _ = ask(g.Wrap(use, fail), keys[2])
	}), fail)
	if status, _, _ := ask(h, keys[2]); status != 200 || inner != 429 {
		t.Errorf("%d, and %d beside it", status, inner)
	}
	if status, _, _ := ask(g.Wrap(use, fail), keys[2]); status != 200 {
		t.Errorf("after both: %d", status)
	}
}

// opening are models that tell which one is opened.
type opening func(id string)

func (opening) List() []answer.Info { return []answer.Info{{ID: "huge"}, {ID: "large"}, {ID: "small"}} }

func (opening) Loaded() []string { return []string{"small"} }

func (o opening) Open(_ context.Context, id string) (*answer.Model, func(), error) {
	o(id)
	return nil, func() {}, nil
}

func TestModelsOfAKey(t *testing.T) {
	path, keys := keysOf(t, Key{Name: "a", Models: []string{"small", "large"}}, Key{Name: "b"})
	opened := ""
	models := Models(opening(func(id string) { opened = id }))
	if loaded := answer.Loaded(models); len(loaded) != 1 {
		t.Errorf("%q are loaded, want small", loaded)
	}
	var id string
	var listed []string
	h := New(Options{Keys: open(t, path)}).Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		listed = nil
		for _, i := range answer.ListFor(r.Context(), models) {
			listed = append(listed, i.ID)
		}
		if _, _, err := models.Open(r.Context(), id); err != nil {
			e, _ := wire.ErrorOf(err)
			fail(w, r, e)
		}
	}), fail)
	for _, c := range []struct {
		key, id, want string
		status        int
	}{{keys[0], "large", "large", 200}, {keys[0], "", "small", 200}, {keys[0], "huge", "", 403}, {keys[1], "huge", "huge", 200}} {
		opened, id = "", c.id
		if status, _, _ := ask(h, c.key); status != c.status || opened != c.want {
			t.Errorf("%q: %d, %q was opened, want %d, %q", c.id, status, opened, c.status, c.want)
		}
		want := []string{"huge", "large", "small"}
		if c.key == keys[0] {
			want = want[1:]
		}
		if !slices.Equal(listed, want) {
			t.Errorf("a key lists %q, want %q", listed, want)
		}
	}
}

func TestAudit(t *testing.T) {
	path, keys := keysOf(t, Key{Name: "anna"})
	var log bytes.Buffer
	c := newClock()
	g := New(Options{Keys: open(t, path), Audit: NewAudit(&log, []byte("salt"), func(err error) { t.Error(err) }), Now: c.time})
	ask(g.Wrap(use, fail), keys[0])
	ask(g.Wrap(use, fail), "wrong")
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	var first, second entry
	if len(lines) != 2 || json.Unmarshal([]byte(lines[0]), &first) != nil || json.Unmarshal([]byte(lines[1]), &second) != nil {
		t.Fatalf("the log is %s", log.String())
	}
	if first.Status != 200 || first.Model != "m" || first.PromptTokens != 90 || first.AnswerTokens != 10 || first.Finish != "stop" || first.BytesIn != 4 {
		t.Errorf("%+v", first)
	}
	if second.Status != 401 || second.Code != "invalid_api_key" || second.Client == first.Client || second.BytesOut == 0 {
		t.Errorf("%+v", second)
	}
	if strings.Contains(log.String(), "anna") || strings.Contains(log.String(), keys[0]) || strings.Contains(log.String(), "192.0.2.1") {
		t.Errorf("the log tells who it was: %s", log.String())
	}
}

func TestKeyFilesRefused(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	good := fmt.Sprintf(`{"name":"a","sha256":"%s"}`, hash)
	for text, want := range map[string]string{
		`[]`: "no file of keys", `{"keys":[]} x`: "something after", `{"keys":[{"nam":"a"}]}`: "unknown field",
		`{"keys":[{"sha256":"` + hash + `"}]}`:                                  "name",
		`{"keys":[{"name":"a","sha256":"xy"}]}`:                                 "64 lower-case",
		`{"keys":[` + good + `,` + good + `]}`:                                  "twice",
		strings.Replace(`{"keys":[`+good+`]}`, `"a"`, `"a","until":"soon"`, 1):  "want a day",
		strings.Replace(`{"keys":[`+good+`]}`, `"a"`, `"a","concurrent":-1`, 1): "below 0",
		`{"keys":[` + strings.Repeat(good+",", maxKeys) + good + `]}`:           "want at most",
	} {
		if _, err := parseKeys([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: error %v, want %q in it", text, err, want)
		}
	}
	path, _ := keysOf(t, Key{Name: "a"})
	if _, err := AddKey(path, Key{Name: "a"}); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a name twice: %v", err)
	}
	os.WriteFile(path, []byte("{"), 0o600)
	if _, err := OpenKeys(path, nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a broken file: %v", err)
	}
}

// TestBrokenKeyFileKeepsTheOldKeys breaks the file of a running server.
func TestBrokenKeyFileKeepsTheOldKeys(t *testing.T) {
	path, keys := keysOf(t, Key{Name: "a"})
	var logged error
	k, err := OpenKeys(path, func(err error) { logged = err })
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(path, []byte("{"), 0o600)
	if k.find(keys[0], time.Now().Add(time.Hour)) == nil || logged == nil {
		t.Errorf("the key is gone, or nothing is said (%v)", logged)
	}
}

const rules = `
# a comment
input  block   (?i)drop +table
both   replace \b\d{4}-(\d{4})\b => ****-$1
output replace secret =>
output block   b{3,5}
`

func TestFilter(t *testing.T) {
	f, err := parseFilter([]byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Input("a 1234-5678 secret"); err != nil || got != "a ****-5678 secret" {
		t.Errorf("input: %q (%v)", got, err)
	}
	var e *wire.Error
	if _, err := f.Input("x DROP  TABLE y"); !errors.As(err, &e) || e.Code != wire.ContentFiltered {
		t.Errorf("a blocked input: %v", err)
	}
	whole := func(s string) (string, bool) {
		s = regexp.MustCompile(`\b\d{4}-(\d{4})\b`).ReplaceAllString(s, "****-$1")
		s = strings.ReplaceAll(s, "secret", "")
		return s, strings.Contains(s, "bbb")
	}
	r := rand.New(rand.NewPCG(1, 1))
	parts := []string{"1234-5678", "12345-6789", " ", "sec", "ret", "secret", "é", "b", "bb", "x", "4", "-", "\n", "9999-0000."}
	for range 3000 {
		text := ""
		for range r.IntN(12) {
			text += parts[r.IntN(len(parts))]
		}
		want, blocked := whole(text)
		got, err := "", error(nil)
		for out, rest := f.Output(), text; err == nil; {
			n := r.IntN(len(rest) + 1)
			var piece string
			if rest == "" {
				if piece, err = out.Finish(); err == nil {
					got += piece
				}
				break
			}
			piece, err = out.Write(rest[:n])
			got, rest = got+piece, rest[n:]
		}
		if blocked != (err != nil) || !blocked && got != want {
			t.Fatalf("%q becomes %q (%v), want %q, blocked %v", text, got, err, want, blocked)
		}
		if blocked && strings.Contains(got, "bbb") {
			t.Fatalf("%q: %q was given away", text, got)
		}
	}
}

func TestFiltersRefused(t *testing.T) {
	for text, want := range map[string]string{
		"input": "want input", "input stop x": "want input", "inside block x": "want input", "input block": "want input",
		"input block (": "line 1: error parsing", "both replace x": "=> TEXT", "output block a*b": "can match more than", "output block (a{33}){30}b{100}": "can match more",
		"input block a*": "matches nothing", "output block .{5000}": "error parsing", "# x\n\nboth block [": "line 3",
		strings.Repeat("input block x\n", maxRules+1): "at most",
	} {
		_, err := parseFilter([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %q in it", text, err, want)
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"name":"a","sha256":"` + strings.Repeat("ab", 32) + `","until":"2027-01-01","models":["x"]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		keys, err := parseKeys(b)
		for _, k := range keys {
			if err == nil && k.check() != nil {
				t.Error("a wrong key is taken")
			}
		}
	})
}

func FuzzFilter(f *testing.F) {
	f.Add([]byte(rules), "a 1234-5678 secret bbb")
	f.Fuzz(func(t *testing.T, b []byte, text string) {
		filter, err := parseFilter(b)
		if err != nil {
			return
		}
		filter.Input(text) //nolint:errcheck // it must end
		if filter.Output() == nil {
			return
		}
		one, two := filter.Output(), filter.Output()
		a, err := one.Write(text)
		if err == nil {
			var rest string
			rest, err = one.Finish()
			a += rest
		}
		c, err2 := "", error(nil)
		for i := 0; i < len(text) && err2 == nil; i++ {
			var piece string
			piece, err2 = two.Write(text[i : i+1])
			c += piece
		}
		if err2 == nil {
			var rest string
			rest, err2 = two.Finish()
			c += rest
		}
		if (err == nil) != (err2 == nil) || err == nil && a != c {
			t.Errorf("at once %q (%v), byte by byte %q (%v)", a, err, c, err2)
		}
	})
}

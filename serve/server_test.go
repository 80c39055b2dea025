package serve

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"trit/lm"
	"trit/serve/answer"
	"trit/tokenizer"
)

// slow is a model that writes a word now and then, until it is stopped.
type slow struct {
	words int
	pause time.Duration
	began chan struct{} // gets a value for each answer
	ended chan lm.FinishReason
}

func (s *slow) Generate(ctx context.Context, r lm.GenerateRequest, on func(lm.Delta)) (lm.GenerateResult, error) {
	s.began <- struct{}{}
	out := lm.GenerateResult{PromptTokens: len(r.Prompt), FinishReason: lm.FinishStop}
	for range s.words {
		select {
		case <-time.After(s.pause):
		case <-ctx.Done():
			out.FinishReason = lm.FinishCancel
			s.ended <- lm.FinishCancel
			return out, nil
		}
		on(lm.Delta{Text: "word ", Tokens: []int32{1}})
		out.Tokens = append(out.Tokens, 1)
	}
	s.ended <- lm.FinishStop
	return out, nil
}

type only struct{ m *answer.Model }

func (o only) List() []answer.Info { return []answer.Info{o.m.Info} }

func (o only) Open(context.Context, string) (*answer.Model, func(), error) {
	if o.m.ID == "broken" {
		panic("it is broken")
	}
	return o.m, func() {}, nil
}

func newModel(t *testing.T, s *slow) *answer.Model {
	t.Helper()
	tok, err := tokenizer.Train(func(yield func(string, error) bool) {
		yield("some words to learn from, some words to learn from", nil)
	}, tokenizer.TrainOptions{VocabSize: 262})
	if err != nil {
		t.Fatal(err)
	}
	return &answer.Model{Info: answer.Info{ID: "slow"}, Tokenizer: tok, Generator: s, Context: 500}
}

// start serves on a port of this machine. end ends the server and returns what Serve does.
func start(t *testing.T, o Options) (addr string, end func() error) {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- New(o).Serve(ctx, l) }()
	end = sync.OnceValue(func() error { stop(); return <-ended })
	t.Cleanup(func() { end() })
	return l.Addr().String(), end
}

func quick(t *testing.T) *answer.Model {
	return newModel(t, &slow{words: 2, began: make(chan struct{}, 100), ended: make(chan lm.FinishReason, 100)})
}

const completion = `{"prompt":"hi","max_tokens":5}`

// TestHostileRequests sends bytes as no client would, and looks at the status of the answer.
func TestHostileRequests(t *testing.T) {
	addr, _ := start(t, Options{Models: only{quick(t)}, MaxBody: 1000, BodyTime: 300 * time.Millisecond, Hosts: []string{"me"}, Origins: []string{"https://friend"}})
	post := func(headers, body string) string {
		return "POST /v1/completions HTTP/1.1\r\nHost: me\r\n" + headers + "\r\n" + body
	}
	length := func(body string) string { return fmt.Sprintf("Content-Length: %d\r\n", len(body)) }
	big := `{"prompt":"` + strings.Repeat("x", 2000) + `"}`
	many := ""
	for i := range 10000 {
		many += fmt.Sprintf("X%d: b\r\n", i)
	}
	const smuggled = "GET /health HTTP/1.1\r\nHost: me\r\n\r\n"
	for name, c := range map[string]struct{ bytes, want string }{
		"a right one":                    {post(length(completion), completion), "200"},
		"a body that is too large":       {post(length(big), big), "413"},
		"a chunk that is too large":      {post("Transfer-Encoding: chunked\r\n", "7d0\r\n"+strings.Repeat(" ", 2000)+"\r\n"), "413"},
		"a body that never ends":         {post("Content-Length: 900\r\n", "{"), "408"},
		"chunks that never end":          {post("Transfer-Encoding: chunked\r\n", "1\r\n{\r\n"), "408"},
		"no HTTP":                        {"hello\r\n\r\n", "400"},
		"headers without an end":         {"GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 200<<10), "431"},
		"too many headers":               {post(strings.Repeat("X-A: b\r\n", 20000), ""), "431"},
		"two lengths":                    {post("Content-Length: 3\r\nContent-Length: 30\r\n", "abc"), "400"},
		"an encoding nobody knows":       {post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "501"},
		"a name with a space":            {post("Content-Length : 3\r\n", "abc"), "400"},
		"a negative length":              {post("Content-Length: -3\r\n", ""), "400"},
		"no host":                        {"GET /health HTTP/1.1\r\n\r\n", "400"},
		"another host":                   {"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403"},
		"a script of another page":       {post("Origin: https://evil.example\r\n"+length(completion), completion), "403"},
		"a script of a friend":           {post("Origin: https://friend\r\n"+length(completion), completion), "200"},
		"a friend asks first":            {"OPTIONS /v1/completions HTTP/1.1\r\nHost: me\r\nOrigin: https://friend\r\nAccess-Control-Request-Method: POST\r\n\r\n", "204"},
		"a path up":                      {"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: me\r\n\r\n", "307"},
		"an address that is not there":   {"GET /v2 HTTP/1.1\r\nHost: me\r\n\r\n", "404"},
		"a method that is not there":     {"DELETE /v1/completions HTTP/1.1\r\nHost: me\r\n\r\n", "405"},
		"two requests in one, smuggled":  {post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nGET /health HTTP/1.1\r\nHost: me\r\n\r\n"), "400"},
		"a version that is not there":    {"GET /health HTTP/9.9\r\nHost: me\r\n\r\n", "505"},
		"NUL in a header":                {"GET /health HTTP/1.1\r\nHost: me\r\nX: a\x00b\r\n\r\n", "400"},
		"lengths that agree":             {post(length(completion)+length(completion), completion), "200"},
		"a length with a list":           {post("Content-Length: 3, 3\r\n", "abc"), "400"},
		"a length with a sign":           {post("Content-Length: +3\r\n", "abc"), "400"},
		"a length beyond all numbers":    {post("Content-Length: 99999999999999999999\r\n", "abc"), "400"},
		"chunked twice":                  {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "501"},
		"chunked by another name":        {post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"), "400"},
		"chunked, but an old version":    {strings.Replace(post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), "1.1", "1.0", 1), "400"},
		"a header folded":                {post("X-A: b\r\n c\r\n"+length(completion), completion), "200"},
		"the first header folded":        {"GET /health HTTP/1.1\r\n Host: me\r\n\r\n", "400"},
		"lines that end with CR":         {"GET /health HTTP/1.1\rHost: me\r\r\n", "400"},
		"a chunk of no number":           {post("Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"), "400"},
		"a chunk of a negative number":   {post("Transfer-Encoding: chunked\r\n", "-2\r\n{}\r\n0\r\n\r\n"), "400"},
		"a chunk beyond all numbers":     {post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n{}\r\n0\r\n\r\n"), "400"},
		"a chunk that is longer":         {post("Transfer-Encoding: chunked\r\n", "2\r\n{}{}\r\n0\r\n\r\n"), "400"},
		"a chunk with a long extension":  {post("Transfer-Encoding: chunked\r\n", "2;"+strings.Repeat("x", 100<<10)+"\r\n{}\r\n0\r\n\r\n"), "400"},
		"chunks of extensions":           {post("Transfer-Encoding: chunked\r\n", strings.Repeat("1;"+strings.Repeat("x", 3000)+"\r\n \r\n", 20)), "400"},
		"small chunks for ever":          {post("Transfer-Encoding: chunked\r\n", strings.Repeat("1\r\n \r\n", 5000)), "413"},
		"trailers for ever":              {post("Transfer-Encoding: chunked\r\n", "0\r\n"+strings.Repeat("X-A: b\r\n", 20000)), "400"},
		"ten thousand headers":           {post(many, ""), "431"},
		"an old version that stays":      {strings.Replace(post("Connection: keep-alive\r\n"+length(completion), completion), "1.1", "1.0", 1), "200"},
		"an old version without a host":  {"GET /health HTTP/1.0\r\n\r\n", "403"},
		"too large, but asks before":     {post("Expect: 100-continue\r\n"+length(big), ""), "413"},
		"asks before, and sends nothing": {post("Expect: 100-continue\r\nContent-Length: 9\r\n", ""), "100"},
		"a request behind one too large": {post(length(big+smuggled), big+smuggled), "413"},
		"an address of another server":   {"GET http://evil.example/health HTTP/1.1\r\nHost: me\r\n\r\n", "403"},
		"a tunnel":                       {"CONNECT me:80 HTTP/1.1\r\nHost: me\r\n\r\n", "405"},
		"an expectation nobody can meet": {post("Expect: a miracle\r\n"+length(completion), completion), "417"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			go io.WriteString(conn, c.bytes)
			answers := bufio.NewReader(conn)
			line, err := answers.ReadString('\n')
			if fields := strings.Fields(line); len(fields) < 2 || fields[1] != c.want {
				t.Errorf("the answer is %q (%v), want %s", line, err, c.want)
			}
			if c.want != "400" && c.want != "413" { // the connection may stay open
				return
			}
			// A reset is an end too: the server has not read what came.
			if rest, _ := io.ReadAll(answers); strings.Contains(string(rest), "HTTP/1") {
				t.Errorf("there is a second answer: %s", rest)
			}
		})
	}
	if r, err := http.Get("http://" + addr + "/health"); err != nil || r.StatusCode != http.StatusForbidden {
		t.Errorf("after all that: %v, %v", r, err)
	}
}

func TestThePageIsAtTheAddress(t *testing.T) {
	addr, end := start(t, Options{Models: only{newModel(t, &slow{})}})
	for _, path := range []string{"/", "/page/app.js"} {
		r, err := http.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK || !strings.Contains(r.Header.Get("Content-Security-Policy"), "script-src 'self'") {
			t.Errorf("%s: status %d, headers %v", path, r.StatusCode, r.Header)
		}
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// TestLeavingEndsTheAnswer closes a stream in its middle.
func TestLeavingEndsTheAnswer(t *testing.T) {
	s := &slow{words: 10000, pause: time.Millisecond, began: make(chan struct{}, 1), ended: make(chan lm.FinishReason, 1)}
	addr, _ := start(t, Options{Models: only{newModel(t, s)}})
	for _, body := range []string{completion, strings.Replace(completion, "{", `{"stream":true,`, 1)} {
		ctx, leave := context.WithCancel(t.Context())
		r, _ := http.NewRequestWithContext(ctx, "POST", "http://"+addr+"/v1/completions", strings.NewReader(body))
		go http.DefaultClient.Do(r)
		<-s.began
		leave()
		if reason := <-s.ended; reason != lm.FinishCancel {
			t.Errorf("%s: ended by %s", body, reason)
		}
	}
}

// TestAnswersHaveATime cuts an answer off that takes too long.
func TestAnswersHaveATime(t *testing.T) {
	s := &slow{words: 10000, pause: time.Millisecond, began: make(chan struct{}, 1), ended: make(chan lm.FinishReason, 1)}
	addr, _ := start(t, Options{Models: only{newModel(t, s)}, AnswerTime: 50 * time.Millisecond})
	r, err := http.Post("http://"+addr+"/v1/completions", "application/json", strings.NewReader(completion))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(r.Body)
	if r.StatusCode != http.StatusRequestTimeout || !strings.Contains(string(b), "timeout") {
		t.Errorf("%d %s", r.StatusCode, b)
	}
}

// TestEndingDrains lets an answer end that is being written, refuses what comes, and cuts off what
// takes too long.
func TestEndingDrains(t *testing.T) {
	for name, c := range map[string]struct {
		drain time.Duration
		want  lm.FinishReason
	}{"enough time": {10 * time.Second, lm.FinishStop}, "too little": {20 * time.Millisecond, lm.FinishCancel}} {
		s := &slow{words: 200, pause: time.Millisecond, began: make(chan struct{}, 1), ended: make(chan lm.FinishReason, 1)}
		addr, end := start(t, Options{Models: only{newModel(t, s)}, DrainTime: c.drain})
		go http.Post("http://"+addr+"/v1/completions", "application/json", strings.NewReader(completion))
		<-s.began
		if err := end(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if reason := <-s.ended; reason != c.want {
			t.Errorf("%s: the answer was ended by %s, want %s", name, reason, c.want)
		}
		if _, err := http.Get("http://" + addr + "/health"); err == nil {
			t.Errorf("%s: the server still answers", name)
		}
	}
}

// TestFaultsStayInTheirRequest panics in one request.
func TestFaultsStayInTheirRequest(t *testing.T) {
	m := quick(t)
	m.ID = "broken"
	addr, _ := start(t, Options{Models: only{m}})
	for range 2 {
		r, err := http.Post("http://"+addr+"/v1/completions", "application/json", strings.NewReader(completion))
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		if r.StatusCode != 500 || strings.Contains(string(b), "broken") {
			t.Errorf("%d %s", r.StatusCode, b)
		}
	}
}

// TestConnectionsAreLimited opens more than are allowed.
func TestConnectionsAreLimited(t *testing.T) {
	addr, _ := start(t, Options{Models: only{quick(t)}, Connections: 2})
	var idle []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	time.Sleep(20 * time.Millisecond) // both are accepted
	client := &http.Client{Timeout: 100 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	if _, err := client.Get("http://" + addr + "/health"); err == nil {
		t.Error("a third connection is served")
	}
	for _, c := range idle {
		c.Close()
	}
	client.Timeout = 10 * time.Second
	if r, err := client.Get("http://" + addr + "/health"); err != nil || r.StatusCode != 200 {
		t.Errorf("when the others have left: %v", err)
	}
}

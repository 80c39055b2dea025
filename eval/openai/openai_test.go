package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trit/lm"
	"trit/tokenizer"
)

const vocabulary = 258

// logProb is the model of the server: log p of a token after others.
func logProb(prefix []int32, token int32) float64 {
	weight := func(t int32) float64 { return float64(1 + (int(prefix[len(prefix)-1])*7+int(t)*3+len(prefix))%11) }
	sum := 0.0
	for t := range int32(vocabulary) {
		sum += weight(t)
	}
	return math.Log(weight(token) / sum)
}

// likeliest is the first of the likeliest tokens.
func likeliest(prefix []int32) int32 {
	best := int32(0)
	for t := range int32(vocabulary) {
		if logProb(prefix, t) > logProb(prefix, best) {
			best = t
		}
	}
	return best
}

// body is a request as a server reads it.
type body struct {
	Model       string
	Prompt      [][]int32
	MaxTokens   *int `json:"max_tokens"`
	Temperature *float64
	LogProbs    *int
	Echo        bool
	Stop        []string
}

// server answers completions as vLLM does: with the log-probabilities of the prompt and of
// the one token more that it generates, and with a text of a fixed answer, cut at a stop.
type server struct {
	t      *testing.T
	answer string
	first  func(w http.ResponseWriter, n int) bool // answers request n instead, where it returns true
	change func(choices []map[string]any)

	mu       sync.Mutex
	bodies   []body
	keys     []string
	at, most int // requests at the moment
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var b body
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil || r.URL.Path != "/v1/completions" || r.Method != http.MethodPost {
		s.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	s.mu.Lock()
	s.bodies, s.keys = append(s.bodies, b), append(s.keys, r.Header.Get("Authorization"))
	n := len(s.bodies)
	s.at++
	s.most = max(s.most, s.at)
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.at--; s.mu.Unlock() }()
	if s.first != nil && s.first(w, n) {
		return
	}
	tokens := 0
	var choices []map[string]any
	for i, p := range b.Prompt {
		tokens += len(p)
		choices = append(choices, s.choice(&b, i, p))
	}
	slices.Reverse(choices) // the index says whose they are
	if s.change != nil {
		s.change(choices)
	}
	json.NewEncoder(w).Encode(map[string]any{"choices": choices, "usage": map[string]int{"prompt_tokens": tokens}})
}

func (s *server) choice(b *body, i int, prompt []int32) map[string]any {
	text := s.answer
	for _, stop := range b.Stop {
		text, _, _ = strings.Cut(text, stop)
	}
	c := map[string]any{"index": i, "text": text, "logprobs": nil}
	if !b.Echo || b.LogProbs == nil {
		return c
	}
	all := append(slices.Clone(prompt), likeliest(prompt))
	logs, top := []any{nil}, []any{nil}
	for n := 1; n < len(all); n++ {
		best := likeliest(all[:n])
		logs = append(logs, logProb(all[:n], all[n]))
		top = append(top, map[string]float64{fmt.Sprint("token ", best): logProb(all[:n], best), fmt.Sprint("token ", all[n]): logProb(all[:n], all[n])})
	}
	c["logprobs"] = map[string]any{"token_logprobs": logs, "top_logprobs": top, "tokens": make([]string, len(all))}
	return c
}

func byteTokenizer(t *testing.T) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Train(func(yield func(string, error) bool) { yield("a b c", nil) }, tokenizer.TrainOptions{VocabSize: vocabulary})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// open is a client of the server that notes how long it waits, but does not wait.
func open(t *testing.T, s *server) (*Client, *[]time.Duration) {
	t.Helper()
	s.t = t
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	c, err := New(h.URL+"/v1/", "net", byteTokenizer(t))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	waits := new([]time.Duration)
	c.Sleep = func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		*waits = append(*waits, d)
		return ctx.Err()
	}
	return c, waits
}

// scored are requests of several lengths, the first one for the likeliest tokens.
func scored() []lm.ScoreRequest {
	input := []int32{7}
	for range 3 {
		input = append(input, likeliest(input))
	}
	all := []lm.ScoreRequest{{Input: input[:3], Targets: input[2:4]}}
	for i := range int32(9) {
		r := lm.ScoreRequest{Input: []int32{256, 3 * i, 40 + i, 41}, Targets: []int32{42 + i}}
		all = append(all, r, lm.ScoreRequest{Input: append(slices.Clone(r.Input), 99), Targets: []int32{41, 99, i}})
	}
	return all
}

func TestScore(t *testing.T) {
	requests := scored()
	for _, prompts := range []int{0, 1, 4, 100} {
		s := &server{}
		c, _ := open(t, s)
		c.Prompts, c.Key = prompts, "secret"
		got, err := c.Score(t.Context(), requests)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range requests {
			want, greedy := 0.0, true
			all := whole(r)
			for n := len(all) - len(r.Targets); n < len(all); n++ {
				want += logProb(all[:n], all[n])
				greedy = greedy && logProb(all[:n], all[n]) == logProb(all[:n], likeliest(all[:n]))
			}
			if math.Abs(got[i].LogProb-want) > 1e-12 || got[i].Greedy != greedy {
				t.Errorf("%d prompts a request, request %d: %+v, want %g %v", prompts, i, got[i], want, greedy)
			}
		}
		if !got[0].Greedy || s.keys[0] != "Bearer secret" || s.most > DefaultConcurrent {
			t.Errorf("%+v, the key %q, %d requests at a time", got[0], s.keys[0], s.most)
		}
		if want := (len(requests) + max(prompts, 1) - 1) / max(prompts, 1); len(s.bodies) != want {
			t.Errorf("%d prompts a request: %d requests, want %d", prompts, len(s.bodies), want)
		}
		b := s.bodies[0]
		if b.Model != "net" || *b.MaxTokens != 1 || *b.Temperature != 0 || *b.LogProbs != 1 || !b.Echo || b.Stop != nil {
			t.Errorf("the request is %+v", b)
		}
	}
}

// Servers that list no generated token give as many log-probabilities as the prompt has.
func TestScoreWithoutAGeneratedToken(t *testing.T) {
	s := &server{}
	c, _ := open(t, s)
	want, err := c.Score(t.Context(), scored())
	if err != nil {
		t.Fatal(err)
	}
	s.change = func(choices []map[string]any) {
		l := choices[0]["logprobs"].(map[string]any)
		for name, list := range map[string][]any{"token_logprobs": l["token_logprobs"].([]any), "top_logprobs": l["top_logprobs"].([]any)} {
			l[name] = list[:len(list)-1]
		}
	}
	if got, err := c.Score(t.Context(), scored()); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
}

func TestGenerate(t *testing.T) {
	s := &server{answer: " four\nQ: <s> é five"}
	c, _ := open(t, s)
	c.Prompts = 8
	requests := []lm.ContinueRequest{
		{Prompt: []int32{1, 2}, MaxTokens: 9, Until: []string{"Q:", "", "b", "c", "d", "e"}}, {Prompt: []int32{3}, MaxTokens: 9, Until: []string{"Q:", "", "b", "c", "d", "e"}},
		{Prompt: []int32{4}, MaxTokens: 8}, {Prompt: []int32{5}, MaxTokens: 7},
	}
	got, err := c.Continue(t.Context(), requests)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{" four\n", " four\n", s.answer, s.answer} {
		if text := c.Tokenizer.Decode(got[i]); text != want {
			t.Errorf("answer %d is %q, want %q", i, text, want)
		}
	}
	slices.SortFunc(s.bodies, func(a, b body) int { return *b.MaxTokens - *a.MaxTokens })
	if b := s.bodies[0]; len(s.bodies) != 3 || len(b.Prompt) != 2 || fmt.Sprint(b.Stop) != "[Q: b c d]" || b.Echo || b.LogProbs != nil || *b.Temperature != 0 {
		t.Errorf("the requests are %+v", s.bodies)
	}
}

func TestRetries(t *testing.T) {
	refuse := func(status int, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			if header != nil {
				w.Header().Set(header[0], header[1])
			}
			w.WriteHeader(status)
		}
	}
	drop := func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }
	for name, c := range map[string]struct {
		answers []func(http.ResponseWriter) // before the right one
		waits   string
	}{
		"busy":        {[]func(http.ResponseWriter){refuse(503), refuse(500), refuse(429)}, "[1s 2s 4s]"},
		"asks wait":   {[]func(http.ResponseWriter){refuse(429, "Retry-After", "7"), refuse(503, "Retry-After", "0.5")}, "[7s 2s]"},
		"drops":       {[]func(http.ResponseWriter){drop, drop}, "[1s 2s]"},
		"all is well": {nil, "[]"},
	} {
		s := &server{first: func(w http.ResponseWriter, n int) bool {
			if n <= len(c.answers) {
				c.answers[n-1](w)
			}
			return n <= len(c.answers)
		}}
		client, waits := open(t, s)
		if got, err := client.Score(t.Context(), scored()[:1]); err != nil || !got[0].Greedy || fmt.Sprint(*waits) != c.waits {
			t.Errorf("%s: %v, %v after waits of %v, want %s", name, got, err, *waits, c.waits)
		}
	}
}

// says answers a status and a text, with a header where there is one.
func says(status int, text string, header ...string) func(http.ResponseWriter, int) bool {
	return func(w http.ResponseWriter, _ int) bool {
		if header != nil {
			w.Header().Set(header[0], header[1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, text)
		return true
	}
}

// each changes every choice.
func each(f func(c map[string]any)) func([]map[string]any) {
	return func(choices []map[string]any) {
		for _, c := range choices {
			f(c)
		}
	}
}

// cut leaves a part of a list of log-probabilities, with two nulls after its end.
func cut(list string, from, to int) func([]map[string]any) {
	return each(func(c map[string]any) {
		l := c["logprobs"].(map[string]any)
		l[list] = append(l[list].([]any), nil, nil)[from:to]
	})
}

// failure is a server that does not do, how often it is asked, and what is said of it.
type failure struct {
	server *server
	tries  int
	want   []string
}

func failures() map[string]failure {
	return map[string]failure{
		"always busy":  {&server{first: says(503, "loading")}, 5, []string{"answers 503", `"loading"`, "5 tries"}},
		"long wait":    {&server{first: says(429, "", "Retry-After", "86400")}, 1, []string{"answers 429", "24h0m0s"}},
		"key":          {&server{first: says(401, `{"error":{"message":"bad key"}}`)}, 1, []string{`"bad key"`, "wants a key"}},
		"no such path": {&server{first: says(404, "")}, 1, []string{"ends in /v1", `"net"`}},
		"refusal":      {&server{first: says(400, `{"message":"echo is\nnot supported"}`)}, 1, []string{`"echo is not supported"`, "token ids"}},
		"long refusal": {&server{first: says(400, strings.Repeat("x", 5000))}, 1, []string{`xxx..."`}},
		"redirect":     {&server{first: says(307, "", "Location", "http://elsewhere/v1")}, 1, []string{`redirects to "http://elsewhere/v1"`}},
		"a page":       {&server{first: says(200, "<html>")}, 1, []string{"is no completion", "html"}},
		"no logprobs":  {&server{change: each(func(c map[string]any) { c["logprobs"] = nil })}, 1, []string{`no log-probabilities of tokens ("logprobs")`}},
		"no echo":      {&server{change: cut("token_logprobs", 0, 1)}, 1, []string{"1 tokens for a prompt of 4", `"echo"`}},
		"bos added":    {&server{change: cut("token_logprobs", 0, 6)}, 1, []string{"6 tokens for a prompt of 4", "adds tokens"}},
		"no top":       {&server{change: cut("top_logprobs", 0, 0)}, 1, []string{`"top_logprobs"`, "at 0 positions"}},
		"empty top":    {&server{change: cut("top_logprobs", 3, 7)}, 1, []string{`"top_logprobs"`, "position 3 of a prompt of 4"}},
		"null":         {&server{change: cut("token_logprobs", 3, 7)}, 1, []string{"no log-probability of token 3 of a prompt of 4"}},
		"few":          {&server{change: each(func(c map[string]any) { c["index"] = 1 })}, 1, []string{"index 1", "from 0 to 0"}},
		"another size": {&server{first: says(200, `{"choices":[{"index":0}],"usage":{"prompt_tokens":5}}`)}, 1, []string{"counts 5 tokens, but 4 were sent"}},
		"no choices":   {&server{first: says(200, `{"choices":[]}`)}, 1, []string{"0 answers to 1 prompts"}},
	}
}

func TestErrors(t *testing.T) {
	for name, c := range failures() {
		client, _ := open(t, c.server)
		client.Key = "secret"
		_, err := client.Score(t.Context(), scored()[:1])
		for _, w := range append(c.want, client.URL) {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v, want %q", name, err, w)
			}
		}
		if err != nil && (strings.Contains(err.Error(), "secret") || len(err.Error()) > 700) {
			t.Errorf("%s: %v", name, err)
		}
		if len(c.server.bodies) != c.tries {
			t.Errorf("%s: %d requests, want %d", name, len(c.server.bodies), c.tries)
		}
	}
	s := &server{change: each(func(c map[string]any) { c["text"] = nil })}
	client, _ := open(t, s)
	if _, err := client.Continue(t.Context(), []lm.ContinueRequest{{Prompt: []int32{1}, MaxTokens: 2}}); err == nil || !strings.Contains(err.Error(), "no text") {
		t.Errorf("no text: %v", err)
	}
}

func TestSlowServersAndCtrlC(t *testing.T) {
	held := make(chan struct{})
	c, _ := open(t, &server{first: func(http.ResponseWriter, int) bool { <-held; return true }})
	defer close(held) // before the servers are closed
	c.Timeout, c.Tries = time.Millisecond, 2
	if _, err := c.Score(t.Context(), scored()); err == nil || !strings.Contains(err.Error(), "within 1ms") {
		t.Errorf("a slow server: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c, _ = open(t, &server{first: func(http.ResponseWriter, int) bool { cancel(); <-held; return true }})
	if _, err := c.Score(ctx, scored()); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"http://localhost:8000/v1": "http://localhost:8000/v1", "https://h/v1/completions": "https://h/v1", "http://h": "http://h",
		"localhost:8000/v1": "", "http://user:secret@h/v1": "", "ftp://h/v1": "", "http:///v1": "", "http://h/v1?key=x": "",
	} {
		c, err := New(address, "m", nil)
		if want == "" && err == nil || want != "" && (err != nil || c.URL != want) {
			t.Errorf("%s: %+v, %v, want %q", address, c, err, want)
		}
	}
	if (&Client{Context: 2048}).ContextLength() != 2046 {
		t.Error("of 2048 tokens two are not for the input")
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"choices":[{"index":0,"text":"x","logprobs":{"token_logprobs":[null,-1.5,-2],"top_logprobs":[null,{"a":-1},{"b":-2}]}}]}`))
	f.Add([]byte(`{"choices":[{"index":-1}],"usage":{"prompt_tokens":-3}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a answer
		if json.Unmarshal(b, &a) != nil {
			return
		}
		q := query{Prompt: [][]int32{{1, 2, 3}}}
		choices, err := a.inOrder(&q)
		if err != nil {
			return
		}
		if r, err := choices[0].score(3, 2); err == nil && math.IsNaN(r.LogProb) {
			t.Errorf("%s: %+v", b, r)
		}
	})
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// soaker is a client that asks for one thing after another.
type soaker struct {
	*soak
	http *http.Client
	r    *rand.Rand
}

// soakKinds are what clients do.
var soakKinds = map[string]func(*soaker) error{
	"short": (*soaker).short, "long": (*soaker).long, "stream": (*soaker).stream, "cut off": (*soaker).cutOff,
	"slow reader": (*soaker).slow, "wrong": (*soaker).wrong, "restart": (*soaker).restart,
	"embedding": (*soaker).embedding, "scores": (*soaker).scores, "generate": (*soaker).generate, "grammar": (*soaker).grammar,
	"schema": (*soaker).schema, "messages": (*soaker).messages,
}

// ask sends a request. Each is counted, to be compared with what the server has counted.
func (c *soaker) ask(ctx context.Context, method, path, body string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	c.sent.Add(1)
	var connected, written time.Time
	trace := &httptrace.ClientTrace{
		ConnectDone:  func(string, string, error) { connected = time.Now() },
		WroteRequest: func(httptrace.WroteRequestInfo) { written = time.Now() },
	}
	begin := time.Now()
	a, err := c.http.Do(r.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err == nil || ctx.Err() != nil {
		return a, err
	}
	if late := written.Sub(connected); !connected.IsZero() && late > slowClient {
		c.lost.Add(1)
		return nil, fmt.Errorf("%w: %v after it had connected", errLate, late)
	}
	return nil, fmt.Errorf("%w, after %v; a new connection: %t", err, time.Since(begin), !connected.IsZero())
}

// slowClient is about when the server cuts off a client that has connected and sends nothing, as one does on a machine
// with far too much to do.
const slowClient = 9 * time.Second

// errLate says that a client was so slow.
var errLate = errors.New("the client was late to send its request")

// expect asks and reads the whole answer, which must have a status.
func (c *soaker) expect(method, path, body string, status int) ([]byte, error) {
	a, err := c.ask(context.Background(), method, path, body)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err == nil && a.StatusCode != status {
		err = fmt.Errorf("%s %s %.200s: status %d, want %d: %s", method, path, body, a.StatusCode, status, b)
	}
	return b, err
}

// same asks, and fails if an earlier answer to the same request was another one in what pick takes.
func (c *soaker) same(path, body string, pick func([]byte) (any, error)) error {
	b, err := c.expect("POST", path, body, http.StatusOK)
	if err != nil {
		return err
	}
	v, err := pick(b)
	if err != nil {
		return fmt.Errorf("%w: %s", err, b)
	}
	text := fmt.Sprint(v)
	if first, known := c.first.LoadOrStore(path+body, text); known && first != text {
		return fmt.Errorf("%s %.200s: %s, before it was %s", path, body, text, first)
	}
	return nil
}

// completed is a completion with as many tokens as were asked for.
func completed(tokens int) func([]byte) (any, error) {
	return func(b []byte) (any, error) {
		var v struct {
			Choices []struct{ Text string }
			Usage   struct {
				CompletionTokens int `json:"completion_tokens"`
			}
		}
		if err := json.Unmarshal(b, &v); err != nil {
			return nil, err
		}
		if v.Usage.CompletionTokens != tokens || len(v.Choices) != 1 {
			return nil, fmt.Errorf("want %d tokens", tokens)
		}
		return v.Choices[0].Text, nil
	}
}

// greedy is a request for a completion that is always the same.
func greedy(prompt string, tokens int, more string) string {
	return fmt.Sprintf(`{"prompt":%q,"max_tokens":%d,"temperature":0,"ignore_eos":true%s}`, prompt, tokens, more)
}

func (c *soaker) short() error {
	n := c.r.IntN(20)
	return c.same("/v1/completions", greedy(fmt.Sprintf("One day Anna saw %d", n), 4+n, ""), completed(4+n))
}

func (c *soaker) long() error {
	text := fmt.Sprintf("%d. ", c.r.IntN(8)) + strings.Repeat("Anna and the cat walked on. ", 8)
	return c.same("/v1/completions", greedy(text, 2, ""), completed(2))
}

// events begins a stream.
func (c *soaker) events(ctx context.Context, tokens int) (*http.Response, error) {
	a, err := c.ask(ctx, "POST", "/v1/completions", greedy("Once upon a time", tokens, `,"stream":true`))
	if err == nil && a.StatusCode != http.StatusOK {
		a.Body.Close()
		err = fmt.Errorf("a stream begins with status %d", a.StatusCode)
	}
	return a, err
}

// readAll reads a stream, which must have its end, and waits between lines.
func readAll(a *http.Response, pause time.Duration) error {
	defer a.Body.Close()
	lines, last := bufio.NewScanner(a.Body), ""
	for lines.Scan() {
		if lines.Text() != "" {
			last = lines.Text()
			time.Sleep(pause)
		}
	}
	if err := lines.Err(); err != nil || last != "data: [DONE]" {
		return fmt.Errorf("a stream ends with %q (%v)", last, err)
	}
	return nil
}

func (c *soaker) stream() error {
	a, err := c.events(context.Background(), 40)
	if err != nil {
		return err
	}
	return readAll(a, 0)
}

func (c *soaker) slow() error {
	a, err := c.events(context.Background(), 40)
	if err != nil {
		return err
	}
	return readAll(a, 20*time.Millisecond)
}

func (c *soaker) cutOff() error {
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	a, err := c.events(ctx, 60)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	_, err = bufio.NewReader(a.Body).ReadString('\n')
	return err
}

// wrong sends what must be refused.
func (c *soaker) wrong() error {
	requests := []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/v1/completions", `{"prompt":`, 400},
		{"POST", "/v1/completions", `{"prompt":"a","max_tokenz":3}`, 400},
		{"POST", "/v1/completions", greedy(strings.Repeat("Anna ", 20000), 1, ""), 400},
		{"POST", "/v1/completions", greedy("a", 1, `,"model":"nobody"`), 404},
		{"POST", "/v1/completions", strings.Repeat(" ", 9<<20), 413},
		{"POST", "/v1/embeddings", `{}`, 400},
		{"POST", "/v1/messages", `[]`, 400},
		{"POST", "/api/generate", `{"prompt":"a","suffix":"b"}`, 400},
		{"GET", "/v1/nothing", "", 404},
		{"DELETE", "/v1/completions", "", 405},
	}
	w := requests[c.r.IntN(len(requests))]
	_, err := c.expect(w.method, w.path, w.body, w.status)
	if err != nil && w.status == http.StatusRequestEntityTooLarge && !strings.Contains(err.Error(), "status") {
		return nil // the connection was closed while the body was being sent
	}
	return err
}

// restart is a client that dies while it waits, and begins again.
func (c *soaker) restart() error {
	ctx, die := context.WithTimeout(context.Background(), time.Duration(c.r.IntN(20))*time.Millisecond)
	defer die()
	c.lost.Add(1) // the request need not have come through
	if a, err := c.ask(ctx, "POST", "/v1/completions", greedy("They went", 60, "")); err == nil {
		a.Body.Close()
	}
	c.http.CloseIdleConnections()
	c.http = newSoakClient()
	return c.short()
}

func (c *soaker) embedding() error {
	body := fmt.Sprintf(`{"input":["a fox %d","a cat"]}`, c.r.IntN(9))
	return c.same("/v1/embeddings", body, func(b []byte) (any, error) {
		var v struct {
			Data []struct{ Embedding []float64 }
		}
		if err := json.Unmarshal(b, &v); err != nil || len(v.Data) != 2 || len(v.Data[0].Embedding) == 0 {
			return nil, fmt.Errorf("want two embeddings (%v)", err)
		}
		return v, nil
	})
}

// scores are those of a batch of questions, as trit eval asks for them.
func (c *soaker) scores() error {
	var prompts []string
	for i := range 8 {
		prompts = append(prompts, fmt.Sprintf("%d: is the cat glad? yes", c.r.IntN(4)*8+i))
	}
	text, err := json.Marshal(prompts)
	if err != nil {
		return err
	}
	body := fmt.Sprintf(`{"prompt":%s,"max_tokens":0,"echo":true,"logprobs":1,"temperature":0}`, text)
	return c.same("/v1/completions", body, func(b []byte) (any, error) {
		var v struct {
			Choices []struct {
				LogProbs struct {
					TokenLogProbs []*float64 `json:"token_logprobs"`
				} `json:"logprobs"`
			}
		}
		if err := json.Unmarshal(b, &v); err != nil || len(v.Choices) != len(prompts) {
			return nil, fmt.Errorf("want %d scores (%v)", len(prompts), err)
		}
		return json.Marshal(v)
	})
}

// generate asks by Ollama's API.
func (c *soaker) generate() error {
	b, err := c.expect("POST", "/api/generate", `{"prompt":"Once","raw":true,"options":{"num_predict":12,"seed":3}}`, http.StatusOK)
	if err == nil && !bytes.Contains(b, []byte(`"done":true`)) {
		err = fmt.Errorf("an answer without its end: %s", b)
	}
	return err
}

func (c *soaker) grammar() error {
	body := `{"prompt":"Is it so?","max_tokens":8,"grammar":"root ::= \"yes\" | \"no\""}`
	b, err := c.expect("POST", "/v1/completions", body, http.StatusOK)
	var v completion
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err == nil && v.Choices[0].Text != "yes" && v.Choices[0].Text != "no" {
		err = fmt.Errorf("the answer is %q: want yes or no", v.Choices[0].Text)
	}
	return err
}

// schema asks by chat for JSON of a form.
func (c *soaker) schema() error {
	b, err := c.expect("POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"Is it so?"}],"max_tokens":40,
		"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"yes":{"type":"boolean"}},
		"required":["yes"],"additionalProperties":false}}}}`, http.StatusOK)
	var v struct {
		Choices []struct {
			Message      struct{ Content string }
			FinishReason string `json:"finish_reason"`
		}
	}
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil || v.Choices[0].FinishReason == "length" { // an answer that is cut short is no JSON yet
		return err
	}
	var is struct{ Yes *bool }
	if err := json.Unmarshal([]byte(v.Choices[0].Message.Content), &is); err != nil || is.Yes == nil {
		return fmt.Errorf("the answer is %q: want yes to be true or false", v.Choices[0].Message.Content)
	}
	return nil
}

// messages asks by Anthropic's API.
func (c *soaker) messages() error {
	b, err := c.expect("POST", "/v1/messages", `{"model":"","messages":[{"role":"user","content":"Hello"}],"max_tokens":20}`, http.StatusOK)
	if err == nil && !bytes.Contains(b, []byte(`"stop_reason":"`)) {
		err = fmt.Errorf("an answer without its end: %s", b)
	}
	return err
}

// newSoakClient has connections of its own.
func newSoakClient() *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}
}

// soakCount counts what the clients have sent.
type soakCount struct {
	sent, lost atomic.Int64 // all, and of them those that need not have reached the server
	first      sync.Map     // the first answer to each request that is always answered in the same way
}

package serve

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/internal/servetest"
	"trit/serve/wire"
)

// doors are bodies for all addresses that take texts, with X where a text is.
var doors = map[string][]string{
	"/v1/completions": {
		`{"prompt":"X"}`, `{"prompt":["a","X"],"stream":true}`, `{"prompt":"X","echo":true,"logprobs":1,"max_tokens":0}`,
		`{"prompt":"X","parse_special":true}`,
	},
	"/v1/chat/completions": {
		`{"messages":[{"role":"system","content":"X"},{"role":"user","content":"a"}]}`,
		`{"messages":[{"role":"user","content":[{"type":"text","text":"X"}]}],"stream":true}`,
		`{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":\"X\"}"}}]},
			{"role":"tool","tool_call_id":"c","content":"a"}]}`,
		`{"messages":[{"role":"assistant","content":"b"},{"role":"tool","tool_call_id":"c","content":"X"}]}`,
		`{"messages":[{"role":"user","content":"a"}],"chat_template_kwargs":{"a":["X"]}}`,
		`{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f","description":"X"}}]}`,
		`{"messages":[{"role":"user","content":"a"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"description":"X"}}}]}`,
	},
	"/v1/responses": {
		`{"input":"X"}`, `{"input":"a","instructions":"X","stream":true}`,
		`{"input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"X"}]}`,
	},
	"/v1/embeddings": {`{"input":"X"}`, `{"input":["a","X"]}`},
	"/v1/messages": {
		`{"max_tokens":5,"system":"X","messages":[{"role":"user","content":"a"}]}`,
		`{"max_tokens":5,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{"X":1}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"a"}]}]}`,
		`{"max_tokens":5,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":{}}]},
			{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"X"}]}],"stream":true}`,
	},
	"/v1/messages/count_tokens": {`{"messages":[{"role":"user","content":"X"}]}`},
	"/api/chat":                 {`{"messages":[{"role":"user","content":"X"}]}`, `{"messages":[{"role":"tool","content":"X"}],"stream":false}`},
	"/api/generate":             {`{"prompt":"X"}`, `{"prompt":"X","raw":true}`, `{"prompt":"a","system":"X"}`},
	"/api/embed":                {`{"input":"X"}`, `{"input":["a","X"]}`},
	"/api/embeddings":           {`{"prompt":"X"}`},
	"/tokenize":                 {`{"content":"X"}`, `{"content":"X","parse_special":true,"add_special":true}`},
}

// fence refuses evil, and looks at no answer.
type fence struct{}

func (fence) Input(text string) (string, error) {
	if strings.Contains(text, "evil") {
		return "", wire.Errorf(wire.ContentFiltered, "", "this is evil")
	}
	return text, nil
}

func (fence) Output() answer.OutputFilter { return nil }

// counter counts the tokens of prompts.
type counter struct{ tokens int }

func (c *counter) Began(string) {}

func (c *counter) FirstToken(time.Duration) {}

func (c *counter) Ended(r *answer.Result, _ error) { c.tokens += r.PromptTokens }

// zeros is a model for which all tokens are as likely.
type zeros struct{}

func (zeros) ScoreTokens(_ context.Context, list []lm.ScoreRequest) (out [][]lm.TokenLogProbs, err error) {
	for _, r := range list {
		out = append(out, make([]lm.TokenLogProbs, len(r.Targets)))
	}
	return out, nil
}

// serveDoors serves a model within a filter and a watcher.
func serveDoors(t *testing.T, f answer.Filter, w answer.Watcher) (string, servetest.Models, *servetest.Model) {
	t.Helper()
	model := &servetest.Model{Texts: []string{"a"}}
	models := servetest.NewModels(t, servetest.Template, model)
	models.M.Scorer = zeros{}
	layer := func(next http.Handler, _ Fail) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			next.ServeHTTP(rw, r.WithContext(answer.WithWatcher(answer.WithFilter(r.Context(), f), w)))
		})
	}
	addr, _ := start(t, Options{Models: models, Layers: []Layer{layer}})
	return "http://" + addr, models, model
}

// TestNoDoorPassesTheFilterBy sends a text that is refused, and one that is not, to all addresses.
func TestNoDoorPassesTheFilterBy(t *testing.T) {
	url, models, model := serveDoors(t, fence{}, &counter{})
	for path, bodies := range doors {
		for _, body := range bodies {
			asked := len(model.Requests)
			status, got := servetest.Post(t, url+path, strings.ReplaceAll(body, "X", "evil"))
			if status != 400 || !strings.Contains(got, "content_filtered") || len(model.Requests) > asked {
				t.Errorf("%s %s: %d %s", path, body, status, got)
			}
			if status, got := servetest.Post(t, url+path, strings.ReplaceAll(body, "X", "good")); status != 200 {
				t.Errorf("%s %s, without evil: %d %s", path, body, status, got)
			}
		}
	}
	ids := strings.Join(strings.Fields(fmt.Sprint(models.M.Tokenizer.Encode("evil", false))), ",")
	for path, field := range map[string]string{"/v1/completions": "prompt", "/v1/embeddings": "input", "/detokenize": "tokens"} {
		status, got := servetest.Post(t, url+path, `{"`+field+`":`+ids+`}`)
		if status != 400 || !strings.Contains(got, "content_filtered") {
			t.Errorf("%s: tokens of evil: %d %s", path, status, got)
		}
	}
}

// TestDoorsCountTheirTokens wants the watchers to hear of all that a model reads.
func TestDoorsCountTheirTokens(t *testing.T) {
	c := &counter{}
	url, _, _ := serveDoors(t, fence{}, c)
	for path, bodies := range doors {
		for _, body := range bodies {
			c.tokens = 0
			servetest.Post(t, url+path, strings.ReplaceAll(body, "X", "good"))
			if reads := !strings.HasSuffix(path, "tokenize") && !strings.HasSuffix(path, "count_tokens"); reads != (c.tokens > 0) {
				t.Errorf("%s %s: %d tokens", path, body, c.tokens)
			}
		}
	}
}

// TestTextsAreText has the name of a special token in the texts: it is one only where the request says so.
func TestTextsAreText(t *testing.T) {
	url, models, model := serveDoors(t, fence{}, &counter{})
	tok := models.M.Tokenizer
	end := tok.Vocab().Tokens[tok.EOS()]
	for path, bodies := range doors {
		for _, body := range bodies {
			if strings.Contains(body, "parse_special") {
				continue
			}
			model.Requests, model.Inputs = nil, nil
			status, got := servetest.Post(t, url+path, strings.ReplaceAll(body, "X", "a"+end+"b"))
			if status != 200 {
				t.Errorf("%s %s: %d %s", path, body, status, got)
			}
			for _, r := range model.Requests {
				model.Inputs = append(model.Inputs, r.Prompt)
			}
			for _, ids := range model.Inputs {
				if slices.Contains(ids, tok.EOS()) {
					t.Errorf("%s %s: the model reads a special token: %v", path, body, ids)
				}
			}
		}
	}
	for _, c := range []struct{ path, body string }{
		{"/v1/completions", `{"prompt":"X","parse_special":true}`}, {"/api/generate", `{"prompt":"X","raw":true,"parse_special":true}`},
	} {
		if status, got := servetest.Post(t, url+c.path, strings.ReplaceAll(c.body, "X", "a"+end+"b")); status != 200 {
			t.Errorf("%s: %d %s", c.path, status, got)
		}
		if ids := model.Last(t).Prompt; !slices.Contains(ids, tok.EOS()) {
			t.Errorf("%s: the model reads no special token: %v", c.path, ids)
		}
	}
	if status, got := servetest.Post(t, url+"/api/generate", `{"prompt":"a","parse_special":true}`); status != 400 {
		t.Errorf("parse_special beside a template: %d %s", status, got)
	}
}

package openai

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"trit/lm"
	"trit/serve/answer"
	"trit/tokenizer"
)

// scripted is a model that writes the same texts whatever it is asked.
type scripted struct {
	texts   []string
	request lm.GenerateRequest // the last one
	err     error
}

func (s *scripted) Generate(_ context.Context, r lm.GenerateRequest, on func(lm.Delta)) (lm.GenerateResult, error) {
	s.request = r
	if s.err != nil {
		return lm.GenerateResult{}, s.err
	}
	out := lm.GenerateResult{FinishReason: lm.FinishStop, PromptTokens: len(r.Prompt)}
	for i, text := range s.texts {
		d := lm.Delta{Text: text, Tokens: []int32{int32('a' + i)}}
		if r.LogProbs {
			d.LogProbs = []lm.TokenLogProbs{{LogProb: lm.LogProb{ID: int32('a' + i), LogProb: -0.5}}}
		}
		out.Tokens, out.Text = append(out.Tokens, d.Tokens...), out.Text+text
		on(d)
	}
	return out, nil
}

// only is one model, which anybody may ask for.
type only struct{ m *answer.Model }

func (o only) List() []answer.Info { return []answer.Info{o.m.Info} }

func (o only) Open(_ context.Context, id string) (*answer.Model, func(), error) {
	if id != "" && id != o.m.ID {
		return nil, nil, &answer.UnknownModelError{ID: id, Known: []string{o.m.ID}}
	}
	return o.m, func() {}, nil
}

// serve starts a server of a model that writes texts.
func serve(t *testing.T, texts ...string) (*scripted, string) {
	t.Helper()
	tok, err := tokenizer.Train(func(yield func(string, error) bool) {
		yield("some words to learn from, some words to learn from", nil)
	}, tokenizer.TrainOptions{VocabSize: 262})
	if err != nil {
		t.Fatal(err)
	}
	v := tok.Vocab()
	v.ChatTemplate = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
	if tok, err = tokenizer.FromVocab(v); err != nil {
		t.Fatal(err)
	}
	s := &scripted{texts: texts}
	m := &answer.Model{Info: answer.Info{ID: "tiny", Modified: time.Unix(5, 0)}, Tokenizer: tok, Generator: s, Context: 500}
	mux := http.NewServeMux()
	for pattern, h := range New(only{m}, Options{Now: func() time.Time { return time.Unix(7, 0) }}) {
		mux.Handle(pattern, h)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return s, server.URL
}

// post sends a body and returns status and body of the answer.
func post(t *testing.T, url, body string) (int, string) {
	t.Helper()
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

// TestRefusals are requests that are wrong, each with its status, code and field.
func TestRefusals(t *testing.T) {
	_, url := serve(t, "hi")
	const user = `"messages":[{"role":"user","content":"hi"}]`
	for body, want := range map[string]string{
		`{`:                                     `400 "param":null,"code":"invalid_input"`,
		`[]`:                                    `400 "code":"invalid_input"`,
		`{} {}`:                                 `400 "code":"invalid_input"`,
		`{"messages":[]}`:                       `400 "param":"messages","code":"invalid_input"`,
		`{"model":"other",` + user + `}`:        `404 "param":"model","code":"model_not_found"`,
		`{"temperature":-1,` + user + `}`:       `400 "param":"temperature"`,
		`{"temperature":"hot",` + user + `}`:    `400 "param":"temperature"`,
		`{"n":0,` + user + `}`:                  `400 "param":"n"`,
		`{"functions":[],` + user + `}`:         `400 "param":"functions","code":"not_supported"`,
		`{"top_logprobs":2,` + user + `}`:       `400 "param":"top_logprobs"`,
		`{"logit_bias":{"x":1},` + user + `}`:   `400 "param":"logit_bias"`,
		`{"modalities":["audio"],` + user + `}`: `400 "param":"modalities"`,
		`{"response_format":{"type":"x"},` + user + `}`:                                     `400 "param":"response_format.type"`,
		`{"response_format":{"type":"json_schema"},` + user + `}`:                           `400 "param":"response_format.json_schema"`,
		`{"tool_choice":"maybe",` + user + `}`:                                              `400 "param":"tool_choice"`,
		`{"tool_choice":"required",` + user + `}`:                                           `400 "param":"tool_choice"`,
		`{"tools":[{"type":"web"}],` + user + `}`:                                           `400 "param":"tools[0]"`,
		`{"messages":[{"role":"king","content":"x"}]}`:                                      `400 "param":"messages[0].role"`,
		`{"messages":[{"role":"user","content":null}]}`:                                     `400 "param":"messages[0].content"`,
		`{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`:                   `400 "param":"messages[0].content[0].type","code":"not_supported"`,
		`{"messages":[{"role":"tool","content":"x"}]}`:                                      `400 "param":"messages[0].tool_call_id"`,
		`{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{"}}]}]}`: `400 "param":"messages[0].tool_calls[0].function.arguments"`,
	} {
		status, got := post(t, url+"/v1/chat/completions", body)
		number, text, _ := strings.Cut(want, " ")
		if strconv.Itoa(status) != number || !strings.Contains(got, text) || !strings.HasPrefix(got, `{"error":{"message":"`) {
			t.Errorf("%s: %d %s, want %s", body, status, got, want)
		}
	}
	for body, want := range map[string]string{
		`{}`: `"param":"prompt"`, `{"prompt":"a","suffix":"b"}`: `"param":"suffix"`, `{"prompt":"a","best_of":2}`: `"param":"best_of"`,
		`{"prompt":[[1],[-1]]}`: `token -1`, `{"prompt":{}}`: `"param":"prompt"`, `{"prompt":"a","logprobs":21}`: `"param":"logprobs"`,
		`{"prompt":"a","echo":true,"stream":true}`: `"param":"echo"`,
	} {
		if status, got := post(t, url+"/v1/completions", body); status != 400 || !strings.Contains(got, want) {
			t.Errorf("%s: %d %s, want %s", body, status, got, want)
		}
	}
}

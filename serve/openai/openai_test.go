package openai

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/grammar"
	"trit/tokenizer"
)

// scripted is a model that writes the same texts whatever it is asked.
type scripted struct {
	texts  []string
	finish lm.FinishReason // "": stop
	err    error           // instead of an answer
	late   error           // behind the texts

	mu       sync.Mutex
	requests []lm.GenerateRequest
}

func (s *scripted) Generate(_ context.Context, r lm.GenerateRequest, on func(lm.Delta)) (lm.GenerateResult, error) {
	s.mu.Lock()
	s.requests = append(s.requests, r)
	s.mu.Unlock()
	if s.err != nil {
		return lm.GenerateResult{}, s.err
	}
	out := lm.GenerateResult{FinishReason: cmp.Or(s.finish, lm.FinishStop), PromptTokens: len(r.Prompt), CachedTokens: 1}
	for i, text := range s.texts {
		d := lm.Delta{Text: text, Tokens: []int32{int32('a' + i)}}
		if r.LogProbs {
			p := lm.TokenLogProbs{LogProb: lm.LogProb{ID: d.Tokens[0], LogProb: -0.5}}
			for k := range r.TopLogProbs {
				p.Top = append(p.Top, lm.LogProb{ID: int32(0xc0 + k), LogProb: -0.25 - float64(k)})
			}
			d.LogProbs = []lm.TokenLogProbs{p}
		}
		out.Tokens, out.Text = append(out.Tokens, d.Tokens...), out.Text+text
		on(d)
	}
	return out, s.late
}

// last is the last request to the model.
func (s *scripted) last(t *testing.T) lm.GenerateRequest {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		t.Fatal("the model was not asked")
	}
	return s.requests[len(s.requests)-1]
}

// vectors embeds a sequence as its length and its sum, in a vector of length 1.
type vectors struct{}

func (vectors) Embed(_ context.Context, sequences [][]int32) (list [][]float32, _ error) {
	for _, ids := range sequences {
		x, y := float64(len(ids)), 0.0
		for _, id := range ids {
			y += float64(id)
		}
		length := math.Hypot(x, y)
		list = append(list, []float32{float32(x / length), float32(y / length)})
	}
	return list, nil
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

// testTemplate shows all that a template can be given.
const testTemplate = "{% if tools %}{{ tools | tojson }}<tool_call>{{ '\\n' }}{% endif %}{% for m in messages %}" +
	"{{ m.role }}:{% if m.reasoning_content %}({{ m.reasoning_content }}){% endif %} {{ m.content }}" +
	"{% for c in m.tool_calls %}[{{ c.id }} {{ c.function.name }} {{ c.function.arguments | tojson }}]{% endfor %}" +
	"{% if m.tool_call_id %}<{{ m.tool_call_id }}>{% endif %}{{ '\\n' }}{% endfor %}" +
	"{% if reasoning_effort %}effort {{ reasoning_effort }}{{ '\\n' }}{% endif %}"

// newModel makes a model that writes texts. It has a token of each byte.
func newModel(t testing.TB, texts ...string) (*scripted, *answer.Model) {
	t.Helper()
	tok, err := tokenizer.Train(func(yield func(string, error) bool) {
		yield("some words to learn from, some words to learn from", nil)
	}, tokenizer.TrainOptions{VocabSize: 262})
	if err != nil {
		t.Fatal(err)
	}
	v := tok.Vocab()
	v.ChatTemplate = testTemplate
	if tok, err = tokenizer.FromVocab(v); err != nil {
		t.Fatal(err)
	}
	s := &scripted{texts: texts}
	return s, &answer.Model{
		Info:      answer.Info{ID: "tiny", Modified: time.Unix(5, 0), Context: 2000},
		Tokenizer: tok, Generator: s, Scorer: scorer{}, Embedder: vectors{}, Grammar: grammar.NewCompiler(tok), Context: 2000,
	}
}

// newServer makes the handler of a model.
func newServer(m *answer.Model) http.Handler {
	mux := http.NewServeMux()
	log := slog.New(slog.DiscardHandler)
	for pattern, h := range New(only{m}, Options{Log: log, Now: func() time.Time { return time.Unix(7, 0) }}) {
		mux.Handle(pattern, h)
	}
	return mux
}

// start starts a server of a model, and returns its address.
func start(t testing.TB, m *answer.Model) string {
	t.Helper()
	server := httptest.NewServer(newServer(m))
	t.Cleanup(server.Close)
	return server.URL
}

// serve starts a server of a model that writes texts.
func serve(t testing.TB, texts ...string) (*scripted, string) {
	t.Helper()
	s, m := newModel(t, texts...)
	return s, start(t, m)
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
		`{`:                                         `400 "param":null,"code":"invalid_input"`,
		`[]`:                                        `400 "code":"invalid_input"`,
		`{} {}`:                                     `400 "code":"invalid_input"`,
		`{"messages":[]}`:                           `400 "param":"messages","code":"invalid_input"`,
		`{"model":"other",` + user + `}`:            `404 "param":"model","code":"model_not_found"`,
		`{"temperature":-1,` + user + `}`:           `400 "param":"temperature"`,
		`{"temperature":"hot",` + user + `}`:        `400 "param":"temperature"`,
		`{"n":0,` + user + `}`:                      `400 "param":"n"`,
		`{"functions":[],` + user + `}`:             `400 "param":"functions","code":"not_supported"`,
		`{"top_logprobs":2,` + user + `}`:           `400 "param":"top_logprobs"`,
		`{"logit_bias":{"x":1},` + user + `}`:       `400 "param":"logit_bias"`,
		`{"modalities":["audio"],` + user + `}`:     `400 "param":"modalities"`,
		`{"max_tokens":0,` + user + `}`:             `400 "param":"max_tokens"`,
		`{"max_completion_tokens":-1,` + user + `}`: `400 "param":"max_completion_tokens"`,
		`{"grammar":"root","response_format":{"type":"json_object"},` + user + `}`:                                     `400 "param":"grammar"`,
		`{"grammar":"root",` + user + `}`:                                                                              `400 "param":"grammar"`,
		`{"response_format":{"type":"json_schema","json_schema":{"schema":null}},` + user + `}`:                        `400 "param":"response_format.json_schema"`,
		`{"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"x"},"strict":true}}],` + user + `}`: `400 "param":"tools"`,
		`{"logit_bias":{"999":1},` + user + `}`:                                                                        `400 "param":"logit_bias"`,
		`{"messages":[{"role":"user"}]}`:                                                                               `400 "param":"messages[0].content"`,
		`{"messages":[{"role":"assistant"}]}`:                                                                          `400 "param":"messages[0].content"`,
		`{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"[]"}}]}]}`:                           `400 "param":"messages[0].tool_calls[0].function.arguments"`,
		`{"response_format":{"type":"x"},` + user + `}`:                                                                `400 "param":"response_format.type"`,
		`{"response_format":{"type":"json_schema"},` + user + `}`:                                                      `400 "param":"response_format.json_schema"`,
		`{"tool_choice":"maybe",` + user + `}`:                                                                         `400 "param":"tool_choice"`,
		`{"tool_choice":"required",` + user + `}`:                                                                      `400 "param":"tool_choice"`,
		`{"tools":[{"type":"web"}],` + user + `}`:                                                                      `400 "param":"tools[0]"`,
		`{"messages":[{"role":"king","content":"x"}]}`:                                                                 `400 "param":"messages[0].role"`,
		`{"messages":[{"role":"user","content":null}]}`:                                                                `400 "param":"messages[0].content"`,
		`{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`:                                              `400 "param":"messages[0].content[0].type","code":"not_supported"`,
		`{"messages":[{"role":"tool","content":"x"}]}`:                                                                 `400 "param":"messages[0].tool_call_id"`,
		`{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{"}}]}]}`:                            `400 "param":"messages[0].tool_calls[0].function.arguments"`,
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
		`{"prompt":"a","echo":true,"stream":true}`: `"param":"echo"`, `{"prompt":"a","max_tokens":0}`: `"param":"max_tokens"`,
		`{"prompt":[300],"echo":true,"logprobs":1,"max_tokens":0}`: `"param":"prompt[0]"`, `{"prompt":[[]]}`: `"param":"prompt"`,
		`{"prompt":["a","b","c","d","e","f","g","h","i"],"n":128}`: `"param":"prompt"`, `{"prompt":"a","grammar":"x"}`: `"param":"grammar"`,
		`{"prompt":"a","echo":true,"logprobs":2}`: `"param":"logprobs"`, `{"prompt":"a","stop":["1","2","3","4","5","6","7","8","9","0","1","2","3","4","5","6","7"]}`: `"param":"stop"`,
	} {
		if status, got := post(t, url+"/v1/completions", body); status != 400 || !strings.Contains(got, want) {
			t.Errorf("%s: %d %s, want %s", body, status, got, want)
		}
	}
	for body, want := range map[string]string{
		`{}`: `"param":"input"`, `{"input":"a","encoding_format":"x"}`: `"param":"encoding_format"`, `{"input":{}}`: `"param":"input"`,
		`{"input":"a","dimensions":3}`: `"param":"dimensions","code":"not_supported"`, `{"input":[[1],[]]}`: `"param":"input[1]"`,
		`{"input":["a",[999]]}`: `"param":"input[1][0]"`, `{"input":[` + strings.Repeat(`"a",`, 2048) + `"a"]}`: `"param":"input"`,
	} {
		if status, got := post(t, url+"/v1/embeddings", body); status != 400 || !strings.Contains(got, want) {
			t.Errorf("%.99s: %d %s, want %s", body, status, got, want)
		}
	}
}

// TestModelsThatCannot are models that only generate.
func TestModelsThatCannot(t *testing.T) {
	_, m := newModel(t, "hi")
	m.Scorer, m.Embedder, m.Grammar = nil, nil, nil
	url := start(t, m)
	for _, c := range []struct{ path, body, want string }{
		{"embeddings", `{"input":"a"}`, `"message":"model: tiny makes no embeddings","type":"invalid_request_error","param":"model","code":"not_supported"`},
		{"completions", `{"prompt":"a","echo":true,"logprobs":1}`, `"param":"echo","code":"not_supported"`},
		{"chat/completions", `{"messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_object"}}`, `"param":"response_format"`},
	} {
		if status, got := post(t, url+"/v1/"+c.path, c.body); status != 400 || !strings.Contains(got, c.want) {
			t.Errorf("%s: %d %s, want %s", c.path, status, got, c.want)
		}
	}
}

// TestLooseTools has a tool with a schema that no answer can be held to: it is refused only if the
// tool is strict (see TestRefusals).
func TestLooseTools(t *testing.T) {
	s, url := serve(t, "hi")
	body := `{"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"x"}}}]}`
	if status, got := post(t, url+"/v1/chat/completions", body); status != 200 || s.last(t).Constraint == nil {
		t.Errorf("%d %s", status, got)
	}
}

// TestTokens turns text into tokens and back.
func TestTokens(t *testing.T) {
	_, url := serve(t)
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"tokenize", `{"content":"a words"}`, 200, `{"tokens":[97,257,258,259]}`},
		{"tokenize", `{"content":"a","add_special":true}`, 200, `{"tokens":[260,97]}`},
		{"tokenize", `{"content":"","add_special":false}`, 200, `{"tokens":[]}`},
		{"tokenize", `{"content":"a\u00e1","with_pieces":true}`, 200, `{"tokens":[{"id":97,"piece":"a"},{"id":195,"piece":[195]},{"id":161,"piece":[161]}]}`},
		{"tokenize", `{}`, 400, `"param":"content"`},
		{"tokenize", `{"content":"a","special":true}`, 400, `"param":"special","code":"not_supported"`},
		{"tokenize", `{"content":"a","add_special":true,"parse_special":false}`, 400, `"param":"parse_special"`},
		{"tokenize", `{"content":"a","model":"x"}`, 404, `"model_not_found"`},
		{"detokenize", `{"tokens":[260,97,257,258,259]}`, 200, `{"content":"a words"}`},
		{"detokenize", `{"tokens":[]}`, 200, `{"content":""}`},
		{"detokenize", `{"tokens":[999]}`, 400, `"param":"tokens[0]"`},
		{"detokenize", `{}`, 400, `"param":"tokens"`},
	} {
		status, got := post(t, url+"/"+c.path, c.body)
		if status != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %d %s, want %s", c.path, c.body, status, got, c.want)
		}
	}
	_, m := newModel(t)
	name := m.Tokenizer.Vocab().Tokens[260]
	if _, got := post(t, url+"/tokenize", `{"content":"`+name+`"}`); got != `{"tokens":[260]}`+"\n" {
		t.Errorf("the special token %s becomes %s", name, got)
	}
	if _, got := post(t, url+"/tokenize", `{"content":"`+name+`","parse_special":false}`); strings.Contains(got, "260") {
		t.Errorf("the text %s becomes a special token: %s", name, got)
	}
}

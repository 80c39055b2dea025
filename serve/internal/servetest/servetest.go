// Package servetest has what tests of the APIs need: a model that writes what a test says.
package servetest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/grammar"
	"trit/tokenizer"
)

// Template is a chat template that knows neither tools nor thoughts.
const Template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"

// ThinkingTemplate shows all that it gets.
const ThinkingTemplate = `{% if enable_thinking is defined %}think={{ enable_thinking }}{{ reasoning_effort }}{{ '\n' }}{% endif %}
{% for m in messages %}
{{ m.role }}: {% if m.reasoning_content %}({{ m.reasoning_content }}){% endif %}{{ m.content -}}
{% for c in m.tool_calls or [] %}[{{ c.function.name }} {{ c.function.arguments | tojson }}]{% endfor -%}
{% if m.tool_call_id %}<{{ m.name }}>{% endif %}{{ '\n' }}
{%- endfor %}`

// Model writes the same texts whatever it is asked. It is an Embedder, and records constraints.
type Model struct {
	Texts    []string
	Stop     string          // the stop text that ended the answer
	Finish   lm.FinishReason // "": FinishStop
	Err      error           // of the answer, at its end
	Requests []lm.GenerateRequest
	Sources  []grammar.Source
	Inputs   [][]int32 // of embeddings

	mu sync.Mutex
}

// Generate implements lm.Generator.
func (s *Model) Generate(ctx context.Context, r lm.GenerateRequest, on func(lm.Delta)) (lm.GenerateResult, error) {
	s.mu.Lock()
	s.Requests = append(s.Requests, r)
	s.mu.Unlock()
	out := lm.GenerateResult{
		FinishReason: s.Finish, StopText: s.Stop, PromptTokens: len(r.Prompt), CachedTokens: 1,
		Prefill: 3 * time.Second, Decode: 4 * time.Second,
	}
	if out.FinishReason == "" {
		out.FinishReason = lm.FinishStop
	}
	for i, text := range s.Texts {
		if ctx.Err() != nil {
			out.FinishReason = lm.FinishCancel
			return out, nil
		}
		d := lm.Delta{Text: text, Tokens: []int32{int32('a' + i)}}
		if r.LogProbs {
			chosen := lm.LogProb{ID: int32('a' + i), LogProb: -0.5}
			d.LogProbs = []lm.TokenLogProbs{{LogProb: chosen, Top: []lm.LogProb{{ID: 'z', LogProb: -1}}}}
		}
		out.Tokens, out.Text = append(out.Tokens, d.Tokens...), out.Text+text
		on(d)
	}
	return out, s.Err
}

// Embed implements lm.Embedder.
func (s *Model) Embed(_ context.Context, sequences [][]int32) ([][]float32, error) {
	s.Inputs = sequences
	list := make([][]float32, len(sequences))
	for i := range list {
		list[i] = []float32{0.6, 0.8}
	}
	return list, nil
}

// New implements answer.Constrainer.
func (s *Model) New(source grammar.Source, _ []int32) (lm.Constraint, error) {
	s.Sources = append(s.Sources, source)
	return nil, nil
}

// ErrSecret is an error that clients must not see.
var ErrSecret = errors.New("a secret")

// Models is one model, which anybody may ask for.
type Models struct{ M *answer.Model }

// List implements answer.Models.
func (o Models) List() []answer.Info { return []answer.Info{o.M.Info} }

// Loaded returns the names of the models that are loaded.
func (o Models) Loaded() []string { return []string{o.M.ID} }

// Open implements answer.Models.
func (o Models) Open(_ context.Context, id string) (*answer.Model, func(), error) {
	if id != "" && id != o.M.ID {
		return nil, nil, &answer.UnknownModelError{ID: id, Known: []string{o.M.ID}}
	}
	return o.M, func() {}, nil
}

// NewModels makes a model named tiny with a chat template, "" for a base model, and a context of
// 500 tokens. The tokenizer has a token for each byte and few others.
func NewModels(t testing.TB, template string, s *Model) Models {
	t.Helper()
	tok, err := tokenizer.Train(func(yield func(string, error) bool) {
		yield("some words to learn from, some words to learn from", nil)
	}, tokenizer.TrainOptions{VocabSize: 262})
	if err != nil {
		t.Fatal(err)
	}
	v := tok.Vocab()
	v.ChatTemplate = template
	if tok, err = tokenizer.FromVocab(v); err != nil {
		t.Fatal(err)
	}
	info := answer.Info{
		ID: "tiny", Bytes: 70, Modified: time.Unix(5, 0).UTC(), Architecture: "bitnet-b1.58", Parameters: 2_400_000_000,
		Type: "I2_S", Context: 500, Chat: template != "",
	}
	return Models{&answer.Model{Info: info, Tokenizer: tok, Generator: s, Embedder: s, Grammar: s, Context: 500}}
}

// Mux joins the handlers of an API.
func Mux(handlers map[string]http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, h := range handlers {
		mux.Handle(pattern, h)
	}
	return mux
}

// Serve starts a server of an API and returns its address.
func Serve(t testing.TB, handlers map[string]http.Handler) string {
	t.Helper()
	server := httptest.NewServer(Mux(handlers))
	t.Cleanup(server.Close)
	return server.URL
}

// Post sends a body and returns status and body of the answer.
func Post(t testing.TB, url, body string) (int, string) {
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

// Last is the last request.
func (s *Model) Last(t testing.TB) lm.GenerateRequest {
	t.Helper()
	if len(s.Requests) == 0 {
		t.Fatal("the model was not asked")
	}
	return s.Requests[len(s.Requests)-1]
}

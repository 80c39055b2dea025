package openai

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"math"
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

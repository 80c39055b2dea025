package answer

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"trit/lm"
	"trit/tokenizer"
)

// words replaces bad, and refuses evil.
type words struct{ seen *[]string }

var errEvil = errors.New("evil")

func (w words) Input(text string) (string, error) {
	*w.seen = append(*w.seen, text)
	if strings.Contains(text, "evil") {
		return "", errEvil
	}
	return strings.ReplaceAll(text, "bad", "good"), nil
}

func (w words) Output() OutputFilter { return &held{w: w} }

// held holds a text back until its end.
type held struct {
	w    words
	text string
}

func (h *held) Write(text string) (string, error) { h.text += text; return "", nil }

func (h *held) Finish() (string, error) { return h.w.Input(h.text) }

// inputsOnly is a filter that looks at no answer.
type inputsOnly struct{ words }

func (inputsOnly) Output() OutputFilter { return nil }

// TestFilterSeesAllThatTemplatesShow has a bad word in each place of a request.
func TestFilterSeesAllThatTemplatesShow(t *testing.T) {
	const template = "{{ x | tojson }}{{ tools | tojson }}{% for m in messages %}{{ m | tojson }}{% endfor %}<tool_call>"
	request := func(word string) Request {
		object := json.RawMessage(`{"` + word + `":["\u00` + "62ad " + word + `"]}`)
		return Request{
			Messages: []tokenizer.Message{
				{Role: "system", Content: word}, {Role: "user", Parts: []tokenizer.Part{{Type: "text", Text: word}}},
				{Role: "assistant", ReasoningContent: word, ToolCalls: []tokenizer.ToolCall{
					{ID: word, Type: "function", Function: tokenizer.FunctionCall{Name: word, Arguments: object}},
				}},
				{Role: "tool", Name: word, ToolCallID: word, Content: word},
			},
			Tools:    []Tool{{Name: word, Description: word, Parameters: object}},
			Template: map[string]any{"x": map[string]any{"y": []any{word}}},
		}
	}
	s := &scripted{}
	m, _ := newModel(t, template, s)
	var seen []string
	ctx := WithFilter(t.Context(), words{&seen})
	r := request("bad")
	if _, err := Ask(ctx, m, r, nil); err != nil {
		t.Fatal(err)
	}
	if text := m.Tokenizer.Decode(s.request.Prompt); strings.Contains(text, "bad") || strings.Count(text, "good") != 17 {
		t.Errorf("the model reads %d times good in %s", strings.Count(text, "good"), text)
	}
	if r.Messages[0].Content != "bad" || r.Tools[0].Name != "bad" || string(r.Tools[0].Parameters) != string(request("bad").Tools[0].Parameters) {
		t.Error("the caller's request is changed")
	}
	if _, err := Tokens(ctx, m, request("evil")); !errors.Is(err, errEvil) {
		t.Errorf("counting tokens of a refused text: %v", err)
	}
}

// TestEncodeFilters has prompts of text and of tokens, with special tokens and without.
func TestEncodeFilters(t *testing.T) {
	m, _ := newModel(t, plainTemplate, &scripted{})
	tok := m.Tokenizer
	var seen []string
	ctx := WithFilter(t.Context(), inputsOnly{words{&seen}})
	bos := tok.Vocab().Tokens[tok.BOS()]
	for name, c := range map[string]struct {
		p    Prompt
		want []int32
	}{
		"a text":           {Prompt{Text: "a bad " + bos}, tok.EncodeText("a good "+bos, true)},
		"a bare text":      {Prompt{Text: "bad", Bare: true}, tok.Encode("good", false)},
		"special":          {Prompt{Text: "bad" + bos, Special: true}, tok.Encode("good"+bos, true)},
		"special, bare":    {Prompt{Text: "bad" + bos, Special: true, Bare: true}, tok.Encode("good"+bos, false)},
		"tokens":           {Prompt{IDs: []int32{tok.BOS(), 'a', tok.BOS()}}, []int32{tok.BOS(), 'a', tok.BOS()}},
		"tokens to mend":   {Prompt{IDs: tok.Encode("bad", false)}, tok.Encode("good", true)},
		"no tokens":        {Prompt{IDs: []int32{}}, []int32{}},
		"nothing, bare":    {Prompt{Bare: true}, nil},
		"a text and a NUL": {Prompt{Text: "a\x00"}, tok.Encode("a\x00", true)},
	} {
		if got, err := m.Encode(ctx, "prompt", c.p); err != nil || !slices.Equal(got.IDs(), c.want) {
			t.Errorf("%s: %v (%v), want %v", name, got.IDs(), err, c.want)
		}
	}
	for _, p := range []Prompt{{Text: "evil"}, {IDs: tok.Encode("evil", false)}} {
		if _, err := m.Encode(ctx, "prompt", p); !errors.Is(err, errEvil) {
			t.Errorf("%+v: %v, want a refusal", p, err)
		}
	}
	var wrong *RequestError
	if _, err := m.Encode(ctx, "prompt", Prompt{IDs: []int32{1, -4}}); !errors.As(err, &wrong) || wrong.Field != "prompt[1]" {
		t.Errorf("a token that there is not: %v", err)
	}
}

// TestFilterSeesAllThatModelsWrite has bad words in thoughts, text and calls, some with escapes of JSON.
func TestFilterSeesAllThatModelsWrite(t *testing.T) {
	const call = `{"name": "weather", "arguments": {"town": "b\u0061d", "bad": 1}}`
	for _, texts := range [][]string{
		{"<think>a bad</think>so bad<tool_call>" + call + "</tool_call>bad"},
		strings.Split("<think>a bad</think>so bad<tool_call>"+call+"</tool_call>bad", ""),
	} {
		m, _ := newModel(t, toolTemplate, &scripted{texts: texts})
		var seen []string
		order := ""
		got, err := Ask(WithFilter(t.Context(), words{&seen}), m, Request{
			Messages: []tokenizer.Message{{Role: "user", Content: "hi"}}, Tools: []Tool{weather},
		}, func(e Event) {
			order += e.Reasoning + "|" + e.Text + "|"
			if e.Call != nil {
				order += string(e.Call.Arguments)
			}
		})
		if err != nil || order != `a good|||so good|||{"town": "good", "good": 1}|good|` || got.Text != "so goodgood" || got.Reasoning != "a good" {
			t.Errorf("%q, the events are %s (%v)", got.Text, order, err)
		}
	}
	for _, text := range []string{
		"evil", "<think>evil</think>", `<tool_call>{"name": "weather", "arguments": {"town": "\u0065vil"}}</tool_call>`,
		`<tool_call>{"name": "evil", "arguments": {}}</tool_call>`, "<tool_call>evil",
	} {
		m, _ := newModel(t, toolTemplate, &scripted{texts: []string{text}})
		var seen []string
		_, err := Ask(WithFilter(t.Context(), words{&seen}), m, Request{
			Messages: []tokenizer.Message{{Role: "user", Content: "hi"}}, Tools: []Tool{weather},
		}, func(e Event) { t.Errorf("%s: the event %+v", text, e) })
		if !errors.Is(err, errEvil) {
			t.Errorf("%s: %v, want a refusal", text, err)
		}
	}
}

// TestLogProbsBesideAFilter would tell what it takes out.
func TestLogProbsBesideAFilter(t *testing.T) {
	m, _ := newModel(t, plainTemplate, &scripted{texts: []string{"a"}})
	var seen []string
	for filter, refused := range map[Filter]bool{words{&seen}: true, inputsOnly{words{&seen}}: false} {
		_, err := Ask(WithFilter(context.Background(), filter), m, Request{
			Messages: []tokenizer.Message{{Role: "user", Content: "hi"}}, LogProbs: true,
		}, nil)
		var bad *RequestError
		if errors.As(err, &bad) != refused {
			t.Errorf("%T: %v", filter, err)
		}
	}
}

// fixed gives a vector or a log-probability for each token.
type fixed struct{ err error }

func (f fixed) Embed(_ context.Context, list [][]int32) ([][]float32, error) {
	return make([][]float32, len(list)), f.err
}

func (f fixed) ScoreTokens(_ context.Context, list []lm.ScoreRequest) (out [][]lm.TokenLogProbs, err error) {
	for _, r := range list {
		out = append(out, make([]lm.TokenLogProbs, len(r.Targets)))
	}
	return out, f.err
}

// counting counts what a watcher is told.
type counting struct {
	model  string
	tokens int
	err    error
}

func (c *counting) Began(model string) { c.model = model }

func (c *counting) FirstToken(_ time.Duration) {}

func (c *counting) Ended(r *Result, err error) { c.tokens, c.err = c.tokens+r.PromptTokens, err }

// TestWatchersSeeMeasuring counts the tokens of vectors and scores.
func TestWatchersSeeMeasuring(t *testing.T) {
	m, _ := newModel(t, plainTemplate, &scripted{})
	list := []Sequence{{[]int32{1}}, {[]int32{1, 2, 3}}}
	for _, fails := range []error{nil, errEvil} {
		m.Embedder, m.Scorer = fixed{fails}, fixed{fails}
		w := &counting{}
		vectors, err := Embed(WithWatcher(t.Context(), w), m, list)
		if !errors.Is(err, fails) || len(vectors) != 2 || w.tokens != 4 || w.err != fails || w.model != m.ID {
			t.Errorf("vectors: %v (%v), the watcher has %+v", vectors, err, w)
		}
		scores, err := Score(WithWatcher(t.Context(), w), m, list, true)
		if !errors.Is(err, fails) || fails == nil && (len(scores) != 2 || len(scores[0]) != 0 || len(scores[1]) != 2) || w.tokens != 8 {
			t.Errorf("scores: %v (%v), the watcher has %+v", scores, err, w)
		}
		if _, err = Score(WithWatcher(t.Context(), w), m, list, false); w.tokens != 8 {
			t.Errorf("scores beside answers: the watcher has %+v (%v)", w, err)
		}
	}
}

package answer

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"trit/lm"
	"trit/serve/grammar"
	"trit/tokenizer"
)

// scripted is a model that writes the same texts whatever it is asked.
type scripted struct {
	texts   []string
	finish  lm.FinishReason
	request lm.GenerateRequest // the last one
}

func (s *scripted) Generate(_ context.Context, r lm.GenerateRequest, on func(lm.Delta)) (lm.GenerateResult, error) {
	s.request = r
	for i, text := range s.texts {
		d := lm.Delta{Text: text, Tokens: []int32{int32(i)}}
		if r.LogProbs {
			d.LogProbs = []lm.TokenLogProbs{{LogProb: lm.LogProb{ID: int32(i)}}}
		}
		on(d)
	}
	reason := s.finish
	if reason == "" {
		reason = lm.FinishStop
	}
	return lm.GenerateResult{Text: strings.Join(s.texts, ""), FinishReason: reason}, nil
}

// forms records the sources of constraints.
type forms struct{ sources []grammar.Source }

func (f *forms) New(s grammar.Source, _ []int32) (lm.Constraint, error) {
	f.sources = append(f.sources, s)
	return nil, nil
}

const (
	plainTemplate    = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
	toolTemplate     = "{% if tools %}{% for t in tools %}{{ t | tojson }}{% endfor %}<tool_call>{% endif %}" + plainTemplate
	llamaTemplate    = `{% if tools %}"parameters"{{ tools | tojson }}{% endif %}` + plainTemplate
	thinkingTemplate = plainTemplate + "assistant: <think>\n"
)

func newModel(t *testing.T, template string, s *scripted) (*Model, *forms) {
	t.Helper()
	tok, err := tokenizer.Train(func(yield func(string, error) bool) {
		yield("some words to learn from, some words to learn from <tool_call> {}", nil)
	}, tokenizer.TrainOptions{VocabSize: 262})
	if err != nil {
		t.Fatal(err)
	}
	v := tok.Vocab()
	v.ChatTemplate = template
	if tok, err = tokenizer.FromVocab(v); err != nil {
		t.Fatal(err)
	}
	f := &forms{}
	return &Model{Tokenizer: tok, Generator: s, Grammar: f, Context: 500}, f
}

var weather = Tool{Name: "weather", Description: "of a town", Parameters: json.RawMessage(`{"type":"object","properties":{"town":{"type":"string"}}}`)}

// TestAnswersAreTakenApart gives the texts of a model whole and letter by letter.
func TestAnswersAreTakenApart(t *testing.T) {
	const call = `{"name": "weather", "arguments": {"town": "Rome"}}`
	for name, c := range map[string]struct {
		template, text            string
		tools                     bool
		content, reasoning, calls string
		finish                    Finish
	}{
		"text":                 {plainTemplate, "Hello <b> there", false, "Hello <b> there", "", "", FinishStop},
		"thoughts":             {plainTemplate, "<think>\nhm</think>\n\nYes", false, "Yes", "\nhm", "", FinishStop},
		"thoughts of template": {thinkingTemplate, "hm</think> Yes", false, "Yes", "hm", "", FinishStop},
		"thoughts, late":       {plainTemplate, "No <think>", false, "No <think>", "", "", FinishStop},
		"thoughts, unended":    {plainTemplate, "<think>hm", false, "", "hm", "", FinishStop},
		"a call":               {toolTemplate, "<tool_call>\n" + call + "\n</tool_call>", true, "", "", `weather{"town": "Rome"}`, FinishCalls},
		"text and two calls": {
			toolTemplate, "I look.\n<tool_call>" + call + "</tool_call>\n<tool_call>" + call + "</tool_call>", true,
			"I look.", "", `weather{"town": "Rome"}weather{"town": "Rome"}`, FinishCalls,
		},
		"no call":           {toolTemplate, "<tool_call>what?</tool_call> I", true, "<tool_call>what?</tool_call>I", "", "", FinishStop},
		"half a call":       {toolTemplate, "<tool_call>{", true, "<tool_call>{", "", "", FinishStop},
		"a call cut":        {toolTemplate, "I <tool_call>{", true, "I", "", "", FinishLength},
		"a mark cut":        {toolTemplate, "I <tool_", true, "I ", "", "", FinishLength},
		"a < at the cut":    {toolTemplate, "1 <", true, "1 <", "", "", FinishLength},
		"a bare text cut":   {llamaTemplate, `{"a":`, true, `{"a":`, "", "", FinishLength},
		"a call, no tools":  {toolTemplate, "<tool_call>" + call + "</tool_call>", false, "<tool_call>" + call + "</tool_call>", "", "", FinishStop},
		"a call, untaught":  {plainTemplate, "<tool_call>" + call + "</tool_call>", true, "", "", `weather{"town": "Rome"}`, FinishCalls},
		"a bare call":       {llamaTemplate, ` {"name":"weather","parameters":{}}`, true, "", "", `weather{}`, FinishCalls},
		"a bare text":       {llamaTemplate, `{"name":1}`, true, `{"name":1}`, "", "", FinishStop},
		"space at the ends": {toolTemplate, "  a b \n", true, "  a b \n", "", "", FinishStop},
	} {
		for _, texts := range [][]string{{c.text}, strings.Split(c.text, "")} {
			s := &scripted{texts: texts}
			if c.finish == FinishLength {
				s.finish = lm.FinishLength
			}
			m, _ := newModel(t, c.template, s)
			r := Request{Messages: []tokenizer.Message{{Role: "user", Content: "hi"}}, LogProbs: true}
			if c.tools {
				r.Tools = []Tool{weather}
			}
			var content, reasoning, calls string
			logProbs := 0
			got, err := Ask(t.Context(), m, r, func(e Event) {
				content, reasoning, logProbs = content+e.Text, reasoning+e.Reasoning, logProbs+len(e.LogProbs)
				if e.Call != nil {
					calls += e.Call.Name + string(e.Call.Arguments)
				}
			})
			if err != nil || content != c.content || reasoning != c.reasoning || calls != c.calls || got.Finish != c.finish {
				t.Errorf("%s: %q, thoughts %q, calls %q, ended by %s (%v)", name, content, reasoning, calls, got.Finish, err)
			}
			if logProbs != len(texts) {
				t.Errorf("%s: the events have log-probabilities of %d tokens of %d", name, logProbs, len(texts))
			}
			if got.Text != content || got.Reasoning != reasoning {
				t.Errorf("%s: the result is %q and %q, the events %q and %q", name, got.Text, got.Reasoning, content, reasoning)
			}
		}
	}
}

// TestForcedCallsThatAreCut have no call and no text, wherever they are cut.
func TestForcedCallsThatAreCut(t *testing.T) {
	for template, call := range map[string]string{
		toolTemplate:  "<tool_call>\n{\"name\": \"weather\", \"arguments\": {\"town\": \"R",
		llamaTemplate: `{"name": "weather", "parameters": {"town": "R`,
	} {
		for n := range len(call) {
			m, _ := newModel(t, template, &scripted{texts: []string{call[:n+1]}, finish: lm.FinishLength})
			got, err := Ask(t.Context(), m, Request{
				Messages: []tokenizer.Message{{Role: "user", Content: "hi"}}, Tools: []Tool{weather}, Choice: ToolChoice{Mode: ToolsRequired},
			}, func(e Event) {
				if e.Text != "" || e.Call != nil {
					t.Errorf("%q: the event %+v", call[:n+1], e)
				}
			})
			if err != nil || got.Text != "" || len(got.Calls) > 0 || got.Finish != FinishLength {
				t.Errorf("%q: %q, calls %v, ended by %s (%v)", call[:n+1], got.Text, got.Calls, got.Finish, err)
			}
		}
	}
}

// TestPromptsTellOfTools looks at what the model is given.
func TestPromptsTellOfTools(t *testing.T) {
	for name, c := range map[string]struct{ template, want string }{
		"by the template":       {toolTemplate, `{"function": {"name": "weather", "description": "of a town", "parameters": {"type": "object", "properties": {"town": {"type": "string"}}}}, "type": "function"}<tool_call>system: be brief` + "\nuser: hi\n"},
		"in the system message": {plainTemplate, "system: be brief\n\nYou may call"},
	} {
		s := &scripted{}
		m, _ := newModel(t, c.template, s)
		_, err := Ask(t.Context(), m, Request{
			Messages: []tokenizer.Message{{Role: "system", Content: "be brief"}, {Role: "user", Content: "hi"}}, Tools: []Tool{weather},
		}, nil)
		got := m.Tokenizer.Decode(s.request.Prompt)
		if err != nil || !strings.HasPrefix(got, c.want) || !strings.Contains(got, `"town"`) {
			t.Errorf("%s: the model reads %q (%v)", name, got, err)
		}
		if s.request.MaxTokens != 500-len(s.request.Prompt) || len(s.request.StopIDs) == 0 {
			t.Errorf("%s: %d tokens, ends %v", name, s.request.MaxTokens, s.request.StopIDs)
		}
	}
}

func TestConstraints(t *testing.T) {
	const schema = `{"anyOf":[{"additionalProperties":false,"properties":{"name":{"const":"weather"},"arguments":{"type":"object","properties":{"town":{"type":"string"}}}},"required":["name","arguments"],"type":"object"}]}`
	for name, c := range map[string]struct {
		change func(*Request)
		want   []grammar.Source
	}{
		"text":          {func(*Request) {}, nil},
		"JSON":          {func(r *Request) { r.Format.JSON = true }, []grammar.Source{{JSON: true}}},
		"tools":         {func(r *Request) { r.Tools = []Tool{weather} }, []grammar.Source{{Schema: json.RawMessage(schema), Trigger: "<tool_call>", After: "</tool_call>"}}},
		"tools, unused": {func(r *Request) { r.Tools, r.Choice.Mode = []Tool{weather}, ToolsNone }, nil},
		"one of two": {func(r *Request) {
			r.Tools, r.Choice = []Tool{{Name: "other"}, weather}, ToolChoice{Mode: ToolsRequired, Name: "weather"}
		}, []grammar.Source{{Schema: json.RawMessage(schema), Before: "<tool_call>\n", After: "\n</tool_call>"}}},
	} {
		m, f := newModel(t, toolTemplate, &scripted{})
		r := Request{Messages: []tokenizer.Message{{Role: "user", Content: "hi"}}}
		c.change(&r)
		if _, err := Ask(t.Context(), m, r, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(f.sources) != len(c.want) || len(c.want) == 1 && !equalSources(f.sources[0], c.want[0]) {
			t.Errorf("%s: %+v, want %+v", name, f.sources, c.want)
		}
	}
}

// TestReasoningTokens counts the tokens of thoughts, with the marks around them.
func TestReasoningTokens(t *testing.T) {
	for _, c := range []struct {
		template string
		texts    []string
		want     int
	}{
		{plainTemplate, []string{"Yes", " no"}, 0},
		{plainTemplate, []string{"<th", "ink>", "hm", " hm", "</think>", "Yes"}, 5},
		{plainTemplate, []string{"<think>hm</think>", "Yes"}, 1},
		{plainTemplate, []string{"<th", "at>", "hm"}, 0},
		{thinkingTemplate, []string{"hm", "</think>", "Yes"}, 2},
		{plainTemplate, []string{"<think>", "hm", "hm"}, 3},
	} {
		m, _ := newModel(t, c.template, &scripted{texts: c.texts})
		got, err := Ask(t.Context(), m, Request{Messages: []tokenizer.Message{{Role: "user", Content: "hi"}}}, nil)
		if err != nil || got.ReasoningTokens != c.want {
			t.Errorf("%q: %d tokens of thoughts (%v), want %d", c.texts, got.ReasoningTokens, err, c.want)
		}
	}
}

// TestToolsThatNoFormHolds has a schema that cannot be compiled: only a strict tool is refused.
func TestToolsThatNoFormHolds(t *testing.T) {
	for _, strict := range []bool{false, true} {
		m, _ := newModel(t, toolTemplate, &scripted{})
		m.Grammar = picky{}
		tool := weather
		tool.Strict = strict
		_, err := Ask(t.Context(), m, Request{Messages: []tokenizer.Message{{Role: "user", Content: "hi"}}, Tools: []Tool{tool}}, nil)
		if refused := err != nil && strings.HasPrefix(err.Error(), "tools: "); refused != strict {
			t.Errorf("strict %v: %v", strict, err)
		}
	}
}

// picky knows no schema with a town.
type picky struct{}

func (picky) New(s grammar.Source, _ []int32) (lm.Constraint, error) {
	if strings.Contains(string(s.Schema), "town") {
		return nil, &grammar.Error{Text: "what is a town?"}
	}
	return nil, nil
}

func equalSources(a, b grammar.Source) bool {
	same := string(a.Schema) == string(b.Schema)
	a.Schema, b.Schema = nil, nil
	return same && a.JSON == b.JSON && a.GBNF == b.GBNF && a.Before == b.Before && a.After == b.After && a.Trigger == b.Trigger
}

func TestAskRefuses(t *testing.T) {
	for want, change := range map[string]func(*Request){
		"messages: there are none":                      func(r *Request) { r.Messages = nil },
		"max_tokens: is -1":                             func(r *Request) { r.MaxTokens = -1 },
		"top_logprobs: is 21":                           func(r *Request) { r.TopLogProbs = 21 },
		"stop: holds 17":                                func(r *Request) { r.Stop = make([]string, 17) },
		"temperature: is -1":                            func(r *Request) { r.Sampling.Temperature = -1 },
		"tool_choice: asks for a call":                  func(r *Request) { r.Choice.Mode = ToolsRequired },
		`tool_choice: there is no tool "x"`:             func(r *Request) { r.Tools, r.Choice.Name = []Tool{weather}, "x" },
		"logit_bias: token 9999":                        func(r *Request) { r.Sampling.LogitBias = map[int32]float64{9999: 1} },
		"response_format: an answer with a form cannot": func(r *Request) { r.Tools, r.Format.JSON = []Tool{weather}, true },
	} {
		m, _ := newModel(t, plainTemplate, &scripted{})
		r := Request{Messages: []tokenizer.Message{{Role: "user", Content: "hi"}}}
		change(&r)
		_, err := Ask(t.Context(), m, r, nil)
		var bad *RequestError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}

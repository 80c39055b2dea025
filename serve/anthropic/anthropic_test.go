package anthropic

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/internal/servetest"
)

const user = `"messages":[{"role":"user","content":"hi"}]`

// serve starts a server of a model that writes texts.
func serve(t *testing.T, s *servetest.Model) (servetest.Models, string) {
	t.Helper()
	models := servetest.NewModels(t, servetest.ThinkingTemplate, s)
	return models, servetest.Serve(t, New(models, Options{Log: slog.New(slog.DiscardHandler)}))
}

// TestAnswers are the bodies of whole answers.
func TestAnswers(t *testing.T) {
	const end = `,"usage":{"input_tokens":8,"cache_creation_input_tokens":0,"cache_read_input_tokens":1,"output_tokens":`
	for name, c := range map[string]struct {
		model *servetest.Model
		body  string
		want  string // behind the id
	}{
		"text": {
			&servetest.Model{Texts: []string{"Hel", "lo <b>"}}, `{"max_tokens":9,` + user + `}`,
			`"content":[{"type":"text","text":"Hello <b>"}],"stop_reason":"end_turn","stop_sequence":null` + end + `2,"output_tokens_details":{"thinking_tokens":0}}}`,
		},
		"nothing": {
			&servetest.Model{}, `{"max_tokens":9,` + user + `}`,
			`"content":[],"stop_reason":"end_turn","stop_sequence":null` + end + `0,"output_tokens_details":{"thinking_tokens":0}}}`,
		},
		"stop sequence": {
			&servetest.Model{Texts: []string{"a"}, Stop: "END"}, `{"max_tokens":9,"stop_sequences":["END"],` + user + `}`,
			`"content":[{"type":"text","text":"a"}],"stop_reason":"stop_sequence","stop_sequence":"END"` + end + `1,"output_tokens_details":{"thinking_tokens":0}}}`,
		},
		"most tokens": {
			&servetest.Model{Texts: []string{"a"}, Finish: lm.FinishLength}, `{"max_tokens":1,` + user + `}`,
			`"content":[{"type":"text","text":"a"}],"stop_reason":"max_tokens","stop_sequence":null` + end + `1,"output_tokens_details":{"thinking_tokens":0}}}`,
		},
		"full context": {
			&servetest.Model{Texts: []string{"a"}, Finish: lm.FinishContext}, `{"max_tokens":10000,` + user + `}`,
			`"content":[{"type":"text","text":"a"}],"stop_reason":"model_context_window_exceeded","stop_sequence":null` + end + `1,"output_tokens_details":{"thinking_tokens":0}}}`,
		},
		"thoughts": {
			&servetest.Model{Texts: []string{"<think>hm", "</think>Yes"}}, `{"max_tokens":9,` + user + `}`,
			`"content":[{"type":"thinking","thinking":"hm","signature":""},{"type":"text","text":"Yes"}],` +
				`"stop_reason":"end_turn","stop_sequence":null` + end + `2,"output_tokens_details":{"thinking_tokens":2}}}`,
		},
	} {
		_, url := serve(t, c.model)
		status, got := servetest.Post(t, url+"/v1/messages", c.body)
		_, got, _ = strings.Cut(got, `","type":"message","role":"assistant","model":"tiny",`)
		if status != 200 || strings.TrimSpace(got) != c.want {
			t.Errorf("%s: %d %s\nwant %s", name, status, got, c.want)
		}
	}
}

const (
	weather = `"tools":[{"name":"weather","description":"of a town","input_schema":{"type":"object","properties":{"town":{"type":"string"}}}}]`
	call    = `<tool_call>{"name": "weather", "arguments": {"town": "Rome"}}</tool_call>`
)

func TestCallsOfTools(t *testing.T) {
	model := &servetest.Model{Texts: []string{"I look.", call, call}}
	_, url := serve(t, model)
	for body, want := range map[string]int{
		`{"max_tokens":9,` + weather + `,` + user + `}`:                                                                2,
		`{"max_tokens":9,"tool_choice":{"type":"auto","disable_parallel_tool_use":true},` + weather + `,` + user + `}`: 1,
	} {
		_, got := servetest.Post(t, url+"/v1/messages", body)
		var m message
		if err := json.Unmarshal([]byte(got), &m); err != nil || *m.StopReason != "tool_use" || len(m.Content) != want+1 {
			t.Fatalf("%s: %s (%v)", body, got, err)
		}
		b := m.Content[1].(map[string]any)
		if b["type"] != "tool_use" || b["name"] != "weather" || b["input"].(map[string]any)["town"] != "Rome" || b["id"] == "" {
			t.Errorf("call %v", b)
		}
		_, got = servetest.Post(t, url+"/v1/messages/count_tokens", body)
		if want := fmt.Sprintf(`{"input_tokens":%d}`, len(model.Last(t).Prompt)); strings.TrimSpace(got) != want {
			t.Errorf("%s: counted %s, want %s", body, got, want)
		}
	}
}

// TestStream compares a stream event by event.
func TestStream(t *testing.T) {
	_, url := serve(t, &servetest.Model{Texts: []string{"<think>h", "m</think>", "I ", "look.", call}})
	status, got := servetest.Post(t, url+"/v1/messages", `{"max_tokens":9,"stream":true,`+weather+`,`+user+`}`)
	if status != 200 {
		t.Fatalf("%d %s", status, got)
	}
	var names []string
	for e := range strings.SplitSeq(strings.TrimSuffix(got, "\n\n"), "\n\n") {
		name, data, _ := strings.Cut(strings.TrimPrefix(e, "event: "), "\ndata: ")
		var fields struct {
			Type string `json:"type"`
		}
		if err := json.Unmarshal([]byte(data), &fields); err != nil || fields.Type != name {
			t.Errorf("event %s is %s (%v)", name, data, err)
		}
		switch name {
		case "message_start":
			if _, rest, ok := strings.Cut(data, `","type":"message","role":"assistant","model":"tiny","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":`); !ok || strings.HasPrefix(rest, "0") {
				t.Errorf("start %s", data)
			}
			continue
		case "content_block_start":
			if _, rest, ok := strings.Cut(data, `"id":"call_`); ok {
				data = data[:strings.Index(data, `"id":`)] + rest[strings.Index(rest, `"name"`):]
			}
		case "message_delta":
			data, _, _ = strings.Cut(data, `,"usage":{"input_tokens":`)
		}
		names = append(names, data)
	}
	want := []string{
		`{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"h"}}`,
		`{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"m"}}`,
		`{"type":"content_block_stop","index":0}`,
		`{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}`,
		`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"I"}}`,
		`{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":" look."}}`,
		`{"type":"content_block_stop","index":1}`,
		`{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","name":"weather","input":{}}}`,
		`{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"town\": \"Rome\"}"}}`,
		`{"type":"content_block_stop","index":2}`,
		`{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null}`,
		`{"type":"message_stop"}`,
	}
	if strings.Join(names, "\n") != strings.Join(want, "\n") {
		t.Errorf("events\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
}

// TestStreamOfNothing begins as others do: the end is not known then.
func TestStreamOfNothing(t *testing.T) {
	_, url := serve(t, &servetest.Model{})
	_, got := servetest.Post(t, url+"/v1/messages", `{"max_tokens":9,"stream":true,`+user+`}`)
	start, rest, _ := strings.Cut(got, "\n\n")
	if !strings.Contains(start, `"stop_reason":null`) || !strings.Contains(start, `"cache_read_input_tokens":0`) ||
		!strings.Contains(rest, `"stop_reason":"end_turn"`) {
		t.Errorf("the stream is %s", got)
	}
}

// TestErrorsOfStreams are an error before the first event and one behind it.
func TestErrorsOfStreams(t *testing.T) {
	for _, texts := range [][]string{nil, {"a"}} {
		_, url := serve(t, &servetest.Model{Texts: texts, Err: servetest.ErrSecret})
		status, got := servetest.Post(t, url+"/v1/messages", `{"max_tokens":9,"stream":true,`+user+`}`)
		const body = `{"type":"error","error":{"type":"api_error","message":"the server failed: its log says why","details":{"error_code":"internal_error"}}}`
		if texts == nil && (status != 500 || strings.TrimSpace(got) != body) {
			t.Errorf("before: %d %s", status, got)
		}
		if texts != nil && (status != 200 || !strings.HasSuffix(got, "event: error\ndata: "+body+"\n\n")) {
			t.Errorf("behind: %d %s", status, got)
		}
	}
}

// TestPrompts looks at what the model is given.
func TestPrompts(t *testing.T) {
	for body, want := range map[string]string{
		`"system":"be brief",` + user: "system: be brief\nuser: hi\n",
		`"system":[{"type":"text","text":"be ","cache_control":{"type":"ephemeral"}},{"type":"text","text":"brief"}],` + user: "system: be brief\nuser: hi\n",
		`"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]`:                      "user: ab\n",
		`"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"}]`:                                            "user: a\n\nb\n",
		`"messages":[{"role":"user","content":"a"},{"role":"system","content":"b"},{"role":"system","content":"c"}]`:          "user: a\nsystem: b\nsystem: c\n",
		`"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"x"},{"type":"text","text":"b"},{"type":"tool_use","id":"1","name":"f","input":{"x":1}},{"type":"tool_use","id":"2","name":"g","input":{}}]},` +
			`{"role":"user","content":[{"type":"tool_result","tool_use_id":"2","content":[{"type":"text","text":"r"}]},{"type":"tool_result","tool_use_id":"1","is_error":true,"content":"no"},{"type":"text","text":"so?"}]}]`: //
		"user: a\nassistant: (t)b[f {\"x\": 1}][g {}]\ntool: r<g>\ntool: error: no<f>\nuser: so?\n",
		`"thinking":{"type":"disabled"},` + user:                                  "think=False\nuser: hi\n",
		`"thinking":{"type":"enabled","budget_tokens":1024},` + user:              "think=True\nuser: hi\n",
		`"output_config":{"effort":"low"},` + user:                                "user: hi\n",
		`"thinking":{"type":"adaptive"},"output_config":{"effort":"low"},` + user: "think=Truelow\nuser: hi\n",
	} {
		s := &servetest.Model{Texts: []string{"a"}}
		models, url := serve(t, s)
		status, got := servetest.Post(t, url+"/v1/messages", `{"max_tokens":9,`+body+`}`)
		if status != 200 {
			t.Errorf("%s: %d %s", body, status, got)
			continue
		}
		prompt := s.Last(t).Prompt
		if read := models.M.Tokenizer.Decode(prompt); read != want {
			t.Errorf("%s: the model reads %q, want %q", body, read, want)
		}
		_, got = servetest.Post(t, url+"/v1/messages/count_tokens", `{`+body+`}`)
		if strings.TrimSpace(got) != `{"input_tokens":`+strconv.Itoa(len(prompt))+`}` {
			t.Errorf("%s: counted %s of %d", body, got, len(prompt))
		}
	}
}

func TestOptions(t *testing.T) {
	s := &servetest.Model{Texts: []string{"a"}}
	models, url := serve(t, s)
	models.M.Sampling = lm.Sampling{Temperature: 0.7, MinP: 0.1}
	for body, want := range map[string]lm.Sampling{
		``:                   {Temperature: 0.7, MinP: 0.1}, // what the model's makers advise
		`"temperature":0.5,`: {Temperature: 0.5},
		`"top_p":0.4,`:       {Temperature: 1, TopP: 0.4},
		`"top_k":3,`:         {Temperature: 1, TopK: 3},
	} {
		status, got := servetest.Post(t, url+"/v1/messages", `{`+body+`"max_tokens":7,`+user+`}`)
		sampling := s.Last(t).Sampling
		want.Seed = sampling.Seed
		if status != 200 || !reflect.DeepEqual(sampling, want) {
			t.Errorf("%s: %d %s, sampling %+v", body, status, got, sampling)
		}
	}
	if s.Requests[0].Sampling.Seed == s.Requests[1].Sampling.Seed {
		t.Error("two answers have one seed")
	}
	status, got := servetest.Post(t, url+"/v1/messages", `{"model":"tiny","max_tokens":7,"stop_sequences":["x","y"],"metadata":{"user_id":"u"},
		"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}},`+user+`}`)
	r := s.Last(t)
	if status != 200 || r.MaxTokens != 7 || strings.Join(r.Stop, "") != "xy" {
		t.Errorf("%d %s: %+v", status, got, r)
	}
	if len(s.Sources) != 1 || string(s.Sources[0].Schema) != `{"type":"object"}` {
		t.Errorf("forms %+v", s.Sources)
	}
}

// TestChoices looks at how the answer is held to tools.
func TestChoices(t *testing.T) {
	for choice, want := range map[string]string{
		`{"type":"auto"}`: "trigger", `{"type":"none"}`: "", `{"type":"any"}`: "before", `{"type":"tool","name":"weather"}`: "before",
	} {
		s := &servetest.Model{Texts: []string{"a"}}
		_, url := serve(t, s)
		status, got := servetest.Post(t, url+"/v1/messages", `{"max_tokens":7,"tool_choice":`+choice+`,`+weather+`,`+user+`}`)
		held := ""
		if len(s.Sources) == 1 && s.Sources[0].Trigger != "" {
			held = "trigger"
		} else if len(s.Sources) == 1 && s.Sources[0].Before != "" {
			held = "before"
		}
		if status != 200 || held != want {
			t.Errorf("%s: %d %s, held by %q", choice, status, got, held)
		}
	}
}

// TestRefusals are requests that are wrong, each with its status and what the error says.
func TestRefusals(t *testing.T) {
	_, url := serve(t, &servetest.Model{Texts: []string{"a"}})
	said := func(content string) string {
		return `{"max_tokens":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":` + content + `}]}`
	}
	for body, want := range map[string]string{
		`{`:                               `400 no JSON object`,
		`[]`:                              `400 invalid_input`,
		`{"max_tokens":1}`:                `400 messages: there are none`,
		`{` + user + `}`:                  `400 max_tokens: is missing`,
		`{"max_tokens":0,` + user + `}`:   `400 max_tokens: is 0`,
		`{"max_tokens":"1",` + user + `}`: `400 max_tokens: is a JSON string`,
		`{"max_tokens":1,"model":"big",` + user + `}`:                                                                          `404 not_found_error`,
		`{"max_tokens":1,"container":"c",` + user + `}`:                                                                        `400 container: is not supported`,
		`{"max_tokens":1,"temperature":-1,` + user + `}`:                                                                       `400 temperature: is -1`,
		`{"max_tokens":1,"temperature":1.1,` + user + `}`:                                                                      `400 temperature: is 1.1: want at most 1`,
		`{"max_tokens":1,"stop_sequences":["1","2","3","4","5","6","7","8","9","0","1","2","3","4","5","6","7"],` + user + `}`: `400 stop_sequences: holds 17`,
		`{"max_tokens":1,"system":[{"type":"image"}],` + user + `}`:                                                            `400 system[0].type: is \"image\"`,
		`{"max_tokens":1,"system":7,` + user + `}`:                                                                             `400 system: is a JSON number`,
		`{"max_tokens":1,"messages":[7]}`:                                                                                      `400 messages[0]: is a JSON number`,
		`{"max_tokens":1,"messages":[{"role":"user"}]}`:                                                                        `400 messages[0].content: is empty`,
		`{"max_tokens":1,"messages":[{"role":"user","content":[]}]}`:                                                           `400 messages[0].content: is empty`,
		`{"max_tokens":1,"messages":[{"role":"tool","content":"a"}]}`:                                                          `400 messages[0].role: is \"tool\"`,
		`{"max_tokens":1,"messages":[{"role":"user","content":"a","name":"b"}]}`:                                               `400 messages[0].name: is not supported`,
		`{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{}}]}]}`:                               `400 messages[0].content[0].type: is \"image\": want text or tool_result`,
		`{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":"a","bold":true}]}]}`:                     `400 messages[0].content[0].bold: is not supported`,
		`{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"text","text":7}]}]}`:                                   `400 messages[0].content[0].text: is a JSON number`,
		`{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"x"}]}]}`:                   `400 messages[0].content[0].tool_use_id: is \"x\": no message before`,
		said(`"b"`): `400 messages: the last one is the assistant's`,
		said(`[{"type":"tool_use","name":"f","input":{}}]`):                                                           `400 messages[1].content[0].id: is missing`,
		said(`[{"type":"tool_use","id":"1","input":{}}]`):                                                             `400 messages[1].content[0].name: is missing`,
		said(`[{"type":"tool_use","id":"1","name":"f","input":"{}"}]`):                                                `400 messages[1].content[0].input: is no JSON object`,
		said(`[{"type":"redacted_thinking","data":"x"}]`):                                                             `400 messages[1].content[0].type: is \"redacted_thinking\"`,
		`{"max_tokens":1,"tools":[{"type":"bash_20250124","name":"bash"}],` + user + `}`:                              `400 tools[0].type: is \"bash_20250124\"`,
		`{"max_tokens":1,"tools":[{"name":"a"}],` + user + `}`:                                                        `400 tools[0].input_schema: is no JSON object`,
		`{"max_tokens":1,"tools":[{"input_schema":{}}],` + user + `}`:                                                 `400 tools[0].name: is missing`,
		`{"max_tokens":1,"tools":[{"name":"a","input_schema":{},"defer_loading":true}],` + user + `}`:                 `400 tools[0].defer_loading: is not supported`,
		`{"max_tokens":1,"tool_choice":{"type":"any"},` + user + `}`:                                                  `400 tool_choice: asks for a call`,
		`{"max_tokens":1,"tool_choice":{"type":"some"},` + user + `}`:                                                 `400 tool_choice.type: is \"some\"`,
		`{"max_tokens":1,"tool_choice":{"type":"tool"},` + user + `}`:                                                 `400 tool_choice.name: belongs`,
		`{"max_tokens":1,"tool_choice":{"type":"any","name":"a"},` + user + `}`:                                       `400 tool_choice.name: belongs`,
		`{"max_tokens":1,"thinking":{"type":"on"},` + user + `}`:                                                      `400 thinking.type: is \"on\"`,
		`{"max_tokens":1,"thinking":{"type":"enabled"},` + user + `}`:                                                 `400 thinking.budget_tokens: is missing`,
		`{"max_tokens":1,"thinking":{"type":"enabled","budget_tokens":0},` + user + `}`:                               `400 thinking.budget_tokens: is 0`,
		`{"max_tokens":1,"thinking":{"type":"adaptive","display":"omitted"},` + user + `}`:                            `400 thinking.display: is \"omitted\"`,
		`{"max_tokens":1,"output_config":{"format":{"type":"xml"}},` + user + `}`:                                     `400 output_config.format.type: is \"xml\"`,
		`{"max_tokens":1,"output_config":{"format":{"type":"json_schema"}},` + user + `}`:                             `400 output_config.format.schema: is no JSON object`,
		`{"max_tokens":1,"output_config":{"format":{"type":"json_schema","schema":{}}},` + weather + `,` + user + `}`: `400 output_config.format: an answer with a form`,
	} {
		status, got := servetest.Post(t, url+"/v1/messages", body)
		number, text, _ := strings.Cut(want, " ")
		if strconv.Itoa(status) != number || !strings.Contains(got, text) || !strings.HasPrefix(got, `{"type":"error","error":{"type":"`) {
			t.Errorf("%s: %d %s, want %s", body, status, got, want)
		}
	}
}

// TestErrorTypes are the API's types of errors.
func TestErrorTypes(t *testing.T) {
	for want, err := range map[string]error{
		`400 "invalid_request_error","message":"a: b","details":{"error_code":"invalid_input"}`: answer.Badf("a", "b"),
		`429 "overloaded_error"`:      &lm.BusyError{Waiting: 3, RetryAfter: 1500},
		`400 "invalid_request_error"`: &lm.LengthError{Tokens: 9, Limit: 8, Of: "the context"},
		`500 "api_error"`:             servetest.ErrSecret,
	} {
		models := servetest.NewModels(t, servetest.Template, &servetest.Model{Err: err})
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/v1/messages", strings.NewReader(`{"max_tokens":1,`+user+`}`))
		servetest.Mux(New(models, Options{Log: slog.New(slog.DiscardHandler)})).ServeHTTP(w, r)
		number, text, _ := strings.Cut(want, " ")
		if strconv.Itoa(w.Code) != number || !strings.Contains(w.Body.String(), `"error":{"type":`+text) {
			t.Errorf("%d %s, want %s", w.Code, w.Body, want)
		}
		if (w.Header().Get("Retry-After") == "1") != (number == "429") {
			t.Errorf("%s: headers %v", want, w.Header())
		}
	}
}

// FuzzBodies gives any body to both addresses: each gets an answer or an error of the API.
func FuzzBodies(f *testing.F) {
	f.Add(`{"max_tokens":9,` + weather + `,` + user + `}`)
	f.Add(`{"max_tokens":9,"stream":true,"tool_choice":{"type":"tool","name":"weather"},` + weather + `,` + user + `}`)
	f.Add(`{"max_tokens":9,"system":[{"type":"text","text":"a"}],"thinking":{"type":"adaptive"},"output_config":{"effort":"low"},"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"1","content":"x"}]}]}`)
	s := &servetest.Model{Texts: []string{"<think>a</think>", "b"}}
	models := servetest.NewModels(f, servetest.ThinkingTemplate, s)
	mux := servetest.Mux(New(models, Options{Log: slog.New(slog.DiscardHandler)}))
	f.Fuzz(func(t *testing.T, body string) {
		s.Requests, s.Sources = nil, nil
		for _, path := range []string{"/v1/messages", "/v1/messages/count_tokens"} {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
			got := w.Body.String()
			switch {
			case w.Code == 200 && (strings.HasPrefix(got, `{"`) || strings.HasPrefix(got, "event: message_start\n")):
			case w.Code >= 400 && w.Code < 500 && strings.HasPrefix(got, `{"type":"error","error":{"type":"`):
			default:
				t.Errorf("%s: %d %s", path, w.Code, got)
			}
		}
	})
}

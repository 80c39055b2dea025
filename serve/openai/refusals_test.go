package openai

import (
	"strconv"
	"strings"
	"testing"
)

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
		`{"temperature":2.1,` + user + `}`:          `400 "param":"temperature"`,
		`{"temperature":"hot",` + user + `}`:        `400 "param":"temperature"`,
		`{"n":0,` + user + `}`:                      `400 "param":"n"`,
		`{"stream_options":{},` + user + `}`:        `400 "param":"stream_options"`,
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

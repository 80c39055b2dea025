package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// paths take bodies.
var paths = []string{
	"/v1/completions", "/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/tokenize", "/detokenize",
}

// FuzzBodies sends any body to any address: the answer is JSON, a stream of it, or an error in the
// shape of the API, and never the fault of the server.
func FuzzBodies(f *testing.F) {
	for i, bodies := range [][]string{
		{
			`{"prompt":"hi","n":2,"logprobs":3,"stop":["a"],"seed":-1,"logit_bias":{"5":1}}`,
			`{"prompt":[[1,2],"a"],"echo":true,"logprobs":1,"max_tokens":0}`, `{"prompt":[1],"stream":true,"stream_options":{"include_usage":true}}`,
		},
		{
			`{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"stream":true,"logprobs":true,"top_logprobs":2}`,
			`{"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},` +
				`{"role":"tool","tool_call_id":"c","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]}`,
			`{"messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_schema","json_schema":{"schema":{"type":"string","pattern":"a+"}}}}`,
			`{"messages":[{"role":"user","content":"hi"}],"grammar":"root ::= \"a\"","chat_template_kwargs":{"a":[1]}}`,
		},
		{
			`{"input":"hi","stream":true,"text":{"format":{"type":"json_object"}},"reasoning":{"effort":"low"}}`,
			`{"input":[{"role":"user","content":"hi"},{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},` +
				`{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"x"}]}`,
		},
		{`{"input":["a",[1,2]],"encoding_format":"base64","dimensions":2}`},
		{`{"content":"aá","with_pieces":true,"add_special":true}`},
		{`{"tokens":[1,2]}`},
	} {
		for _, body := range bodies {
			f.Add(uint8(i), []byte(body))
		}
	}
	_, m := newModel(f, "<think>hm</think>", "Hi", townCall)
	server := newServer(m)
	f.Fuzz(func(t *testing.T, path uint8, body []byte) { checkAnswer(t, server, paths[int(path)%len(paths)], body) })
}

// FuzzItems has any item in the input of a response, beside good ones.
func FuzzItems(f *testing.F) {
	for _, item := range []string{
		`{"role":"user","content":[{"type":"input_text","text":"hi"}]}`, `{"type":"message","role":"assistant","content":"a","phase":null}`,
		`{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":null}`,
		`{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}","status":"completed"}`,
		`{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"x"}]}`,
	} {
		f.Add([]byte(item), []byte(`"text":{"format":{"type":"text"}}`))
	}
	f.Add([]byte(`{}`), []byte(`"stream":true,"tools":[{"type":"function","name":"f","strict":true,"parameters":{}}],"tool_choice":"required"`))
	_, m := newModel(f, "<think>hm</think>", "Hi", townCall)
	server := newServer(m)
	f.Fuzz(func(t *testing.T, item, fields []byte) {
		body := fmt.Appendf(nil, `{"input":[{"role":"user","content":"a"},%s,{"role":"user","content":"b"}],%s}`, item, fields)
		checkAnswer(t, server, "/v1/responses", body)
	})
}

// checkAnswer sends a body, and looks at the form of the answer.
func checkAnswer(t *testing.T, server http.Handler, path string, body []byte) {
	t.Helper()
	w := httptest.NewRecorder()
	server.ServeHTTP(w, httptest.NewRequest("POST", path, bytes.NewReader(body)))
	kind, got := w.Header().Get("Content-Type"), w.Body.Bytes()
	switch {
	case w.Code >= 500:
		t.Errorf("%d %s", w.Code, got)
	case w.Code != 200:
		var e errorBody
		d := json.NewDecoder(bytes.NewReader(got))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil || e.Error.Message == "" || e.Error.Type == "" || e.Error.Code == "" {
			t.Errorf("%d %s (%v)", w.Code, got, err)
		}
	case kind == "text/event-stream":
		checkEvents(t, string(got))
	case !json.Valid(got):
		t.Errorf("%s: %s", kind, got)
	}
}

// checkEvents wants events of JSON.
func checkEvents(t *testing.T, stream string) {
	for event := range strings.SplitSeq(strings.TrimSuffix(stream, "\n\n"), "\n\n") {
		_, data, ok := strings.Cut("\n"+event, "\ndata: ")
		if !ok || !json.Valid([]byte(data)) && data != "[DONE]" {
			t.Errorf("event %q", event)
		}
	}
}

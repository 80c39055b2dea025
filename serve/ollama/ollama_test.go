package ollama

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/internal/servetest"
	"trit/tokenizer"
)

// clock goes on by a second with each look at it.
func clock() func() time.Time {
	now := time.Unix(100, 0)
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

// serve starts a server of a model with a chat template.
func serve(t *testing.T, template string, s *servetest.Model) (servetest.Models, string) {
	t.Helper()
	models := servetest.NewModels(t, template, s)
	return models, servetest.Serve(t, New(models, Options{Log: slog.New(slog.DiscardHandler), Now: clock()}))
}

const user = `"messages":[{"role":"user","content":"hi"}]`

var (
	callID      = regexp.MustCompile(`"id":"call_\w+"`)
	promptCount = regexp.MustCompile(`"prompt_eval_count":\d+,`)
)

// TestAnswers are the bodies of whole answers and of streams.
func TestAnswers(t *testing.T) {
	const weather = `"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object"}}}],`
	const call = `<tool_call>{"name": "weather", "arguments": {"town": "Rome"}}</tool_call>`
	took := func(second, count string) string {
		return `"total_duration":` + second + `000000000,"load_duration":1000000000,"prompt_eval_count":9,"prompt_eval_duration":3000000000,"eval_count":` + count + `,"eval_duration":4000000000}`
	}
	at := func(second string) string { return `{"model":"tiny","created_at":"1970-01-01T00:01:` + second + `Z",` }
	for name, c := range map[string]struct {
		model            *servetest.Model
		path, body, want string
	}{
		"chat": {
			&servetest.Model{Texts: []string{"<think>hm</think>", "He", "llo"}}, "chat", `{"stream":false,` + user + `}`,
			at("43") + `"message":{"role":"assistant","content":"Hello","thinking":"hm"},"done":true,"done_reason":"stop",` + took("3", "3"),
		},
		"stream": {
			&servetest.Model{Texts: []string{"<think>hm</think>", "He", "llo"}, Finish: lm.FinishLength}, "chat", `{` + user + `}`,
			at("43") + `"message":{"role":"assistant","content":"","thinking":"hm"},"done":false}` + "\n" +
				at("44") + `"message":{"role":"assistant","content":"He"},"done":false}` + "\n" +
				at("45") + `"message":{"role":"assistant","content":"llo"},"done":false}` + "\n" +
				at("46") + `"message":{"role":"assistant","content":""},"done":true,"done_reason":"length",` + took("6", "3"),
		},
		"call": {
			&servetest.Model{Texts: []string{"I look.", call}}, "chat", `{` + weather + user + `}`,
			at("43") + `"message":{"role":"assistant","content":"I look."},"done":false}` + "\n" +
				at("44") + `"message":{"role":"assistant","content":"","tool_calls":[{"id":"ID","function":{"index":0,"name":"weather","arguments":{"town":"Rome"}}}]},"done":false}` + "\n" +
				at("45") + `"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",` + took("5", "2"),
		},
		"log-probabilities": {
			&servetest.Model{Texts: []string{"A"}}, "chat", `{"stream":false,"logprobs":true,"top_logprobs":1,` + user + `}`,
			at("43") + `"message":{"role":"assistant","content":"A"},"logprobs":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"z","logprob":-1,"bytes":[122]}]}],"done":true,"done_reason":"stop",` + took("3", "1"),
		},
		"continuation": {
			&servetest.Model{Texts: []string{"<think>hm</think>", "Hello"}}, "generate", `{"stream":false,"prompt":"hi"}`,
			at("43") + `"response":"Hello","thinking":"hm","done":true,"done_reason":"stop",` + took("3", "2"),
		},
		"continuation, stream": {
			&servetest.Model{Texts: []string{"Hello"}}, "generate", `{"model":"tiny","prompt":"hi"}`,
			at("43") + `"response":"Hello","done":false}` + "\n" + at("44") + `"response":"","done":true,"done_reason":"stop",` + took("4", "1"),
		},
		"load by chat":         {&servetest.Model{}, "chat", `{}`, at("43") + `"message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}`},
		"load by continuation": {&servetest.Model{}, "generate", `{"keep_alive":"5m"}`, at("43") + `"response":"","done":true,"done_reason":"load"}`},
		"embeddings": {
			&servetest.Model{}, "embed", `{"input":["a","b"]}`,
			`{"embeddings":[[0.6,0.8],[0.6,0.8]],"load_duration":1000000000,"model":"tiny","prompt_eval_count":4,"total_duration":2000000000}`,
		},
		"no embeddings":     {&servetest.Model{}, "embed", `{"input":[]}`, `{"embeddings":[],"load_duration":1000000000,"model":"tiny","prompt_eval_count":0,"total_duration":2000000000}`},
		"an embedding":      {&servetest.Model{}, "embeddings", `{"prompt":"a","keep_alive":0}`, `{"embedding":[0.6,0.8]}`},
		"load by embedding": {&servetest.Model{}, "embeddings", `{"prompt":""}`, `{"embedding":[]}`},
	} {
		_, url := serve(t, servetest.Template, c.model)
		status, got := servetest.Post(t, url+"/api/"+c.path, c.body)
		got = callID.ReplaceAllString(got, `"id":"ID"`)
		if strings.Contains(c.body, "tools") { // the prompt has them
			got = promptCount.ReplaceAllString(got, `"prompt_eval_count":9,`)
		}
		if status != 200 || strings.TrimSpace(got) != c.want {
			t.Errorf("%s: %d %s\nwant %s", name, status, got, c.want)
		}
	}
}

// TestErrorsOfStreams are an error before the first line and one behind it.
func TestErrorsOfStreams(t *testing.T) {
	const body = `{"error":"the server failed: its log says why","code":"internal_error"}` + "\n"
	for _, texts := range [][]string{nil, {"a"}} {
		_, url := serve(t, servetest.Template, &servetest.Model{Texts: texts, Err: servetest.ErrSecret})
		status, got := servetest.Post(t, url+"/api/chat", `{`+user+`}`)
		if texts == nil && (status != 500 || got != body) {
			t.Errorf("before: %d %s", status, got)
		}
		if texts != nil && (status != 200 || !strings.HasSuffix(got, "\n"+body)) {
			t.Errorf("behind: %d %s", status, got)
		}
	}
}

// TestPrompts looks at what the model is given.
func TestPrompts(t *testing.T) {
	for _, c := range []struct{ template, path, body, want string }{
		{servetest.ThinkingTemplate, "chat", `{"model":"tiny:latest",` + user + `}`, "user: hi\n"},
		{servetest.ThinkingTemplate, "chat", `{"think":true,` + user + `}`, "think=True\nuser: hi\n"},
		{servetest.ThinkingTemplate, "chat", `{"think":false,` + user + `}`, "think=False\nuser: hi\n"},
		{servetest.ThinkingTemplate, "chat", `{"think":"low",` + user + `}`, "think=Truelow\nuser: hi\n"},
		{
			servetest.ThinkingTemplate, "chat", `{"messages":[{"role":"System","content":"s"},{"role":"user","content":"u","images":null},` +
				`{"role":"assistant","content":"a","thinking":"t","tool_calls":[{"id":"1","function":{"name":"f","arguments":{"x":1}}}]},` +
				`{"role":"tool","content":"r","tool_name":"f","tool_call_id":"1"}]}`,
			"system: s\nuser: u\nassistant: (t)a[f {\"x\": 1}]\ntool: r<f>\n",
		},
		{servetest.ThinkingTemplate, "generate", `{"prompt":"hi","system":"s"}`, "system: s\nuser: hi\n"},
		{servetest.ThinkingTemplate, "generate", `{"prompt":"hi","raw":true}`, "hi"},
		{"", "generate", `{"prompt":"hi"}`, "hi"},
	} {
		s := &servetest.Model{Texts: []string{"a"}}
		models, url := serve(t, c.template, s)
		if status, got := servetest.Post(t, url+"/api/"+c.path, c.body); status != 200 {
			t.Errorf("%s: %d %s", c.body, status, got)
		} else if read := models.M.Tokenizer.Decode(s.Last(t).Prompt); read != c.want {
			t.Errorf("%s: the model reads %q, want %q", c.body, read, c.want)
		}
	}
}

func TestOptions(t *testing.T) {
	s := &servetest.Model{Texts: []string{"a"}}
	_, url := serve(t, servetest.Template, s)
	status, got := servetest.Post(t, url+"/api/chat", `{"options":{"temperature":0.5,"top_k":3,"top_p":0.4,"min_p":0.1,"repeat_penalty":1.1,
		"presence_penalty":0.2,"frequency_penalty":0.3,"seed":7,"num_predict":5,"stop":["x"],"num_ctx":4096,"num_thread":8,"mirostat":0,
		"typical_p":1,"tfs_z":1,"repeat_last_n":-1},"keep_alive":"5m","truncate":true,"shift":false,"format":"json",`+user+`}`)
	r := s.Last(t)
	want := lm.Sampling{
		Temperature: 0.5, TopK: 3, TopP: 0.4, MinP: 0.1, RepetitionPenalty: 1.1, PresencePenalty: 0.2, FrequencyPenalty: 0.3, Seed: 7,
	}
	if status != 200 || !reflect.DeepEqual(r.Sampling, want) || r.MaxTokens != 5 || !slices.Equal(r.Stop, []string{"x"}) {
		t.Errorf("%d %s: %+v", status, got, r)
	}
	if len(s.Sources) != 1 || !s.Sources[0].JSON {
		t.Errorf("forms %+v", s.Sources)
	}
	servetest.Post(t, url+"/api/generate", `{"prompt":"a","options":{"seed":-1,"num_predict":-1},"format":{"type":"object"}}`)
	if r := s.Last(t); r.Sampling.Seed == 7 || r.MaxTokens != 500-len(r.Prompt) || string(s.Sources[1].Schema) != `{"type":"object"}` {
		t.Errorf("%+v, forms %+v", r, s.Sources)
	}
}

// TestInputsOfEmbeddings are texts without tokens, and ones that are too long.
func TestInputsOfEmbeddings(t *testing.T) {
	s := &servetest.Model{}
	models, url := serve(t, servetest.Template, s)
	v := models.M.Tokenizer.Vocab()
	v.AddBOS, v.AddEOS = false, false
	plain, err := tokenizer.FromVocab(v)
	if err != nil {
		t.Fatal(err)
	}
	v.AddEOS = true
	ending, err := tokenizer.FromVocab(v)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("ab ", 400)
	whole := plain.EncodePrompt(long)
	for _, c := range []struct {
		tok        *tokenizer.Tokenizer
		body, want string
		ids        []int32
	}{
		{plain, `{"input":""}`, `"input: holds no tokens"`, nil},
		{plain, `{"input":["a",""]}`, `"input[1]: holds no tokens"`, nil},
		{plain, `{"input":"` + long + `"}`, `"embeddings"`, whole[:500]},
		{plain, `{"truncate":false,"input":"` + long + `"}`, `"embeddings"`, whole},
		{ending, `{"truncate":true,"input":"` + long + `"}`, `"embeddings"`, append(slices.Clone(whole[:499]), v.EOS)},
	} {
		models.M.Tokenizer, s.Inputs = c.tok, nil
		_, got := servetest.Post(t, url+"/api/embed", c.body)
		if !strings.Contains(got, c.want) || c.ids != nil && (len(s.Inputs) != 1 || !slices.Equal(s.Inputs[0], c.ids)) {
			t.Errorf("%.40s: %s, the model reads %v", c.body, got, s.Inputs)
		}
	}
}

// TestLists are the models of the server.
func TestLists(t *testing.T) {
	_, url := serve(t, servetest.Template, &servetest.Model{})
	const about = `"details":{"parent_model":"","format":"gguf","family":"bitnet-b1.58","families":["bitnet-b1.58"],"parameter_size":"2.4B","quantization_level":"I2_S"}`
	const head = `{"models":[{"name":"tiny","model":"tiny","modified_at":"1970-01-01T00:00:05Z","size":70,"digest":"`
	for path, want := range map[string]string{
		"version": `{"version":"0.12.11"}`, "tags": about + `}]}`, "ps": about + `,"size_vram":0,"context_length":500}]}`,
	} {
		r, err := http.Get(url + "/api/" + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(r.Body)
		r.Body.Close()
		got := string(b)
		if path != "version" && !strings.HasPrefix(got, head) || !strings.HasSuffix(got, want+"\n") {
			t.Errorf("%s: %s", path, got)
		}
	}
	for _, body := range []string{`{"model":"tiny","verbose":true}`, `{"name":"tiny:latest"}`} {
		status, got := servetest.Post(t, url+"/api/show", body)
		if status != 200 || !strings.Contains(got, `"capabilities":["completion","tools"]`) || !strings.Contains(got, about) ||
			!strings.Contains(got, `"bitnet-b1.58.context_length":500`) {
			t.Errorf("show: %d %s", status, got)
		}
	}
}

// TestDigests tells models apart.
func TestDigests(t *testing.T) {
	a := answer.Info{ID: "a", Bytes: 1}
	b := a
	b.Modified = time.Unix(1, 0)
	if len(digest(a)) != 64 || digest(a) == digest(b) {
		t.Error(digest(a), digest(b))
	}
}

// TestRefusals are requests that are wrong, each with its address, status and what the error says.
func TestRefusals(t *testing.T) {
	_, url := serve(t, servetest.Template, &servetest.Model{Texts: []string{"a"}})
	said := func(message string) string { return `chat {"messages":[` + message + `]}` }
	with := func(options string) string { return `chat {"options":` + options + `,` + user + `}` }
	for body, want := range map[string]string{
		`chat {`:                                                `400 no JSON object`,
		`chat {"model":"big",` + user + `}`:                     `404 there is no model`,
		`show {"model":":latest"}`:                              `404 there is no model`,
		`show {"model":"big"}`:                                  `404 there is no model`,
		`show {"system":"a"}`:                                   `400 system: is not supported`,
		`chat {"stream":"yes",` + user + `}`:                    `400 stream: is a JSON string`,
		`chat {"prompt":"yes",` + user + `}`:                    `400 prompt: is not supported`,
		`chat {"think":"much",` + user + `}`:                    `400 think: want`,
		`chat {"format":"xml",` + user + `}`:                    `400 format: want`,
		`chat {"format":7,` + user + `}`:                        `400 format: want`,
		`chat {"top_logprobs":2,` + user + `}`:                  `400 top_logprobs: needs logprobs`,
		`chat {"logprobs":true,"top_logprobs":21,` + user + `}`: `400 top_logprobs: is 21`,
		`chat {"keep_alive":0}`:                                 `400 keep_alive: is 0`,
		`generate {"keep_alive":"0"}`:                           `400 keep_alive: is 0`,
		`generate {"keep_alive":"0s"}`:                          `400 keep_alive: is 0`,
		with(`7`):                                               `400 options: is a JSON number`,
		with(`{"temperature":"warm"}`):                          `400 options.temperature: is a JSON string`,
		with(`{"temperature":-1}`):                              `400 options.temperature: is -1`,
		with(`{"repeat_penalty":-1}`):                           `400 options.repeat_penalty: is -1`,
		with(`{"beams":2}`):                                     `400 options.beams: is not supported`,
		with(`{"mirostat":1}`):                                  `400 options.mirostat: is not supported`,
		with(`{"typical_p":0.5}`):                               `400 options.typical_p: is not supported`,
		with(`{"tfs_z":0.5}`):                                   `400 options.tfs_z: is not supported`,
		with(`{"repeat_last_n":64}`):                            `400 options.repeat_last_n: is not supported`,
		with(`{"stop":["1","2","3","4","5","6","7","8","9","0","1","2","3","4","5","6","7"]}`): `400 options.stop: holds 17`,
		said(`7`):                                              `400 messages[0]: is a JSON number`,
		said(`{"role":"bot","content":"a"}`):                   `400 messages[0].role: is \"bot\"`,
		said(`{"role":"user","content":7}`):                    `400 messages[0].content: is a JSON number`,
		said(`{"role":"user","content":"a","images":["x"]}`):   `400 messages[0].images: the models read text`,
		said(`{"role":"user","content":"a","audio":"x"}`):      `400 messages[0].audio: is not supported`,
		said(`{"role":"user","tool_calls":[{"function":{}}]}`): `400 messages[0].tool_calls: only an assistant`,
		said(`{"role":"assistant","tool_calls":[{"function":{"name":"a","arguments":"{}"}}]}`):      `400 messages[0].tool_calls[0].function: want a name`,
		`chat {"tools":[{"type":"x"}],` + user + `}`:                                                `400 tools[0]: want the type function`,
		`chat {"tools":[{"type":"function","x":1}],` + user + `}`:                                   `400 tools[0].x: is not supported`,
		`chat {"format":"json","tools":[{"type":"function","function":{"name":"a"}}],` + user + `}`: `400 format: an answer with a form`,
		`generate {"prompt":"a","suffix":"b"}`:                                                      `400 suffix: the models do not`,
		`generate {"prompt":"a","template":"b"}`:                                                    `400 template: the model has its own`,
		`generate {"prompt":"a","context":[1]}`:                                                     `400 context: is not kept: give`,
		`generate {"prompt":"a","images":["b"]}`:                                                    `400 images: the models read`,
		`generate {"prompt":"a","raw":true,"system":"b"}`:                                           `400 system: does not go with raw`,
		`embed {}`:                           `400 input: is missing`,
		`embed {"input":7}`:                  `400 input: is a JSON number`,
		`embed {"input":"a","dimensions":7}`: `400 dimensions: is 7: the model's vectors have 2`,
		`embed {"input":[` + strings.Repeat(`"",`, 2048) + `""]}`: `400 input: holds 2049 texts`,
		`embeddings {"input":"a"}`:                                `400 input: is not supported`,
		`pull {"model":"a"}`:                                      `400 cannot be changed`, `push {"model":"a"}`: `400 cannot be changed`,
		`create {"model":"a"}`: `400 cannot be changed`, `copy {"source":"a"}`: `400 cannot be changed`,
	} {
		path, body, _ := strings.Cut(body, " ")
		status, got := servetest.Post(t, url+"/api/"+path, body)
		number, text, _ := strings.Cut(want, " ")
		if strconv.Itoa(status) != number || !strings.Contains(got, text) || !strings.HasPrefix(got, `{"error":"`) || !strings.Contains(got, `,"code":"`) {
			t.Errorf("%s %.200s: %d %s, want %s", path, body, status, got, want)
		}
	}
}

func TestBaseModelsRefuseChats(t *testing.T) {
	models, url := serve(t, "", &servetest.Model{Texts: []string{"a"}})
	models.M.Embedder = nil
	for body, want := range map[string]string{
		`chat {` + user + `}`: `model: tiny is a base model`, `generate {"prompt":"a","system":"b"}`: `system: tiny is a base model`,
		`embed {"input":"a"}`: `model: tiny makes no embeddings`,
	} {
		path, body, _ := strings.Cut(body, " ")
		if status, got := servetest.Post(t, url+"/api/"+path, body); status != 400 || !strings.Contains(got, want) {
			t.Errorf("%s: %d %s", body, status, got)
		}
	}
}

// FuzzBodies gives any body to each address: each gets an answer or an error of the API.
func FuzzBodies(f *testing.F) {
	f.Add(`{"think":"low","options":{"seed":1,"stop":["a"]},"format":"json",` + user + `}`)
	f.Add(`{"prompt":"a","system":"b","stream":false,"keep_alive":"5m"}`)
	f.Add(`{"prompt":"a","raw":true,"logprobs":true,"top_logprobs":2}`)
	f.Add(`{"input":["a","b"],"truncate":false,"dimensions":2}`)
	f.Add(`{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{}}}]},{"role":"tool","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}}]}`)
	s := &servetest.Model{Texts: []string{"<think>a</think>", "b"}}
	models := servetest.NewModels(f, servetest.ThinkingTemplate, s)
	mux := servetest.Mux(New(models, Options{Log: slog.New(slog.DiscardHandler)}))
	f.Fuzz(func(t *testing.T, body string) {
		s.Requests, s.Sources = nil, nil
		for _, path := range []string{"chat", "generate", "embed", "embeddings", "show"} {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/"+path, strings.NewReader(body)))
			var e errorBody
			line, _, _ := strings.Cut(w.Body.String(), "\n")
			err := json.Unmarshal([]byte(line), &e)
			switch {
			case err == nil && w.Code == 200 && e.Error == "":
			case err == nil && w.Code >= 400 && w.Code < 500 && e.Error != "" && e.Code != "":
			default:
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}

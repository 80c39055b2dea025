package openai

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"

	"trit/lm"
)

// responseOf is a request of one text.
func responseOf(text string) responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model: "tiny", Store: openai.Bool(false), Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(text)},
	}
}

func TestClientResponse(t *testing.T) {
	s, c := connect(t, "<think>hm</think>", "Hello", " there")
	p := responseOf("hi")
	p.Instructions, p.MaxOutputTokens, p.Temperature = openai.String("be brief"), openai.Int(50), openai.Float(0.25)
	p.Reasoning.Effort, p.Metadata, p.TopLogprobs = "low", map[string]string{"a": "b"}, openai.Int(1)
	p.Include = []responses.ResponseIncludable{"message.output_text.logprobs", "reasoning.encrypted_content"}
	got, err := c.Responses.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if got.OutputText() != "Hello there" || got.Status != "completed" || len(got.Output) != 2 || got.Output[0].Type != "reasoning" ||
		got.Instructions.OfString != "be brief" || got.Temperature != 0.25 || got.Metadata["a"] != "b" || got.TopP != 1 || got.CreatedAt != 7 {
		t.Errorf("response %s", got.RawJSON())
	}
	if thoughts := got.Output[0].AsReasoning(); len(thoughts.Content) != 1 || thoughts.Content[0].Text != "hm" {
		t.Errorf("thoughts %s", thoughts.RawJSON())
	}
	logs := got.Output[1].AsMessage().Content[0].AsOutputText().Logprobs
	if len(logs) != 2 || logs[0].Logprob != -0.5 || len(logs[0].TopLogprobs) != 1 {
		t.Errorf("log-probabilities of the text %+v: want those of 2 tokens", logs)
	}
	r := s.last(t)
	if u := got.Usage; int(u.InputTokens) != len(r.Prompt) || u.OutputTokens != 3 || u.TotalTokens != u.InputTokens+3 ||
		u.InputTokensDetails.CachedTokens != 1 || u.OutputTokensDetails.ReasoningTokens != 1 {
		t.Errorf("usage %s", u.RawJSON())
	}
	_, m := newModel(t)
	if text := m.Tokenizer.Decode(r.Prompt); text != "system: be brief\nuser: hi\neffort low\n" || r.MaxTokens != 50 || r.Sampling.Temperature != 0.25 {
		t.Errorf("the model reads %q, and is asked %+v", text, r)
	}
	s.finish = lm.FinishLength
	if got, err = c.Responses.New(t.Context(), p); err != nil || got.Status != "incomplete" || got.IncompleteDetails.Reason != "max_output_tokens" {
		t.Errorf("response %s (%v), want an incomplete one", got.RawJSON(), err)
	}
}

// TestClientResponseConversation sends an answer with a call back, as clients do that keep the
// conversation themselves.
func TestClientResponseConversation(t *testing.T) {
	s, c := connect(t, "<think>hm</think>I look. ", townCall)
	p := responseOf("how is it?")
	p.Tools = []responses.ToolUnionParam{responses.ToolParamOfFunction("weather", townSchema, true)}
	first, err := c.Responses.New(t.Context(), p)
	if err != nil || len(first.Output) != 3 {
		t.Fatalf("%v (%v), want thoughts, a message and a call", first, err)
	}
	call := first.Output[2].AsFunctionCall()
	if call.Name != "weather" || call.Arguments != `{"town": "Rome"}` || call.Status != "completed" {
		t.Errorf("call %s", call.RawJSON())
	}
	thoughts, message, called := first.Output[0].AsReasoning().ToParam(), first.Output[1].AsMessage().ToParam(), call.ToParam()
	items := responses.ResponseInputParam{
		responses.ResponseInputItemParamOfMessage("be brief", "developer"),
		responses.ResponseInputItemParamOfMessage("how is it?", "user"),
		{OfReasoning: &thoughts}, {OfOutputMessage: &message}, {OfFunctionCall: &called},
	}
	output := responses.ResponseInputItemParamOfFunctionCallOutput("sunny")
	output.OfFunctionCallOutput.CallID = openai.String(call.CallID)
	p.Input = responses.ResponseNewParamsInputUnion{OfInputItemList: append(items, output)}
	p.Instructions, p.ToolChoice.OfToolChoiceMode = openai.String("be kind"), openai.Opt(responses.ToolChoiceOptionsNone)
	s.texts = []string{"Fine."}
	second, err := c.Responses.New(t.Context(), p)
	if err != nil || second.OutputText() != "Fine." {
		t.Fatalf("%v (%v)", second, err)
	}
	_, m := newModel(t)
	want := "system: be kind\n\nbe brief\nuser: how is it?\nassistant:(hm) I look.[" + call.CallID + ` weather {"town": "Rome"}]` +
		"\ntool: sunny<" + call.CallID + ">\n"
	if text := m.Tokenizer.Decode(s.last(t).Prompt); text != want {
		t.Errorf("the model reads %q, want %q", text, want)
	}
}

func TestClientResponseFormat(t *testing.T) {
	s, c := connect(t, `{"town":"Rome"}`)
	p := responseOf("where?")
	p.Text.Format = responses.ResponseFormatTextConfigParamOfJSONSchema("place", townSchema)
	got, err := c.Responses.New(t.Context(), p)
	if err != nil || got.OutputText() != `{"town":"Rome"}` || got.Text.Format.Type != "json_schema" {
		t.Errorf("response %v (%v)", got, err)
	}
	if c := s.last(t).Constraint; !allows(c, '{') || allows(c, 'a') {
		t.Error("the answer is not held to the schema")
	}
	p.Text.Format = responses.ResponseFormatTextConfigParamOfJSONSchema("place", map[string]any{"type": "nonsense"})
	var e *openai.Error
	if _, err := c.Responses.New(t.Context(), p); !errors.As(err, &e) || e.Param != "text.format" {
		t.Errorf("a wrong schema: %v", err)
	}
}

// TestClientResponseStream reads a stream with all kinds of items.
func TestClientResponseStream(t *testing.T) {
	_, c := connect(t, "<think>h", "m</think>", "I ", "look. ", townCall)
	p := responseOf("how is it?")
	p.Tools = []responses.ToolUnionParam{responses.ToolParamOfFunction("weather", townSchema, false)}
	stream := c.Responses.NewStreaming(t.Context(), p)
	var last responses.Response
	text, arguments, number := "", "", int64(0)
	for stream.Next() {
		event := stream.Current()
		if event.SequenceNumber != number {
			t.Errorf("event %d has the number %d", number, event.SequenceNumber)
		}
		number++
		switch e := event.AsAny().(type) {
		case responses.ResponseTextDeltaEvent:
			text += e.Delta
		case responses.ResponseFunctionCallArgumentsDoneEvent:
			arguments = e.Arguments
		case responses.ResponseCompletedEvent:
			last = e.Response
		}
	}
	if stream.Err() != nil || text != "I look." || arguments != `{"town": "Rome"}` {
		t.Errorf("text %q, arguments %q (%v)", text, arguments, stream.Err())
	}
	if last.OutputText() != text || len(last.Output) != 3 || last.Usage.OutputTokens != 5 || last.Usage.OutputTokensDetails.ReasoningTokens != 2 {
		t.Errorf("the last event has %s", last.RawJSON())
	}
}

// events are the types of the events of a stream, with what tells them apart.
func events(t *testing.T, url, body string) (list []string) {
	t.Helper()
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	lines, name := bufio.NewScanner(r.Body), ""
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			name = text
		}
		text, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e struct {
			Type     string
			Delta    string
			Output   *int `json:"output_index"`
			Item     struct{ Type, Status string }
			Response struct{ Status string }
		}
		if err := json.Unmarshal([]byte(text), &e); err != nil || e.Type != name {
			t.Errorf("event %s: %s (%v)", name, text, err)
		}
		line := strings.TrimPrefix(e.Type, "response.") + " " + e.Delta + e.Item.Type + " " + e.Item.Status + e.Response.Status
		if e.Output != nil {
			line = fmt.Sprint(*e.Output, " ", line)
		}
		list = append(list, strings.Join(strings.Fields(line), " "))
	}
	return list
}

// TestResponseEvents are the events of a stream, in the order in which OpenAI's reference has them.
func TestResponseEvents(t *testing.T) {
	const begin = "created in_progress|in_progress in_progress|"
	message := func(i int, delta, status string) string {
		return strings.ReplaceAll("N output_item.added message in_progress|N content_part.added|N output_text.delta "+delta+
			"|N output_text.done|N content_part.done|N output_item.done message "+status, "N", fmt.Sprint(i))
	}
	for name, c := range map[string]struct {
		texts  []string
		finish lm.FinishReason
		late   error
		want   string
	}{
		"a text":     {[]string{"Hi"}, "", nil, begin + message(0, "Hi", "completed") + "|completed completed"},
		"a cut text": {[]string{"Hi"}, lm.FinishLength, nil, begin + message(0, "Hi", "incomplete") + "|incomplete incomplete"},
		"nothing":    {nil, "", nil, begin + strings.Replace(message(0, "", "completed"), "|0 output_text.delta ", "", 1) + "|completed completed"},
		"a late error": {
			[]string{"Hi"}, "", errors.New("secret"),
			begin + "0 output_item.added message in_progress|0 content_part.added|0 output_text.delta Hi|failed failed",
		},
		"thoughts, a text and a call": {
			[]string{"<think>hm</think>", "Hi", townCall}, "", nil,
			begin + "0 output_item.added reasoning in_progress|0 content_part.added|0 reasoning_text.delta hm|0 reasoning_text.done|" +
				"0 content_part.done|0 output_item.done reasoning completed|" + message(1, "Hi", "completed") +
				"|2 output_item.added function_call in_progress|2 function_call_arguments.delta {\"town\": \"Rome\"}|" +
				"2 function_call_arguments.done|2 output_item.done function_call completed|completed completed",
		},
	} {
		s, url := serve(t, c.texts...)
		s.finish, s.late = c.finish, c.late
		body := `{"input":"hi","stream":true,"tools":[{"type":"function","name":"weather","parameters":null}]}`
		if got := strings.Join(events(t, url+"/v1/responses", body), "|"); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

func TestResponseRefusals(t *testing.T) {
	_, url := serve(t, "hi")
	for body, want := range map[string]string{
		`{}`:                         `"input","code":"invalid_input"`,
		`{"input":"a","store":true}`: `"store","code":"not_supported"`,
		`{"input":"a","previous_response_id":"resp_1"}`:                                    `"previous_response_id","code":"not_supported"`,
		`{"input":"a","conversation":{"id":"x"}}`:                                          `"conversation","code":"not_supported"`,
		`{"input":"a","background":true}`:                                                  `"background","code":"not_supported"`,
		`{"input":"a","prompt":{"id":"x"}}`:                                                `"prompt","code":"not_supported"`,
		`{"input":"a","truncation":"auto"}`:                                                `"truncation","code":"not_supported"`,
		`{"input":"a","include":["file_search_call.results"]}`:                             `"include[0]","code":"not_supported"`,
		`{"input":"a","text":{"verbosity":"high"}}`:                                        `"text.verbosity","code":"not_supported"`,
		`{"input":"a","text":{"format":{"type":"x"}}}`:                                     `"text.format.type","code":"invalid_input"`,
		`{"input":"a","text":{"format":{"type":"json_schema"}}}`:                           `"text.format","code":"invalid_input"`,
		`{"input":"a","context_management":[]}`:                                            `"context_management","code":"not_supported"`,
		`{"input":"a","max_output_tokens":0}`:                                              `"max_output_tokens","code":"invalid_input"`,
		`{"input":"a","temperature":2.1}`:                                                  `"temperature","code":"invalid_input"`,
		`{"input":"a","top_logprobs":21}`:                                                  `"top_logprobs","code":"invalid_input"`,
		`{"input":"a","tools":[{"type":"web_search"}]}`:                                    `"tools[0].type","code":"not_supported"`,
		`{"input":"a","tools":[{"type":"function"}]}`:                                      `"tools[0].name","code":"invalid_input"`,
		`{"input":"a","tool_choice":"required"}`:                                           `"tool_choice","code":"invalid_input"`,
		`{"input":[]}`:                                                                     `"input","code":"invalid_input"`,
		`{"input":7}`:                                                                      `"code":"invalid_input"`,
		`{"input":[{"type":"item_reference","id":"x"}]}`:                                   `"input[0].type","code":"not_supported"`,
		`{"input":[{"role":"user","content":"a","depth":3}]}`:                              `"depth","code":"not_supported"`,
		`{"input":[{"role":"king","content":"a"}]}`:                                        `"input[0].role","code":"invalid_input"`,
		`{"input":[{"role":"user"}]}`:                                                      `"input[0].content","code":"invalid_input"`,
		`{"input":[{"role":"user","content":[{"type":"input_image"}]}]}`:                   `"input[0].content[0].type","code":"not_supported"`,
		`{"input":[{"type":"function_call","name":"f"}]}`:                                  `"input[0].call_id","code":"invalid_input"`,
		`{"input":[{"type":"function_call","call_id":"c"}]}`:                               `"input[0].name","code":"invalid_input"`,
		`{"input":[{"type":"function_call","call_id":"c","name":"f","arguments":"[]"}]}`:   `"input[0].arguments","code":"invalid_input"`,
		`{"input":[{"type":"function_call_output","output":"x"}]}`:                         `"input[0].call_id","code":"invalid_input"`,
		`{"input":[{"type":"function_call_output","call_id":"c"}]}`:                        `"input[0].output","code":"invalid_input"`,
		`{"input":[{"type":"reasoning","encrypted_content":"x"}]}`:                         `"input[0].encrypted_content","code":"not_supported"`,
		`{"input":[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]}]}`: `"input","code":"invalid_input"`,
	} {
		status, got := post(t, url+"/v1/responses", body)
		if status != 400 || !strings.Contains(got, want) {
			t.Errorf("%s: %d %s, want %s", body, status, got, want)
		}
	}
}

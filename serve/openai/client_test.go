package openai

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"trit/lm"
)

// connect starts a server of a model that writes texts, and makes OpenAI's own client of it.
func connect(t *testing.T, texts ...string) (*scripted, openai.Client) {
	t.Helper()
	s, url := serve(t, texts...)
	return s, openai.NewClient(option.WithBaseURL(url+"/v1"), option.WithAPIKey("none"), option.WithMaxRetries(0))
}

// chatOf is a chat of one message.
func chatOf(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: "tiny", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
}

// townSchema is the schema of the tool's arguments, and of answers that have a form.
var townSchema = map[string]any{
	"type": "object", "properties": map[string]any{"town": map[string]any{"type": "string"}},
	"required": []string{"town"}, "additionalProperties": false,
}

const townCall = `<tool_call>{"name": "weather", "arguments": {"town": "Rome"}}</tool_call>`

func TestClientModels(t *testing.T) {
	_, c := connect(t)
	list, err := c.Models.List(t.Context())
	if err != nil || len(list.Data) != 1 || list.Data[0].ID != "tiny" || list.Data[0].Created != 5 {
		t.Errorf("models %+v (%v)", list, err)
	}
	one, err := c.Models.Get(t.Context(), "tiny")
	if err != nil || one.ID != "tiny" || one.Object != "model" {
		t.Errorf("model %+v (%v)", one, err)
	}
	var e *openai.Error
	if _, err := c.Models.Get(t.Context(), "big/er"); !errors.As(err, &e) || e.Code != "model_not_found" || !strings.Contains(e.Message, "big/er") {
		t.Errorf("error %v", err)
	}
}

func TestClientChat(t *testing.T) {
	s, c := connect(t, "<think>hm</think>", "Hello", " there")
	p := chatOf("hi")
	p.Messages = slices.Insert(p.Messages, 0, openai.SystemMessage("be brief"))
	got, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	choice := got.Choices[0]
	if choice.Message.Content != "Hello there" || choice.FinishReason != "stop" || choice.Message.Role != "assistant" {
		t.Errorf("answer %s", got.RawJSON())
	}
	r := s.last(t)
	u := got.Usage
	if int(u.PromptTokens) != len(r.Prompt) || u.CompletionTokens != 3 || u.TotalTokens != u.PromptTokens+3 ||
		u.PromptTokensDetails.CachedTokens != 1 || u.CompletionTokensDetails.ReasoningTokens != 1 {
		t.Errorf("usage %s", u.RawJSON())
	}
	if got.Created != 7 || got.Model != "tiny" || !strings.Contains(got.RawJSON(), `"reasoning_content":"hm"`) {
		t.Errorf("answer %s", got.RawJSON())
	}
	if _, m := newModel(t); m.Tokenizer.Decode(r.Prompt) != "system: be brief\nuser: hi\n" {
		t.Errorf("the model reads %q", m.Tokenizer.Decode(r.Prompt))
	}
}

func TestClientChatStream(t *testing.T) {
	_, c := connect(t, "Hello", " there")
	p := chatOf("hi")
	p.N, p.StreamOptions.IncludeUsage = openai.Int(2), openai.Bool(true)
	stream := c.Chat.Completions.NewStreaming(t.Context(), p)
	var all openai.ChatCompletionAccumulator
	for stream.Next() {
		if !all.AddChunk(stream.Current()) {
			t.Fatalf("the client does not take %s", stream.Current().RawJSON())
		}
	}
	if err := stream.Err(); err != nil || len(all.Choices) != 2 {
		t.Fatalf("%d answers (%v)", len(all.Choices), err)
	}
	for _, choice := range all.Choices {
		if choice.Message.Content != "Hello there" || choice.FinishReason != "stop" || choice.Message.Role != "assistant" {
			t.Errorf("answer %+v", choice)
		}
	}
	if u := all.Usage; u.CompletionTokens != 4 || u.TotalTokens != u.PromptTokens+4 || u.PromptTokens != int64(len("user: hi\n")) {
		t.Errorf("usage %+v: a prompt counts once", u)
	}
}

// TestClientOptions looks at what the model is asked.
func TestClientOptions(t *testing.T) {
	s, c := connect(t, "x")
	p := chatOf("hi")
	p.Stop = openai.ChatCompletionNewParamsStopUnion{OfStringArray: []string{"a", "b"}}
	p.Seed, p.Temperature, p.TopP, p.MaxCompletionTokens = openai.Int(-9), openai.Float(0.5), openai.Float(0.9), openai.Int(77)
	p.PresencePenalty, p.FrequencyPenalty = openai.Float(1.5), openai.Float(-0.5)
	p.LogitBias, p.ReasoningEffort = map[string]int64{"97": -100, "98": 3}, shared.ReasoningEffortLow
	p.User, p.Metadata, p.Store = openai.String("me"), shared.Metadata{"a": "b"}, openai.Bool(false)
	if _, err := c.Chat.Completions.New(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	r := s.last(t)
	seed := int64(-9)
	want := lm.Sampling{
		Temperature: 0.5, TopP: 0.9, PresencePenalty: 1.5, FrequencyPenalty: -0.5,
		LogitBias: map[int32]float64{97: -100, 98: 3}, Seed: uint64(seed),
	}
	if !reflect.DeepEqual(r.Sampling, want) || !slices.Equal(r.Stop, []string{"a", "b"}) || r.MaxTokens != 77 {
		t.Errorf("the model is asked %+v", r)
	}
	if _, m := newModel(t); m.Tokenizer.Decode(r.Prompt) != "user: hi\neffort low\n" {
		t.Errorf("the model reads %q", m.Tokenizer.Decode(r.Prompt))
	}
	p.N = openai.Int(3)
	if _, err := c.Chat.Completions.New(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	var seeds []uint64
	for _, r := range s.requests[1:] {
		seeds = append(seeds, r.Sampling.Seed-uint64(seed))
	}
	if slices.Sort(seeds); !slices.Equal(seeds, []uint64{0, 1, 2}) {
		t.Errorf("the seeds of three answers differ from that of the request by %v", seeds)
	}
	s.finish = lm.FinishLength
	if got, err := c.Chat.Completions.New(t.Context(), chatOf("hi")); err != nil || got.Choices[0].FinishReason != "length" {
		t.Errorf("%+v (%v), want the end length", got, err)
	}
}

func TestClientLogProbs(t *testing.T) {
	_, c := connect(t, "a", "b", "")
	p := chatOf("hi")
	p.Logprobs, p.TopLogprobs = openai.Bool(true), openai.Int(2)
	whole, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	logs := whole.Choices[0].Logprobs.Content
	if len(logs) != 3 {
		t.Fatalf("log-probabilities %s: want those of three tokens, of which the last has no text", whole.RawJSON())
	}
	top := logs[1].TopLogprobs
	if logs[1].Token != "b" || logs[1].Logprob != -0.5 || !slices.Equal(logs[1].Bytes, []int64{'b'}) || len(top) != 2 ||
		top[1].Token != `bytes:\xc1` || top[1].Logprob != -1.25 || !slices.Equal(top[1].Bytes, []int64{0xc1}) {
		t.Errorf("log-probabilities %+v", logs[1])
	}
	stream := c.Chat.Completions.NewStreaming(t.Context(), p)
	var all openai.ChatCompletionAccumulator
	for stream.Next() {
		all.AddChunk(stream.Current())
	}
	if got := all.Choices[0].Logprobs.Content; stream.Err() != nil || len(got) != 3 || got[1].TopLogprobs[1].Token != top[1].Token {
		t.Errorf("the stream has %+v (%v)", got, stream.Err())
	}
	old, err := c.Completions.New(t.Context(), openai.CompletionNewParams{
		Model: "tiny", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("hi")}, Logprobs: openai.Int(2),
	})
	if err != nil {
		t.Fatal(err)
	}
	l := old.Choices[0].Logprobs
	if !slices.Equal(l.Tokens, []string{"a", "b", "c"}) || !slices.Equal(l.TextOffset, []int64{0, 1, 2}) ||
		l.TokenLogprobs[2] != -0.5 || l.TopLogprobs[2][`bytes:\xc1`] != -1.25 || len(l.TopLogprobs[2]) != 2 {
		t.Errorf("log-probabilities %s", l.RawJSON())
	}
}

// TestClientTools has a tool called, whole and in a stream, and answers the call.
func TestClientTools(t *testing.T) {
	s, c := connect(t, "I look.", townCall[:20], townCall[20:])
	p := chatOf("how is it in Rome?")
	p.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
		Name: "weather", Description: openai.String("of a town"), Parameters: townSchema, Strict: openai.Bool(true),
	})}
	p.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("auto")}
	got, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	message := got.Choices[0].Message
	if len(message.ToolCalls) != 1 || message.ToolCalls[0].Function.Name != "weather" || message.Content != "I look." ||
		message.ToolCalls[0].Function.Arguments != `{"town": "Rome"}` || got.Choices[0].FinishReason != "tool_calls" {
		t.Fatalf("answer %s", got.RawJSON())
	}
	stream := c.Chat.Completions.NewStreaming(t.Context(), p)
	var all openai.ChatCompletionAccumulator
	finished := 0
	for stream.Next() {
		all.AddChunk(stream.Current())
		if call, ok := all.JustFinishedToolCall(); ok && call.Arguments == `{"town": "Rome"}` {
			finished++
		}
	}
	if stream.Err() != nil || finished != 1 || all.Choices[0].FinishReason != "tool_calls" || all.Choices[0].Message.Content != "I look." {
		t.Errorf("%d calls in the stream, %+v (%v)", finished, all.Choices, stream.Err())
	}
	p.Messages = append(p.Messages, message.ToParam(), openai.ToolMessage("sunny", message.ToolCalls[0].ID))
	if _, err := c.Chat.Completions.New(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	_, m := newModel(t)
	id := message.ToolCalls[0].ID
	want := "user: how is it in Rome?\nassistant: I look.[" + id + ` weather {"town": "Rome"}]` + "\ntool: sunny<" + id + ">\n"
	if text := m.Tokenizer.Decode(s.last(t).Prompt); !strings.HasSuffix(text, want) || !strings.Contains(text, "of a town") {
		t.Errorf("the model reads %q, want %q at its end", text, want)
	}
	p.ToolChoice = openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: "weather"})
	if _, err := c.Chat.Completions.New(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for _, b := range []byte("<tool_call>\n") {
		if c := s.last(t).Constraint; !allows(c, b) || allows(c, 'A') {
			t.Fatal("the answer need not begin with a call")
		}
		s.last(t).Constraint.Accept(int32(b))
	}
}

// allows reports whether an answer may go on with a byte.
func allows(c lm.Constraint, b byte) bool {
	mask := c.Mask()
	return mask == nil || mask[b/64]>>(b%64)&1 == 1
}

func TestClientFormats(t *testing.T) {
	s, c := connect(t, `{"town":"Rome"}`)
	p := chatOf("where?")
	p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "place", Schema: townSchema, Strict: openai.Bool(true)},
	}
	got, err := c.Chat.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	var place struct{ Town string }
	if err := json.Unmarshal([]byte(got.Choices[0].Message.Content), &place); err != nil || place.Town != "Rome" {
		t.Errorf("answer %s", got.RawJSON())
	}
	if c := s.last(t).Constraint; !allows(c, '{') || allows(c, 'a') {
		t.Error("the answer is not held to the schema")
	}
	p.ResponseFormat = openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONObject: &shared.ResponseFormatJSONObjectParam{}}
	if _, err := c.Chat.Completions.New(t.Context(), p); err != nil || !allows(s.last(t).Constraint, '{') || allows(s.last(t).Constraint, 'a') {
		t.Errorf("the answer is not held to an object (%v)", err)
	}
	p.ResponseFormat.OfJSONObject = nil
	if _, err := c.Chat.Completions.New(t.Context(), p); err != nil || s.last(t).Constraint != nil {
		t.Errorf("an answer without a form has one (%v)", err)
	}
	wrong := map[string]any{"type": "nonsense"}
	p.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "place", Schema: wrong},
	}
	var e *openai.Error
	if _, err := c.Chat.Completions.New(t.Context(), p); !errors.As(err, &e) || e.Param != "response_format" || e.StatusCode != 400 {
		t.Errorf("a wrong schema: %v", err)
	}
}

// TestClientErrors are errors as the client understands them.
func TestClientErrors(t *testing.T) {
	s, c := connect(t, "Hello")
	for name, want := range map[string]struct {
		err               error
		change            func(*openai.ChatCompletionNewParams)
		status            int
		kind, code, param string
		text              string
	}{
		"model": {nil, func(p *openai.ChatCompletionNewParams) { p.Model = "gpt" }, 404, "invalid_request_error", "model_not_found", "model", "tiny"},
		"value": {nil, func(p *openai.ChatCompletionNewParams) { p.N = openai.Int(1000) }, 400, "invalid_request_error", "invalid_input", "n", "128"},
		"field": {nil, func(p *openai.ChatCompletionNewParams) {
			p.Prediction.Content.OfString = openai.String("x")
		}, 400, "invalid_request_error", "not_supported", "prediction", "supported"},
		"length": {
			&lm.LengthError{Tokens: 9, Limit: 5, Of: "the context"}, nil,
			400, "invalid_request_error", "context_length_exceeded", "", "9 tokens",
		},
		"busy":  {&lm.BusyError{Waiting: 3, RetryAfter: 1500 * time.Millisecond}, nil, 429, "rate_limit_error", "server_overloaded", "", "3 requests"},
		"fault": {errors.New("secret /path"), nil, 500, "server_error", "internal_error", "", "the server failed"},
	} {
		s.err = want.err
		for _, stream := range []bool{false, true} {
			p := chatOf("hi")
			if want.change != nil {
				want.change(&p)
			}
			var err error
			if stream {
				events := c.Chat.Completions.NewStreaming(t.Context(), p)
				for events.Next() {
					t.Errorf("%s: an event %s", name, events.Current().RawJSON())
				}
				err = events.Err()
			} else {
				_, err = c.Chat.Completions.New(t.Context(), p)
			}
			var e *openai.Error
			if !errors.As(err, &e) || e.StatusCode != want.status || e.Type != want.kind || e.Code != want.code ||
				e.Param != want.param || !strings.Contains(e.Message, want.text) || strings.Contains(e.Message, "secret") {
				t.Errorf("%s: %v, want %+v", name, err, want)
				continue
			}
			if again := e.Response.Header.Get("Retry-After"); (again == "2") != (name == "busy") {
				t.Errorf("%s: try again after %q", name, again)
			}
		}
	}
}

// TestClientLateErrors are errors behind the first event of a stream.
func TestClientLateErrors(t *testing.T) {
	s, c := connect(t, "Hello")
	s.late = errors.New("secret")
	stream := c.Chat.Completions.NewStreaming(t.Context(), chatOf("hi"))
	text := ""
	for stream.Next() {
		text += stream.Current().Choices[0].Delta.Content
	}
	if err := stream.Err(); text != "Hello" || err == nil || !strings.Contains(err.Error(), "internal_error") || strings.Contains(err.Error(), "secret") {
		t.Errorf("%q, then %v", text, err)
	}
}

func TestClientCompletions(t *testing.T) {
	s, c := connect(t, "a", "b")
	p := openai.CompletionNewParams{Model: "tiny", N: openai.Int(2)}
	p.Prompt.OfArrayOfStrings = []string{"hi", "you"}
	got, err := c.Completions.New(t.Context(), p)
	if err != nil || len(got.Choices) != 4 {
		t.Fatalf("%v (%v)", got, err)
	}
	for i, choice := range got.Choices {
		if choice.Text != "ab" || int(choice.Index) != i || choice.FinishReason != "stop" {
			t.Errorf("answer %d is %s", i, choice.RawJSON())
		}
	}
	// A BOS and the letters, each prompt once.
	if got.Usage.PromptTokens != 3+4 || got.Usage.CompletionTokens != 8 || got.Usage.TotalTokens != 15 {
		t.Errorf("usage %s", got.Usage.RawJSON())
	}
	if s.last(t).MaxTokens != 16 {
		t.Errorf("%d tokens, want OpenAI's default of 16", s.last(t).MaxTokens)
	}
	p.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := c.Completions.NewStreaming(t.Context(), p)
	texts, tokens := make([]string, 4), int64(0)
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			texts[choice.Index] += choice.Text
		}
		tokens = stream.Current().Usage.TotalTokens
	}
	if stream.Err() != nil || strings.Join(texts, " ") != "ab ab ab ab" || tokens != 15 {
		t.Errorf("the stream has %q and %d tokens (%v)", texts, tokens, stream.Err())
	}
	p = openai.CompletionNewParams{Model: "tiny", Echo: openai.Bool(true), Logprobs: openai.Int(1), MaxTokens: openai.Int(0)}
	p.Prompt.OfArrayOfTokens = []int64{'h', 'i', 0xc3}
	got, err = c.Completions.New(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	l := got.Choices[0].Logprobs
	if got.Choices[0].Text != "hi\uFFFD" || !slices.Equal(l.Tokens, []string{"h", "i", `bytes:\xc3`}) || !strings.Contains(got.RawJSON(), `"token_logprobs":[null,-`) ||
		got.Usage.TotalTokens != 3 || got.Choices[0].FinishReason != "length" {
		t.Errorf("the echo is %s", got.RawJSON())
	}
}

func TestClientEmbeddings(t *testing.T) {
	_, c := connect(t)
	for name, input := range map[string]openai.EmbeddingNewParamsInputUnion{
		"a text":       {OfString: openai.String("hi")},
		"texts":        {OfArrayOfStrings: []string{"hi", "you"}},
		"tokens":       {OfArrayOfTokens: []int64{260, 'h', 'i'}},
		"token arrays": {OfArrayOfTokenArrays: [][]int64{{260, 'h', 'i'}, {4, 5}}},
	} {
		p := openai.EmbeddingNewParams{Model: "tiny", Input: input, Dimensions: openai.Int(2)}
		got, err := c.Embeddings.New(t.Context(), p)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, _ := vectors{}.Embed(t.Context(), [][]int32{{260, 'h', 'i'}})
		v := got.Data[0].Embedding
		if len(v) != 2 || float32(v[0]) != want[0][0] || float32(v[1]) != want[0][1] || got.Model != "tiny" {
			t.Errorf("%s: %v, want %v", name, v, want[0])
		}
		tokens := map[string]int64{"texts": 7, "token arrays": 5}[name]
		if tokens == 0 {
			tokens = 3
		}
		if len(got.Data) > 1 && got.Data[1].Index != 1 || got.Usage.PromptTokens != tokens || got.Usage.TotalTokens != tokens {
			t.Errorf("%s: %s", name, got.RawJSON())
		}
	}
	// The client does not decode base64: the bytes are looked at themselves.
	_, url := serve(t)
	status, body := post(t, url+"/v1/embeddings", `{"input":[[1,2]],"encoding_format":"base64"}`)
	var got struct{ Data []struct{ Embedding []byte } }
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || len(got.Data[0].Embedding) != 8 {
		t.Fatalf("%d %s (%v)", status, body, err)
	}
	b := got.Data[0].Embedding
	first := math.Float32frombits(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
	if want := float32(2 / math.Hypot(2, 3)); first != want {
		t.Errorf("the first number is %g, want %g", first, want)
	}
}

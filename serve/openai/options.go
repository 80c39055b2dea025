package openai

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"unicode/utf8"

	"trit/lm"
	"trit/serve/answer"
	"trit/serve/grammar"
	"trit/serve/wire"
)

// options are the fields that completions and chat completions have in common.
type options struct {
	Model            string             `json:"model"`
	Temperature      *float64           `json:"temperature"`
	TopP             *float64           `json:"top_p"`
	N                *int               `json:"n"`
	Stream           bool               `json:"stream"`
	StreamOptions    *streamOptions     `json:"stream_options"`
	Stop             texts              `json:"stop"`
	MaxTokens        *int               `json:"max_tokens"`
	PresencePenalty  *float64           `json:"presence_penalty"`
	FrequencyPenalty *float64           `json:"frequency_penalty"`
	LogitBias        map[string]float64 `json:"logit_bias"`
	Seed             *int64             `json:"seed"`
	// Beyond the API of OpenAI, by the names that other servers have for them.
	TopK              *int     `json:"top_k"`
	MinP              *float64 `json:"min_p"`
	RepetitionPenalty *float64 `json:"repetition_penalty"`
	IgnoreEOS         bool     `json:"ignore_eos"`
	Grammar           string   `json:"grammar"` // GBNF
}

// ignoredFields change nothing in an answer.
var ignoredFields = []string{
	"user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "service_tier", "store",
}

type streamOptions struct {
	IncludeUsage       bool `json:"include_usage"`
	IncludeObfuscation bool `json:"include_obfuscation"`
}

// noUsage is what stands for the usage in a part of a stream before the last: null where the request
// asks for the usage, and else nothing.
func (o *streamOptions) noUsage() any {
	if o != nil && o.IncludeUsage {
		return (*usage)(nil)
	}
	return nil
}

// texts are a text or a list of texts.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = nil
		if string(b) != "null" {
			*t = texts{one}
		}
		return nil
	}
	var list []string
	err := json.Unmarshal(b, &list)
	*t = list
	return err
}

// maxChoices is the most answers of one request.
const maxChoices = 128

// choices is the number of answers that a request asks for, whole or as a stream.
func (o *options) choices() (int, error) {
	if o.StreamOptions != nil && !o.Stream {
		return 0, wire.Errorf(wire.InvalidInput, "stream_options", "is for streams: set stream to true, or leave it out")
	}
	if o.N == nil {
		return 1, nil
	}
	if *o.N < 1 || *o.N > maxChoices {
		return 0, wire.Errorf(wire.InvalidInput, "n", "is %d: want 1 to %d", *o.N, maxChoices)
	}
	return *o.N, nil
}

// maxTemperature is the highest temperature of the API.
const maxTemperature = 2

// request makes the request of one answer; see repeat.
func (o *options) request(m *answer.Model) (answer.Request, error) {
	r := answer.Request{
		Stop: o.Stop, IgnoreEnd: o.IgnoreEOS, Sampling: m.Sampling, Format: grammar.Source{GBNF: o.Grammar},
	}
	if err := wire.CheckMost("temperature", o.Temperature, maxTemperature); err != nil {
		return r, err
	}
	s := &r.Sampling
	if o.saysSampling() {
		*s = lm.Sampling{Temperature: 1} // what the API has for fields that are left out
	}
	set(&s.Temperature, o.Temperature)
	set(&s.TopP, o.TopP)
	set(&s.TopK, o.TopK)
	set(&s.MinP, o.MinP)
	set(&s.RepetitionPenalty, o.RepetitionPenalty)
	set(&s.PresencePenalty, o.PresencePenalty)
	set(&s.FrequencyPenalty, o.FrequencyPenalty)
	s.Seed = rand.Uint64()
	if o.Seed != nil {
		s.Seed = uint64(*o.Seed)
	}
	return r, o.setBias(s)
}

// saysSampling reports whether the request says how to choose tokens. If it says nothing, the advice
// of the model's makers counts.
func (o *options) saysSampling() bool {
	return o.Temperature != nil || o.TopP != nil || o.TopK != nil || o.MinP != nil || o.RepetitionPenalty != nil ||
		o.PresencePenalty != nil || o.FrequencyPenalty != nil
}

// setMaxTokens sets the most tokens of an answer, by the field that says them. Without it, r keeps
// what it has.
func setMaxTokens(r *answer.Request, field string, n *int) error {
	if n == nil {
		return nil
	}
	if *n < 1 {
		return wire.Errorf(wire.InvalidInput, field, "is %d: want 1 or more", *n)
	}
	r.MaxTokens = *n
	return nil
}

func set[T any](dst, value *T) {
	if value != nil {
		*dst = *value
	}
}

func (o *options) setBias(s *lm.Sampling) error {
	if len(o.LogitBias) == 0 {
		return nil
	}
	s.LogitBias = map[int32]float64{}
	for name, bias := range o.LogitBias {
		id, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			return wire.Errorf(wire.InvalidInput, "logit_bias", "%q is not a token id", name)
		}
		s.LogitBias[int32(id)] = bias
	}
	return nil
}

// usage counts tokens.
type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
	PromptDetails    struct {
		CachedTokens int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	CompletionDetails struct {
		ReasoningTokens int `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

// addPrompt counts a prompt, which may have several answers.
func (u *usage) addPrompt(tokens, cached int) {
	u.PromptTokens += tokens
	u.TotalTokens += tokens
	u.PromptDetails.CachedTokens += cached
}

// addAnswer counts an answer.
func (u *usage) addAnswer(r *answer.Result) {
	u.CompletionTokens += len(r.Tokens)
	u.TotalTokens += len(r.Tokens)
	u.CompletionDetails.ReasoningTokens += r.ReasoningTokens
}

// add counts the answer of a number, of n to each prompt.
func (u *usage) add(number, n int, r *answer.Result) {
	if number%n == 0 {
		u.addPrompt(r.PromptTokens, r.CachedTokens)
	}
	u.addAnswer(r)
}

// finishReason is the API's name of why an answer ended.
func finishReason(f answer.Finish) string {
	switch f {
	case answer.FinishCalls:
		return "tool_calls"
	case answer.FinishLength:
		return "length"
	}
	return "stop"
}

// tokenText is the text of a token for log-probabilities, and its bytes. A token that is a part of
// a character is written as bytes, such as bytes:\xc3, so that two tokens differ.
func tokenText(m *answer.Model, id int32) (string, []int) {
	b := m.Tokenizer.TokenBytes(id)
	if len(b) == 0 {
		return fmt.Sprintf("<%d>", id), nil // a special token has no text
	}
	if utf8.Valid(b) {
		return string(b), numbersOf(b)
	}
	text := "bytes:"
	for _, v := range b {
		text += fmt.Sprintf(`\x%02x`, v)
	}
	return text, numbersOf(b)
}

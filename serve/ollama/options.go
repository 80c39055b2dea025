package ollama

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"trit/serve/answer"
	"trit/serve/grammar"
	"trit/serve/wire"
)

// options are the fields that chats and continuations have in common.
type options struct {
	Model       string          `json:"model"`
	Stream      *bool           `json:"stream"`
	Format      json.RawMessage `json:"format"`
	Sampling    json.RawMessage `json:"options"`
	Think       json.RawMessage `json:"think"`
	KeepAlive   json.RawMessage `json:"keep_alive"`
	LogProbs    bool            `json:"logprobs"`
	TopLogProbs int             `json:"top_logprobs"`
}

// ignoredFields change nothing: a request that is longer than the context is refused, and an answer
// that fills it ends.
var ignoredFields = []string{"truncate", "shift"}

// sampling says how tokens are chosen.
type sampling struct {
	Temperature      *float64 `json:"temperature"`
	TopK             *int     `json:"top_k"`
	TopP             *float64 `json:"top_p"`
	MinP             *float64 `json:"min_p"`
	RepeatPenalty    *float64 `json:"repeat_penalty"`
	PresencePenalty  *float64 `json:"presence_penalty"`
	FrequencyPenalty *float64 `json:"frequency_penalty"`
	Seed             *int64   `json:"seed"`
	NumPredict       *int     `json:"num_predict"`
	Stop             []string `json:"stop"`
	// What is not computed may have the value that changes nothing.
	RepeatLastN *int     `json:"repeat_last_n"`
	TypicalP    *float64 `json:"typical_p"`
	TFSZ        *float64 `json:"tfs_z"`
	Mirostat    *int     `json:"mirostat"`
}

// ignoredSampling says how a model is loaded, what to keep of a text that outgrows the context, and
// details of mirostat. The context is the server's: num_ctx does not change it.
var ignoredSampling = []string{
	"num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "use_mmap", "use_mlock", "numa", "low_vram", "f16_kv",
	"num_keep", "draft_num_predict", "mirostat_tau", "mirostat_eta",
}

// request makes the request of the answer, without its prompt.
func (o *options) request(m *answer.Model) (answer.Request, error) {
	r := answer.Request{
		Sampling: m.Sampling, Template: map[string]any{}, LogProbs: o.LogProbs, TopLogProbs: o.TopLogProbs,
	}
	r.Sampling.Seed = rand.Uint64()
	if o.TopLogProbs > 0 && !o.LogProbs {
		return r, wire.Errorf(wire.InvalidInput, "top_logprobs", "needs logprobs")
	}
	if err := o.setThink(r.Template); err != nil {
		return r, err
	}
	var s sampling
	if len(o.Sampling) > 0 {
		if err := wire.DecodePart("options", o.Sampling, &s, ignoredSampling...); err != nil {
			return r, err
		}
	}
	if err := s.put(&r); err != nil {
		return r, err
	}
	var err error
	r.Format, err = formatOf(o.Format)
	return r, err
}

// put sets how the tokens of an answer are chosen, and where it ends.
func (s *sampling) put(r *answer.Request) error {
	for _, v := range []struct {
		name string
		ok   bool
		want string
	}{
		{"repeat_last_n", s.RepeatLastN == nil || *s.RepeatLastN == -1, "-1: repeat_penalty looks at the whole text"},
		{"typical_p", s.TypicalP == nil || *s.TypicalP == 1, "1, which is off"},
		{"tfs_z", s.TFSZ == nil || *s.TFSZ == 1, "1, which is off"},
		{"mirostat", s.Mirostat == nil || *s.Mirostat == 0, "0, which is off"},
	} {
		if !v.ok {
			return wire.Errorf(wire.Unsupported, "options."+v.name, "is not supported: want %s", v.want)
		}
	}
	to := &r.Sampling
	set(&to.Temperature, s.Temperature)
	set(&to.TopK, s.TopK)
	set(&to.TopP, s.TopP)
	set(&to.MinP, s.MinP)
	set(&to.RepetitionPenalty, s.RepeatPenalty)
	set(&to.PresencePenalty, s.PresencePenalty)
	set(&to.FrequencyPenalty, s.FrequencyPenalty)
	if s.Seed != nil && *s.Seed >= 0 { // below: any
		to.Seed = uint64(*s.Seed)
	}
	if s.NumPredict != nil {
		r.MaxTokens = max(0, *s.NumPredict) // 0 and below: as many as the context leaves
	}
	r.Stop = s.Stop
	return nil
}

func set[T any](dst, value *T) {
	if value != nil {
		*dst = *value
	}
}

// efforts are values of think beside true and false.
var efforts = []string{"low", "medium", "high", "max"}

// setThink makes a model think or not, where its chat template can.
func (o *options) setThink(template map[string]any) error {
	if isNull(o.Think) {
		return nil
	}
	var on bool
	var effort string
	switch {
	case json.Unmarshal(o.Think, &on) == nil:
		template["enable_thinking"] = on
	case json.Unmarshal(o.Think, &effort) == nil && slices.Contains(efforts, effort):
		template["enable_thinking"], template["reasoning_effort"] = true, effort
	default:
		return wire.Errorf(wire.InvalidInput, "think", "want true, false, %s", strings.Join(efforts, ", "))
	}
	return nil
}

func isNull(b json.RawMessage) bool { return len(b) == 0 || string(b) == "null" }

// formatOf is the form of an answer.
func formatOf(b json.RawMessage) (grammar.Source, error) {
	switch {
	case isNull(b), string(b) == `""`:
		return grammar.Source{}, nil
	case string(b) == `"json"`:
		return grammar.Source{JSON: true}, nil
	case b[0] == '{':
		return grammar.Source{Schema: b}, nil
	}
	return grammar.Source{}, wire.Errorf(wire.InvalidInput, "format", `want "json" or a JSON schema`)
}

// checkUnload refuses what keep_alive asks of a request without a question: to unload a model.
func (o *options) checkUnload() error {
	var text string
	var seconds float64
	if json.Unmarshal(o.KeepAlive, &text) == nil {
		d, err := time.ParseDuration(text)
		if text != "0" && (err != nil || d != 0) {
			return nil
		}
	} else if json.Unmarshal(o.KeepAlive, &seconds) != nil || seconds != 0 {
		return nil
	}
	return wire.Errorf(wire.Unsupported, "keep_alive", "is 0: the server itself decides when it unloads a model")
}

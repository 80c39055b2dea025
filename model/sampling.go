package model

import (
	"encoding/json"
	"fmt"
)

// GenerationFile is the file of a Hugging Face folder that says how to choose tokens.
const GenerationFile = "generation_config.json"

// Sampling is how the makers of a model advise to choose tokens, with the keys of
// generation_config.json. What is nil they do not say.
type Sampling struct {
	Temperature       *float64 `json:"temperature,omitempty"`
	TopK              *int     `json:"top_k,omitempty"`
	TopP              *float64 `json:"top_p,omitempty"`
	MinP              *float64 `json:"min_p,omitempty"`
	RepetitionPenalty *float64 `json:"repetition_penalty,omitempty"`
}

// ParseSampling reads the advice in a generation_config.json. There is none where do_sample is
// false: transformers ignores the other keys then.
func ParseSampling(b []byte) (Sampling, error) {
	var file struct {
		Sampling
		DoSample *bool `json:"do_sample"`
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return Sampling{}, fmt.Errorf("%s: %w", GenerationFile, err)
	}
	if file.DoSample != nil && !*file.DoSample {
		return Sampling{}, nil
	}
	return file.Sampling, nil
}

// Keys are the keys of generation_config.json that say the same, with do_sample; none if there is
// no advice.
func (s Sampling) Keys() map[string]any {
	keys := map[string]any{}
	enter := func(key string, set bool, v any) {
		if set {
			keys[key], keys["do_sample"] = v, true
		}
	}
	enter("temperature", s.Temperature != nil, s.Temperature)
	enter("top_k", s.TopK != nil, s.TopK)
	enter("top_p", s.TopP != nil, s.TopP)
	enter("min_p", s.MinP != nil, s.MinP)
	enter("repetition_penalty", s.RepetitionPenalty != nil, s.RepetitionPenalty)
	return keys
}

package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// HFConfig is a Hugging Face config.json: the model's Config plus what only that file says.
type HFConfig struct {
	Config
	Architectures      []string            `json:"architectures"`
	ModelType          string              `json:"model_type"`
	BOSTokenID         *int                `json:"bos_token_id,omitempty"`
	EOSTokenID         EOSIDs              `json:"eos_token_id,omitempty"`
	TorchDType         string              `json:"torch_dtype,omitempty"`
	RopeScaling        json.RawMessage     `json:"rope_scaling,omitempty"`
	AttentionBias      bool                `json:"attention_bias,omitempty"`
	MLPBias            bool                `json:"mlp_bias,omitempty"`
	QuantizationConfig *QuantizationConfig `json:"quantization_config,omitempty"`
}

// QuantizationConfig is the part of config.json that says how ternary weights are stored.
type QuantizationConfig struct {
	QuantMethod      string `json:"quant_method"`
	LinearClass      string `json:"linear_class,omitempty"`
	QuantizationMode string `json:"quantization_mode,omitempty"`
}

// EOSIDs holds one or several end-of-text ids: files write a number or a list.
type EOSIDs []int

// UnmarshalJSON reads a number, a list of numbers, or null.
func (e *EOSIDs) UnmarshalJSON(b []byte) error {
	var one int
	if json.Unmarshal(b, &one) == nil && string(b) != "null" {
		*e = EOSIDs{one}
		return nil
	}
	return json.Unmarshal(b, (*[]int)(e))
}

// MarshalJSON writes a single id as a number.
func (e EOSIDs) MarshalJSON() ([]byte, error) {
	if len(e) == 1 {
		return json.Marshal(e[0])
	}
	return json.Marshal([]int(e))
}

// ParseHF reads a config.json and resolves what it leaves out. SubNorms and Ternary,
// which Hugging Face's files imply rather than say, follow from the architecture and
// the quantization_config unless the file states them.
func ParseHF(b []byte) (*HFConfig, error) {
	var c HFConfig
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	var stated struct {
		SubNorms *bool `json:"sub_norms"`
		Ternary  *bool `json:"ternary"`
		Tie      *bool `json:"tie_word_embeddings"`
	}
	if err := json.Unmarshal(b, &stated); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	bitnet := slices.ContainsFunc(c.Architectures, func(a string) bool { return strings.HasPrefix(strings.ToLower(a), "bitnet") })
	if stated.SubNorms == nil {
		c.SubNorms = bitnet
	}
	if stated.Ternary == nil {
		c.Ternary = bitnet || c.QuantizationConfig != nil && c.QuantizationConfig.QuantMethod == "bitnet"
	}
	if stated.Tie == nil {
		c.TieWordEmbeddings = bitnet
	}
	c.Resolve()
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return &c, nil
}

// Unsupported reports what a config.json asks for and nothing here computes, so that no
// model is read as something that it is not.
func (c *HFConfig) Unsupported() error {
	var errs []error
	var scaling struct {
		Type    string `json:"type"`
		NewType string `json:"rope_type"`
	}
	if len(c.RopeScaling) > 0 {
		if err := json.Unmarshal(c.RopeScaling, &scaling); err != nil {
			errs = append(errs, fmt.Errorf("config.json: rope_scaling: %w", err))
		} else if kind := scaling.NewType + scaling.Type; kind != "" && kind != "default" {
			errs = append(errs, fmt.Errorf("config.json: rope_scaling is %s: rotary embeddings are computed without scaling here", c.RopeScaling))
		}
	}
	if c.AttentionBias || c.MLPBias {
		errs = append(errs, errors.New("config.json: attention_bias or mlp_bias is true: projections have no bias here"))
	}
	return errors.Join(errs...)
}

// ForTraining is the config.json of a checkpoint of ours: master weights, quantised
// on the way (`quantization_mode: online`), readable as a Hugging Face folder.
func ForTraining(c Config, bos, eos int) *HFConfig {
	h := &HFConfig{Config: c, TorchDType: "float32"}
	if bos >= 0 {
		h.BOSTokenID = &bos
	}
	if eos >= 0 {
		h.EOSTokenID = EOSIDs{eos}
	}
	h.Architectures, h.ModelType = []string{"LlamaForCausalLM"}, "llama"
	if c.SubNorms {
		h.Architectures, h.ModelType = []string{"BitNetForCausalLM"}, "bitnet"
	}
	if c.Ternary {
		h.QuantizationConfig = &QuantizationConfig{"bitnet", "autobitlinear", "online"}
	}
	return h
}

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
	QuantizationConfig *QuantizationConfig `json:"quantization_config,omitempty"`
	AttentionBias      bool                `json:"attention_bias,omitempty"`
	MLPBias            bool                `json:"mlp_bias,omitempty"`
	UseSlidingWindow   bool                `json:"use_sliding_window,omitempty"`
	// OriginalMaxPositionEmbeddings is RopeScaling's once more for longrope, where
	// transformers 4 looks for it.
	OriginalMaxPositionEmbeddings int `json:"original_max_position_embeddings,omitempty"`
	stated                        stated
}

// stated are those keys that Hugging Face's files imply rather than say; nil where the
// file is silent.
type stated struct {
	SubNorms  *bool `json:"sub_norms"`
	ProjNorms *bool `json:"proj_norms"`
	QKNorm    *bool `json:"qk_norm"`
	Ternary   *bool `json:"ternary"`
	Tie       *bool `json:"tie_word_embeddings"`
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

// qwen3 is the model_type of microsoft/bitnet-embedding-0.6b and of its backbone.
const qwen3 = "qwen3"

// ParseHF reads a config.json and resolves what it leaves out. SubNorms, QKNorm and
// Ternary, which Hugging Face's files imply rather than say, follow from the architecture
// and the quantization_config unless the file states them, as does that BitNet and Qwen3
// models are tied; ProjNorms does not follow from the file, see Observe.
func ParseHF(b []byte) (*HFConfig, error) {
	var c HFConfig
	err := json.Unmarshal(b, &c)
	if err == nil {
		err = json.Unmarshal(b, &c.stated)
	}
	if err == nil {
		err = c.readRotary(b)
	}
	if err == nil {
		err = c.unsupported()
	}
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	bitnet := slices.ContainsFunc(c.Architectures, func(a string) bool {
		return strings.HasPrefix(strings.ToLower(a), "bitnet")
	})
	if c.stated.SubNorms == nil {
		c.SubNorms = bitnet && c.ModelType != qwen3
	}
	if c.stated.QKNorm == nil {
		c.QKNorm = c.ModelType == qwen3
	}
	if c.stated.Ternary == nil {
		c.Ternary = bitnet || c.QuantizationConfig != nil && c.QuantizationConfig.QuantMethod == "bitnet"
	}
	if c.stated.Tie == nil {
		c.TieWordEmbeddings = bitnet || c.ModelType == qwen3
	}
	c.Resolve()
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return &c, nil
}

// unsupported reports what would change every result and is computed nowhere here.
func (c *HFConfig) unsupported() error {
	switch {
	case strings.HasPrefix(c.ModelType, "gemma"):
		return fmt.Errorf("model_type is %q: its norms behind the blocks, GELU, scaled embedding and sliding windows "+
			"are not supported: of the BitNet embedding models take microsoft/bitnet-embedding-0.6b, whose model_type is %q",
			c.ModelType, qwen3)
	case c.AttentionBias, c.MLPBias:
		return errors.New("attention_bias or mlp_bias is true: projections have no bias here, " +
			"so only models without one can be used")
	case c.UseSlidingWindow:
		return errors.New("use_sliding_window is true: attention sees all earlier tokens here, " +
			"so only models without a window can be used")
	}
	return nil
}

// Observe resolves what config.json leaves open and the tensors of the folder tell: where
// the first projection has a norm of its own every one has, and all are BitLinear layers.
func (c *HFConfig) Observe(has func(name string) bool) error {
	if c.stated.ProjNorms == nil {
		norm := LayerTensor(0, ProjNorm(QProj))
		c.ProjNorms = has(norm) || has(headless(norm))
	}
	if c.stated.Ternary == nil {
		c.Ternary = c.Ternary || c.ProjNorms
	}
	if err := c.Validate(); err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	return nil
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
	switch {
	case c.QKNorm:
		h.Architectures, h.ModelType = []string{"Qwen3ForCausalLM"}, qwen3
	case c.SubNorms:
		h.Architectures, h.ModelType = []string{"BitNetForCausalLM"}, "bitnet"
	}
	if s := c.RopeScaling; s != nil && s.Type == RopeLongRoPE {
		h.OriginalMaxPositionEmbeddings = s.OriginalMaxPositionEmbeddings
	}
	if c.Ternary {
		h.QuantizationConfig = &QuantizationConfig{"bitnet", "autobitlinear", "online"}
	}
	return h
}

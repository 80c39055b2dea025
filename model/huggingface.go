package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"trit/internal/jsonfile"
	"trit/setting"
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
	// OriginalMaxPositionEmbeddings is RopeScaling's once more for longrope, where
	// transformers 4 looks for it. ForTraining sets it for the writers of files.
	OriginalMaxPositionEmbeddings int `json:"original_max_position_embeddings,omitempty"`
	// AttentionBias and MLPBias are ProjBias by the names of transformers. ForTraining sets them for the
	// writers of files.
	AttentionBias   bool `json:"attention_bias,omitempty"`
	MLPBias         bool `json:"mlp_bias,omitempty"`
	stated          stated
	notes, warnings []setting.Note
}

// Notes are what was assumed where the file is silent.
func (c *HFConfig) Notes() []setting.Note { return c.notes }

// Warnings name the keys of the file that are not known.
func (c *HFConfig) Warnings() []setting.Note { return c.warnings }

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

// tritMethod is the quant_method of models that transformers must not read: its BitNet layers would
// compute another model.
const tritMethod = "trit"

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

// setField is the option by which a user decides what a config.json says.
const setField = "source.Options.Set"

// ParseHF reads a config.json and resolves what it leaves out. SubNorms, QKNorm and
// Ternary, which Hugging Face's files imply rather than say, follow from the architecture
// and the quantization_config unless the file states them; ProjNorms and whether BitNet and
// Qwen3 models are tied do not follow from the file, see Observe. Every key of the file is
// computed with, changes no result, or is refused; unknown ones are in Warnings. Each of set is
// a KEY=VALUE, the value in JSON, that goes before what the file says; null takes a key out.
func ParseHF(b []byte, set ...string) (*HFConfig, error) {
	c, err := parseHF(b, set)
	if err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	return c, nil
}

func parseHF(b []byte, set []string) (*HFConfig, error) {
	keys, err := splitKeys(b, set)
	if err != nil {
		return nil, err
	}
	var c HFConfig
	if err = jsonfile.Decode(keys.computed, &c); err == nil {
		err = jsonfile.Decode(keys.computed, &c.stated)
	}
	if err == nil {
		err = checkClass(c.ModelType)
	}
	if err == nil {
		err = c.checkArchitectures()
	}
	if err != nil {
		return nil, err
	}
	c.imply()
	rotary := c.parseRotary(keys)
	c.complete(keys.all)
	if err := errors.Join(c.checkHeads(), c.takeScales(keys.all), c.takeHybrid(keys.all)); err != nil {
		return nil, err
	}
	if rotary == nil {
		rotary = c.RopeScaling.agreesWithContext(c.MaxPositionEmbeddings)
	}
	c.Resolve()
	return &c, errors.Join(rotary, c.checkKeys(keys.all), c.Validate())
}

// fileKeys are the keys of a config.json.
type fileKeys struct {
	all              map[string]any // decoded
	computed, rotary []byte         // those of these effects alone, as objects of JSON
}

// splitKeys decodes the keys of the file with those that are set, and encodes again those that
// are computed with: the decoder of structs would take keys of other case for them.
func splitKeys(b []byte, set []string) (*fileKeys, error) {
	var raw map[string]json.RawMessage
	if err := jsonfile.Decode(b, &raw); err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, errors.New("it is null: want an object")
	}
	if err := checkTwice(b, true); err != nil {
		return nil, err
	}
	if err := errors.Join(liftText(raw, set), setKeys(raw, set)); err != nil {
		return nil, err
	}
	keys := &fileKeys{all: map[string]any{}}
	computed, rotary := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for name, value := range raw {
		var v any
		if err := jsonfile.Decode(value, &v); err != nil {
			return nil, fmt.Errorf("%s: %w", plain(name), err)
		}
		keys.all[name] = v
		k, ok := hfKeys[name]
		switch {
		case ok && k.Effect == Computed, name == "torch_dtype":
			computed[name] = value
		case ok && k.Effect == OfRotary:
			rotary[name] = value
		}
	}
	var errs [2]error
	keys.computed, errs[0] = json.Marshal(computed)
	keys.rotary, errs[1] = json.Marshal(rotary)
	return keys, errors.Join(errs[:]...)
}

// setKeys changes keys as the user says.
func setKeys(raw map[string]json.RawMessage, set []string) error {
	for _, s := range set {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return &setting.Error{Field: setField, Found: strconv.Quote(s), Wanted: "KEY=VALUE"}
		}
		if !json.Valid([]byte(value)) {
			b, err := json.Marshal(value) // a text without its quotes
			if err != nil {
				return err
			}
			value = string(b)
		}
		raw[key] = json.RawMessage(value)
		if value == "null" {
			delete(raw, key)
		}
		if key == "rope_theta" || key == "partial_rotary_factor" {
			if err := dropInner(raw, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropInner takes a key out of rope_scaling and rope_parameters, so that the one beside them
// that is set goes before it.
func dropInner(raw map[string]json.RawMessage, key string) error {
	for _, object := range rotaryObjects {
		var inner map[string]json.RawMessage
		if json.Unmarshal(raw[object], &inner) != nil || inner[key] == nil {
			continue
		}
		delete(inner, key)
		b, err := json.Marshal(inner)
		if err != nil {
			return err
		}
		raw[object] = b
	}
	return nil
}

// imply fills in what follows from architecture and quantization_config.
func (c *HFConfig) imply() {
	bitnet := c.bitnet()
	if c.stated.SubNorms == nil {
		c.SubNorms = bitnet && c.ModelType != qwen3
	}
	if c.stated.QKNorm == nil {
		c.QKNorm = c.ModelType == qwen3 || c.ModelType == qwen35Type
	}
	if c.stated.Ternary == nil {
		c.Ternary = bitnet || c.QuantizationConfig != nil &&
			slices.Contains([]string{"bitnet", tritMethod}, c.QuantizationConfig.QuantMethod)
	}
	if c.stated.Tie == nil {
		c.TieWordEmbeddings = bitnet || c.ModelType == qwen3 || c.ModelType == miniCPMType
	}
}

// bitnet reports whether the model is of one of the classes for BitNet.
func (c *HFConfig) bitnet() bool {
	return strings.HasPrefix(c.ModelType, "bitnet") || slices.ContainsFunc(c.Architectures, func(a string) bool {
		return strings.HasPrefix(strings.ToLower(a), "bitnet")
	})
}

// checkHeads refuses sizes that give heads no whole dimension.
func (c *HFConfig) checkHeads() error {
	if n := c.NumAttentionHeads; c.HeadDim == 0 && n > 0 && c.HiddenSize%n != 0 {
		return setting.Needs(setField,
			fmt.Sprintf("hidden_size is %d and num_attention_heads %d, which does not divide it, and head_dim is not there",
				c.HiddenSize, n),
			fmt.Sprintf("name the width of a head in the file, or convert it with {%s} head_dim=N", setField))
	}
	return nil
}

// Observe resolves what config.json leaves open and the tensors of the folder tell: where
// the first projection has a norm of its own every one has, and all are BitLinear layers; and
// where there is a head, the model is not tied unless the file says so.
func (c *HFConfig) Observe(has func(name string) bool) error {
	if c.stated.ProjNorms == nil {
		norm := LayerTensor(0, ProjNorm(QProj))
		c.ProjNorms = has(norm) || has(headless(norm))
	}
	if c.stated.Ternary == nil {
		c.Ternary = c.Ternary || c.ProjNorms
	}
	// A head of its own stands for itself, since the classes of BitNet and Qwen3 in transformers
	// are not tied unless their files say so; MiniCPM's class is.
	if c.stated.Tie == nil && c.TieWordEmbeddings && has(LMHead) && !c.HasScales() {
		c.TieWordEmbeddings = false
		c.note("config.json has no tie_word_embeddings: the head is taken from %s, as transformers does", LMHead)
	}
	if err := c.Validate(); err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	return nil
}

// ForTraining is the config.json of a checkpoint of ours: master weights, quantised
// on the way (`quantization_mode: online`), readable as a Hugging Face folder.
func ForTraining(c Config, bos, eos int) *HFConfig {
	h := &HFConfig{Config: c, TorchDType: "float32", AttentionBias: c.ProjBias, MLPBias: c.ProjBias}
	if bos >= 0 {
		h.BOSTokenID = &bos
	}
	if eos >= 0 {
		h.EOSTokenID = EOSIDs{eos}
	}
	h.Architectures, h.ModelType = []string{"LlamaForCausalLM"}, "llama"
	switch {
	case c.IsHybrid():
		h.Architectures, h.ModelType = []string{"Qwen3_5ForCausalLM"}, qwen35Type+"_text"
	case c.QKNorm:
		h.Architectures, h.ModelType = []string{"Qwen3ForCausalLM"}, qwen3
	case c.SubNorms:
		h.Architectures, h.ModelType = []string{"BitNetForCausalLM"}, "bitnet"
	case c.HasScales():
		h.Architectures, h.ModelType = []string{"MiniCPMForCausalLM"}, miniCPMType
	}
	if s := c.RopeScaling; s != nil && s.Type == RopeLongRoPE {
		h.OriginalMaxPositionEmbeddings = s.OriginalMaxPositionEmbeddings
	}
	if c.Ternary {
		h.QuantizationConfig = &QuantizationConfig{methodOf(&c), "autobitlinear", "online"}
	}
	return h
}

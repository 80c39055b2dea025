package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"trit/internal/jsonfile"
	"trit/setting"
)

// qwen35Type is the model_type of Qwen3.5 and of Bonsai 2, hybrids of gated delta nets and attention. Its
// text model alone is qwen35Type+"_text". Source: transformers' classes of Qwen3.5.
const qwen35Type = "qwen3_5"

// qwen35 is the text model of a Qwen3.5, and qwen35Images one in a folder with a vision tower. Blocks that
// draft tokens may stand beside either.
var (
	qwen35 = Family{
		Title: "Qwen3.5",
		Fits:  func(c *HFConfig, _ func(string) bool) bool { return c.IsHybrid() },
		Apart: []Part{drafting, {"model." + drafting.Prefix, drafting.What}},
	}
	qwen35Images = Family{
		Title:  "Qwen3.5 with images",
		Fits:   func(c *HFConfig, has func(string) bool) bool { return c.IsHybrid() && has(besideImages(EmbedTokens)) },
		Rename: besideImages,
		Apart:  []Part{drafting, {"model.visual.", "a vision tower"}},
	}
	drafting = Part{"mtp.", "blocks that draft tokens (MTP)"}
)

// besideImages is the name of a tensor of the text model in a folder with a vision tower.
func besideImages(usual string) string {
	if rest, ok := strings.CutPrefix(usual, "model."); ok {
		return "model.language_model." + rest
	}
	return usual
}

// liftText makes the config.json of a Qwen3.5 that of its text model: the keys of text_config go beside those
// around it, and vision_config goes. set are the keys that the user sets, as setKeys takes them.
//
// It takes out what assigns pairs of a head to the three positions of an image, since those of a text are equal.
func liftText(raw map[string]json.RawMessage, set []string) error {
	var kind string
	if json.Unmarshal(raw["model_type"], &kind) != nil || strings.TrimSuffix(kind, "_text") != qwen35Type {
		return nil
	}
	raw["model_type"], _ = json.Marshal(qwen35Type)
	var text map[string]json.RawMessage
	if inner := raw["text_config"]; inner != nil {
		err := jsonfile.Decode(inner, &text)
		if err != nil {
			return fmt.Errorf("text_config: %w", err)
		}
		if err := checkTextType(text["model_type"]); err != nil {
			return err
		}
		delete(text, "model_type")
		delete(raw, "vision_config")
		delete(raw, "text_config")
	}
	if err := checkAround(text, raw, set); err != nil {
		return err
	}
	maps.Copy(raw, text)
	return errors.Join(dropInner(raw, "mrope_section"), dropInner(raw, "mrope_interleaved"))
}

// checkAround refuses keys of text_config that have another value around it, unless the user sets them.
func checkAround(text, around map[string]json.RawMessage, set []string) error {
	for _, key := range slices.Sorted(maps.Keys(text)) {
		outer, inner, name := around[key], compact(text[key]), plain(key)
		isSet := slices.ContainsFunc(set, func(s string) bool { return strings.HasPrefix(s, key+"=") })
		if outer == nil || isSet || hfKeys[key].Effect == Harmless || compact(outer) == inner {
			continue
		}
		return setting.Needs(setField, fmt.Sprintf("%s is %s, but text_config.%s is %s", name, compact(outer), name, inner),
			fmt.Sprintf("take the wrong one out of the file, or convert it with {%s} %s=VALUE", setField, name))
	}
	return nil
}

// checkTextType refuses a text_config of another class.
func checkTextType(b json.RawMessage) error {
	var kind string
	if b != nil && (json.Unmarshal(b, &kind) != nil || strings.TrimSuffix(kind, "_text") != qwen35Type) {
		return fmt.Errorf("text_config.model_type is %s: want %q", compact(b), qwen35Type+"_text")
	}
	return nil
}

// takeHybrid takes the keys of gated delta nets, which checkKeys refuses in other classes.
func (c *HFConfig) takeHybrid(keys map[string]any) error {
	if c.ModelType != qwen35Type {
		return nil
	}
	d := &c.DeltaNet
	for _, k := range []struct {
		name  string
		value *int
	}{
		{"linear_num_key_heads", &d.KeyHeads}, {"linear_num_value_heads", &d.ValueHeads}, {"linear_key_head_dim", &d.HeadDim},
		{"linear_conv_kernel_dim", &d.Kernel},
	} {
		if err := takeCount(keys, k.name, k.value); err != nil {
			return err
		}
	}
	kinds, _ := keys["layer_types"].([]any)
	switch {
	case keys["full_attention_interval"] != nil:
		return takeCount(keys, "full_attention_interval", &d.Interval)
	case kinds != nil:
		d.Interval = 1 + slices.Index(kinds, any(fullAttention))
		if d.Interval == 0 {
			return fmt.Errorf("layer_types has no %s: want one in each few layers", fullAttention)
		}
	default:
		d.Interval = 4
		c.note("config.json has neither layer_types nor full_attention_interval: each 4th layer is taken for full "+
			"attention, as the class of %s in transformers has it", c.ModelType)
	}
	return nil
}

// takeCount takes a whole number of a key; Validate judges it.
func takeCount(keys map[string]any, name string, value *int) error {
	if _, there := keys[name]; !there {
		return fmt.Errorf("%s is missing: want a number from 1 to %d", name, maxSize)
	}
	v, ok := number(keys[name])
	if !ok || v != math.Trunc(v) || math.Abs(v) > maxSize {
		return fmt.Errorf("%s is %s: want a number from 1 to %d", name, shown(keys[name]), maxSize)
	}
	*value = int(v)
	return nil
}

const fullAttention = "full_attention"

// kindsOfLayers reports whether a list of kinds of layers says what the model has: delta nets, called
// linear_attention, and full attention in a hybrid, and full attention alone in others.
func kindsOfLayers(v any, c *Config) bool {
	if !c.IsHybrid() {
		return allIn(v, fullAttention, "attention")
	}
	list, ok := v.([]any)
	for l, kind := range list {
		ok = ok && kind == map[bool]any{true: "linear_attention", false: fullAttention}[c.IsRecurrent(l)]
	}
	return ok && len(list) == c.NumHiddenLayers
}

// inHybrid makes a test for keys that hybrids are computed with, and that must be neutral elsewhere.
func inHybrid(neutral func(v any, c *Config) bool) func(v any, c *Config) bool {
	return func(v any, c *Config) bool { return c.IsHybrid() || neutral(v, c) }
}

// MarshalJSON writes the keys of gated delta nets as transformers has them, beside the others.
func (c *HFConfig) MarshalJSON() ([]byte, error) {
	type plain HFConfig
	out := struct {
		plain
		*DeltaNet
		ValueHeadDim int `json:"linear_value_head_dim,omitempty"`
	}{plain: plain(*c)}
	if c.IsHybrid() {
		d := c.DeltaNet
		out.DeltaNet, out.ValueHeadDim, out.plain.Config.DeltaNet = &d, d.HeadDim, DeltaNet{}
	}
	return json.Marshal(out)
}

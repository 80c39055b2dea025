package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"trit/internal/jsonfile"
	"trit/setting"
)

// rotaryDict is a rope_scaling or rope_parameters as it stands in a config.json; nil is what
// the file does not say.
type rotaryDict struct {
	RopeType            *string   `json:"rope_type"`
	OldType             *string   `json:"type"` // before transformers 4.43
	RopeTheta           *float64  `json:"rope_theta"`
	PartialRotaryFactor *float64  `json:"partial_rotary_factor"`
	Factor              *float64  `json:"factor"`
	Original            *int      `json:"original_max_position_embeddings"`
	AttentionFactor     *float64  `json:"attention_factor"`
	MScale              *float64  `json:"mscale"`
	MScaleAllDim        *float64  `json:"mscale_all_dim"`
	BetaFast            *float64  `json:"beta_fast"`
	BetaSlow            *float64  `json:"beta_slow"`
	Truncate            *bool     `json:"truncate"`
	LowFreqFactor       *float64  `json:"low_freq_factor"`
	HighFreqFactor      *float64  `json:"high_freq_factor"`
	ShortFactor         []float32 `json:"short_factor"`
	LongFactor          []float32 `json:"long_factor"`
}

// rotaryKeys are the keys that each type is computed with, beside those that all have. finetuned
// has no effect: it says that the scaling was trained with.
var rotaryKeys = map[string][]string{
	"default":  {},
	RopeLinear: {"factor", "finetuned"}, RopeDynamic: {"factor", "original_max_position_embeddings", "finetuned"},
	RopeYaRN: {"factor", "original_max_position_embeddings", "attention_factor", "mscale", "mscale_all_dim", "beta_fast",
		"beta_slow", "truncate", "finetuned"},
	RopeLlama3:   {"factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor"},
	RopeLongRoPE: {"short_factor", "long_factor", "factor", "original_max_position_embeddings", "attention_factor"},
}

// commonRotaryKeys are the keys that a dictionary of any type may have.
var commonRotaryKeys = []string{"rope_type", "type", "rope_theta", "partial_rotary_factor"}

// parseRotaryDict reads a rope_scaling or rope_parameters and refuses what the type is not
// computed with. It is nil where the file has none.
func parseRotaryDict(b json.RawMessage) (*rotaryDict, error) {
	if len(b) == 0 || string(b) == "null" {
		return nil, nil
	}
	var keys map[string]json.RawMessage
	var d rotaryDict
	err := jsonfile.Decode(b, &keys)
	if err == nil {
		err = jsonfile.Decode(b, &d)
	}
	if err != nil {
		return nil, fmt.Errorf("it is %s: %w", compact(b), err)
	}
	kind, err := d.kind()
	if err != nil {
		return nil, err
	}
	allowed, known := rotaryKeys[kind]
	if !known {
		return nil, fmt.Errorf("rope_type is %q: want \"default\" or one of %q", kind, RotaryScalingTypes)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if string(keys[key]) == "null" || slices.Contains(commonRotaryKeys, key) || slices.Contains(allowed, key) {
			continue
		}
		return nil, fmt.Errorf("%s is %s, which rope_type %q is not computed with: want no other keys than %q",
			key, compact(keys[key]), kind, allowed)
	}
	return &d, d.complete(kind)
}

// compact is JSON without spaces.
func compact(b json.RawMessage) string {
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		return string(b)
	}
	return out.String()
}

// kind is the type, "default" where the file has none.
func (d *rotaryDict) kind() (string, error) {
	kind := d.RopeType
	switch {
	case d.RopeType == nil && d.OldType == nil:
		return "default", nil
	case d.RopeType == nil:
		kind = d.OldType
	case d.OldType != nil && *d.OldType != *d.RopeType:
		return "", fmt.Errorf("type is %q and rope_type is %q: keep the one that the model was trained with",
			*d.OldType, *d.RopeType)
	}
	if *kind == "su" { // Phi-3's name before transformers had one
		return RopeLongRoPE, nil
	}
	return *kind, nil
}

// complete reports the keys that a type must have.
func (d *rotaryDict) complete(kind string) error {
	missing := func(key string) error {
		return fmt.Errorf("there is no %s, which rope_type %q must have", key, kind)
	}
	switch {
	case (kind == RopeLinear || kind == RopeDynamic || kind == RopeLlama3) && d.Factor == nil:
		return missing("factor")
	case kind == RopeLlama3 && d.Original == nil:
		return missing("original_max_position_embeddings")
	case kind == RopeLlama3 && d.LowFreqFactor == nil:
		return missing("low_freq_factor")
	case kind == RopeLlama3 && d.HighFreqFactor == nil:
		return missing("high_freq_factor")
	case kind == RopeLongRoPE && d.ShortFactor == nil:
		return missing("short_factor")
	case kind == RopeLongRoPE && d.LongFactor == nil:
		return missing("long_factor")
	case kind == RopeYaRN && d.Factor == nil && (d.Original == nil || d.MScale != nil || d.MScaleAllDim != nil):
		return missing("factor")
	}
	for key, v := range map[string]*float64{"factor": d.Factor, "attention_factor": d.AttentionFactor} {
		if v != nil && !(*v > 0) {
			return fmt.Errorf("%s is %v: want a positive number", key, *v)
		}
	}
	if d.Original != nil && *d.Original < 2 {
		return fmt.Errorf("original_max_position_embeddings is %d: want at least 2", *d.Original)
	}
	return nil
}

// scaling is the scaling of a dictionary, before Config.Resolve; nil for none.
func (d *rotaryDict) scaling() *RotaryScaling {
	kind, err := d.kind()
	if err != nil || kind == "default" {
		return nil
	}
	s := &RotaryScaling{Type: kind, Factor: value(d.Factor), AttentionFactor: value(d.AttentionFactor),
		BetaFast: value(d.BetaFast), BetaSlow: value(d.BetaSlow), Truncate: d.Truncate,
		LowFreqFactor: value(d.LowFreqFactor), HighFreqFactor: value(d.HighFreqFactor),
		ShortFactor: d.ShortFactor, LongFactor: d.LongFactor, OriginalMaxPositionEmbeddings: value(d.Original)}
	if s.AttentionFactor == 0 && value(d.MScale) != 0 && value(d.MScaleAllDim) != 0 {
		s.AttentionFactor = YaRNMagnitude(s.Factor, *d.MScale) / YaRNMagnitude(s.Factor, *d.MScaleAllDim)
	}
	return s
}

// value is what a pointer points to, or the zero value.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// UnmarshalJSON reads a rope_scaling, and refuses keys that its type is not computed with.
func (s *RotaryScaling) UnmarshalJSON(b []byte) error {
	d, err := parseRotaryDict(b)
	if err != nil {
		return fmt.Errorf("rope_scaling: %w", err)
	}
	*s = RotaryScaling{Type: "default"}
	if d == nil {
		return nil
	}
	if scaling := d.scaling(); scaling != nil {
		*s = *scaling
	}
	return nil
}

// parseRotary reads all that a config.json says of the rotary embedding, in the spellings of
// transformers 4 (rope_theta, rope_scaling) and 5 (rope_parameters). What stands in two places
// must be the same in both.
func (c *HFConfig) parseRotary(keys *fileKeys) error {
	if err := refuseRotary(keys.all); err != nil {
		return err
	}
	var file struct {
		RopeTheta           *float64        `json:"rope_theta"`
		PartialRotaryFactor *float64        `json:"partial_rotary_factor"`
		Original            *int            `json:"original_max_position_embeddings"`
		RopeScaling         json.RawMessage `json:"rope_scaling"`
		RopeParameters      json.RawMessage `json:"rope_parameters"`
	}
	if err := jsonfile.Decode(keys.rotary, &file); err != nil {
		return err
	}
	top := &rotaryDict{
		RopeTheta: file.RopeTheta, PartialRotaryFactor: file.PartialRotaryFactor, Original: file.Original,
	}
	places, errs := [3]*rotaryDict{top}, [2]error{}
	for i, b := range []json.RawMessage{file.RopeScaling, file.RopeParameters} {
		if places[i+1], errs[i] = parseRotaryDict(b); errs[i] != nil {
			places[i+1], errs[i] = nil, fmt.Errorf("%s: %w", rotaryObjects[i], errs[i])
		}
	}
	err := errors.Join(errs[0], errs[1],
		agreed(&places, &c.RopeTheta, "rope_theta", "NUMBER", func(d *rotaryDict) *float64 { return d.RopeTheta }),
		agreed(&places, &c.PartialRotaryFactor, "partial_rotary_factor", "NUMBER",
			func(d *rotaryDict) *float64 { return d.PartialRotaryFactor }))
	if err != nil {
		return err
	}
	return c.takeScaling(&places)
}

// rotaryObjects are the keys of config.json whose objects say how the rotary embedding is scaled.
var rotaryObjects = [2]string{"rope_scaling", "rope_parameters"}

// refuseRotary refuses keys of the rotary embedding that are not computed with, and objects
// that do not say what they mean.
func refuseRotary(keys map[string]any) error {
	for _, key := range []string{"rotary_pct", "rope_pct"} {
		if v := keys[key]; v != nil && !isNumber(v, 1) {
			return fmt.Errorf("%s is %s: the part of a head that is turned is read from partial_rotary_factor alone, so want 1",
				key, shown(v))
		}
	}
	if v := keys["rope_local_base_freq"]; v != nil {
		return fmt.Errorf("rope_local_base_freq is %s: all layers have the same rotary embedding here", shown(v))
	}
	for _, key := range rotaryObjects {
		if err := checkTyped(key, keys[key]); err != nil {
			return err
		}
	}
	return nil
}

// checkTyped refuses a rope_scaling or rope_parameters that is no object, or that has keys which
// mean nothing without a type.
func checkTyped(key string, v any) error {
	if v == nil {
		return nil
	}
	parts, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is %s: want an object with a rope_type", key, shown(v))
	}
	typed := parts["type"] != nil || parts["rope_type"] != nil
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if !typed && parts[name] != nil && !slices.Contains(commonRotaryKeys, name) {
			return setting.Needs(setField,
				fmt.Sprintf("%s is %s, with %s but without a rope_type, which says what it means", key, shown(v), plain(name)),
				fmt.Sprintf("where it means nothing, take it out of the file, or convert it with {%s} %s=null", setField, key))
		}
	}
	return nil
}

// rotaryPlaces begin the names of the places of a config.json that may speak of the rotary
// embedding.
var rotaryPlaces = [3]string{"", "rope_scaling.", "rope_parameters."}

// agreed sets dst to the value that one or several places of a file have. way is the value by
// which a user decides between two that differ.
func agreed[T comparable](places *[3]*rotaryDict, dst *T, key, way string, of func(*rotaryDict) *T) error {
	at := -1
	for i, d := range places {
		if d == nil || of(d) == nil {
			continue
		}
		v := *of(d)
		if v == *new(T) {
			return fmt.Errorf("%s%s is %v: want a positive number", rotaryPlaces[i], key, v)
		}
		if at >= 0 && v != *dst {
			return setting.Needs(setField,
				fmt.Sprintf("%s%s is %v, but %s%s is %v", rotaryPlaces[at], key, *dst, rotaryPlaces[i], key, v),
				fmt.Sprintf("take the wrong one out of the file, or convert it with {%s} %s=%s", setField, key, way))
		}
		*dst, at = v, i
	}
	return nil
}

// takeScaling enters the scaling of a config.json.
func (c *HFConfig) takeScaling(places *[3]*rotaryDict) error {
	var s *RotaryScaling
	for i, d := range places[1:] {
		if d == nil {
			continue
		}
		own := d.scaling()
		if i > 0 && places[1] != nil && !own.Equal(s) {
			return setting.Needs(setField, fmt.Sprintf("rope_scaling is %s, but rope_parameters is %s", s, own),
				fmt.Sprintf("take the wrong one out of the file, or convert it with {%s} KEY=null", setField))
		}
		s = own
	}
	if s != nil && s.Type != RopeLinear && s.Type != RopeDynamic {
		err := agreed(places, &s.OriginalMaxPositionEmbeddings, "original_max_position_embeddings", "null",
			func(d *rotaryDict) *int { return d.Original })
		if err != nil {
			return err
		}
	}
	c.RopeScaling = s
	return nil
}

// agreesWithContext refuses a scaling that versions of transformers compute in different ways.
func (s *RotaryScaling) agreesWithContext(context int) error {
	if s == nil {
		return nil
	}
	original := s.OriginalMaxPositionEmbeddings
	switch s.Type {
	case RopeDynamic:
		if original != 0 && context != 0 && original != context {
			return fmt.Errorf("rope_scaling is dynamic with original_max_position_embeddings %d, but max_position_embeddings "+
				"is %d: transformers computes this type from max_position_embeddings alone; keep the two equal", original, context)
		}
		s.OriginalMaxPositionEmbeddings = 0
	case RopeLongRoPE:
		if original == 0 || context == 0 || original == context || s.Factor == 0 || s.AttentionFactor != 0 {
			return nil
		}
		if ratio := float64(context) / float64(original); s.Factor != ratio {
			return fmt.Errorf("rope_scaling is longrope with factor %v, but max_position_embeddings %d is %v times "+
				"original_max_position_embeddings %d: versions of transformers differ in which of them makes the "+
				"attention_factor; add attention_factor", s.Factor, context, ratio, original)
		}
	}
	return nil
}

package model

import (
	"fmt"
	"maps"
	"slices"

	"trit/setting"
)

// parseRotary reads the keys of the rotary embedding: rope_theta, and in either spelling
// (rope_scaling of transformers 4, rope_parameters of transformers 5) how it is scaled. keys
// are those of the file. Scaling is not computed, so it is refused.
func (c *HFConfig) parseRotary(keys map[string]any) error {
	for _, key := range []string{"rope_scaling", "rope_parameters"} {
		if err := refuseScaling(key, keys[key]); err != nil {
			return err
		}
	}
	for _, key := range []string{"partial_rotary_factor", "rotary_pct", "rope_pct"} {
		if v := keys[key]; v != nil && !isNumber(v, 1) {
			return fmt.Errorf("%s is %s: the rotary embedding turns whole heads here, so want 1", key, shown(v))
		}
	}
	if v := keys["rope_local_base_freq"]; v != nil {
		return fmt.Errorf("rope_local_base_freq is %s: all layers have the same rotary embedding here", shown(v))
	}
	parameters, _ := keys["rope_parameters"].(map[string]any)
	inner, stated := number(parameters["rope_theta"])
	switch {
	case !stated:
	case keys["rope_theta"] == nil:
		c.RopeTheta = inner
	case c.RopeTheta != inner:
		return setting.Needs(setField,
			fmt.Sprintf("rope_theta is %v, but rope_parameters.rope_theta is %v", c.RopeTheta, inner),
			fmt.Sprintf("take the wrong one out of the file, or convert it with {%s} rope_theta=NUMBER", setField))
	}
	return nil
}

// refuseScaling refuses an object that says how the rotary embedding is scaled.
func refuseScaling(key string, v any) error {
	if v == nil {
		return nil
	}
	parts, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is %s: want an object with a rope_type", key, shown(v))
	}
	typed := false
	for _, name := range []string{"type", "rope_type"} {
		if kind := parts[name]; kind != nil && kind != "default" {
			return fmt.Errorf("%s is %s, with %s %s: rotary embeddings are computed without scaling here, so want %q",
				key, shown(v), name, shown(kind), "default")
		}
		typed = typed || parts[name] != nil
	}
	if f := parts["partial_rotary_factor"]; f != nil && !isNumber(f, 1) {
		return fmt.Errorf("%s.partial_rotary_factor is %s: the rotary embedding turns whole heads here, so want 1",
			key, shown(f))
	}
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		if !typed && name != "rope_theta" && name != "partial_rotary_factor" {
			return setting.Needs(setField,
				fmt.Sprintf("%s is %s, with %s but without a rope_type, which says what it means", key, shown(v), plain(name)),
				fmt.Sprintf("where it means nothing, take it out of the file, or convert it with {%s} %s=null", setField, key))
		}
	}
	return nil
}

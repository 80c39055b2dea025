package ggufmeta

import (
	"fmt"

	"trit/format/gguf"
	"trit/model"
)

// checkRotary judges the keys of the rotary embedding. Scaling is not computed, so it is
// refused.
func checkRotary(m *gguf.Metadata, architecture string, c *model.Config) error {
	neutral := map[string]func(v any, c *model.Config) bool{
		"rope.scale_linear": model.OffOr(model.One), "rope.scaling.factor": model.OffOr(model.One),
		"rope.scaling.attn_factor": model.OffOr(model.One), "rope.scaling.type": model.OffOr(model.Word("none")),
	}
	for _, key := range []string{"rope.scaling.type", "rope.scaling.factor", "rope.scale_linear", "rope.scaling.attn_factor"} {
		if v, ok := m.Get(architecture + "." + key); ok && !neutral[key](v, c) {
			return fmt.Errorf("the key %s.%s is %v: rotary embeddings are computed without scaling here", architecture, key, v)
		}
	}
	return nil
}

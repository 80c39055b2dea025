package ggufmeta

import (
	"fmt"

	"trit/format/gguf"
	"trit/model"
)

// hybridKeys replaces rows of architectureKeys for architecture qwen35. Source: llama.cpp's reader and
// converter of that architecture.
var hybridKeys = []keyRow{
	{computed, "ssm.conv_kernel ssm.group_count ssm.inner_size ssm.state_size ssm.time_step_rank full_attention_interval"},
	{refused(coversPairs, "turns pairs by positions that texts do not have"), sectionsKey},
	{refused(isPattern, "makes other layers recurrent than full_attention_interval"), "attention.recurrent_layers"},
	{refused(model.Off, "adds blocks that draft tokens (MTP); convert the model again without them, by the "+
		"option no-mtp of llama.cpp's converter"), "nextn_predict_layers"},
}

// sectionsKey says which pairs of a head are turned by which of an image's three positions. Those of
// a text are equal, so the rotary embedding is the usual one.
const sectionsKey = "rope.dimension_sections"

// sectionsOf are the usual sections of a number of pairs: pair i belongs to section i mod 3.
func sectionsOf(pairs int) []int32 {
	s := make([]int32, 4)
	for i := range pairs {
		s[i%3]++
	}
	return s
}

// coversPairs reports whether each pair belongs to one of the three positions that are equal in
// a text. llama.cpp turns other pairs by a fourth position, which is 0.
func coversPairs(v any, c *model.Config) bool {
	sections, sum := int32List(v), 0
	if len(sections) != 4 {
		return false
	}
	for _, n := range sections {
		if n < 0 || n > 1<<20 {
			return false
		}
		sum += int(n)
	}
	for pair := range min(sum, c.RotaryDim()/2) {
		if pair >= 3*int(sections[pair%3]) {
			return false
		}
	}
	return sum > 0
}

// int32List is the value of a key that is a list of 32-bit integers, nil for any other.
func int32List(v any) []int32 {
	var m gguf.Metadata
	m.Set("list", v)
	list, _ := m.Int32s("list")
	return list
}

// isPattern reports whether a list of marks says of each layer what the interval says.
func isPattern(v any, c *model.Config) bool {
	marks, ok := v.([]bool)
	for l := range marks {
		ok = ok && marks[l] == c.IsRecurrent(l)
	}
	return ok && len(marks) == c.NumHiddenLayers
}

// readHybrid reads the shape of gated delta nets.
func readHybrid(m *gguf.Metadata, c *model.Config) error {
	d := &c.DeltaNet
	inner, interval := 0, 4 // llama.cpp's default
	for key, value := range map[string]*int{
		"ssm.conv_kernel": &d.Kernel, "ssm.group_count": &d.KeyHeads, "ssm.inner_size": &inner, "ssm.state_size": &d.HeadDim,
		"ssm.time_step_rank": &d.ValueHeads, "full_attention_interval": &interval,
	} {
		key = Qwen35 + "." + key
		if _, present := m.Get(key); !present && value == &interval {
			continue
		}
		v, ok := m.Uint(key)
		if !ok || v == 0 || v > 1<<24 {
			return fmt.Errorf("the key %s is missing or out of range: convert the model again", key)
		}
		*value = int(v)
	}
	d.Interval = interval
	if inner != d.ValueDim() {
		return fmt.Errorf("the key %s.ssm.inner_size is %d: want %d, ssm.time_step_rank times ssm.state_size: keys and "+
			"values have one size", Qwen35, inner, d.ValueDim())
	}
	if _, ok := m.Get(Qwen35 + "." + sectionsKey); !ok {
		return fmt.Errorf("the key %s.%s is missing: convert the model again", Qwen35, sectionsKey)
	}
	return nil
}

// writeHybrid enters what readHybrid reads.
func writeHybrid(m *gguf.Metadata, c *model.Config) {
	d := &c.DeltaNet
	for _, k := range []struct {
		key   string
		value int
	}{
		{"ssm.conv_kernel", d.Kernel}, {"ssm.state_size", d.HeadDim}, {"ssm.group_count", d.KeyHeads},
		{"ssm.time_step_rank", d.ValueHeads}, {"ssm.inner_size", d.ValueDim()}, {"full_attention_interval", d.Interval},
	} {
		m.Set(Qwen35+"."+k.key, uint32(k.value))
	}
	m.Set(Qwen35+"."+sectionsKey, sectionsOf(c.RotaryDim()/2))
}

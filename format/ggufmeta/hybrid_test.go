package ggufmeta

import (
	"strings"
	"testing"

	"trit/format/gguf"
	"trit/model"
)

func hybrid() model.Config {
	c := model.Config{
		VocabSize: 8, HiddenSize: 256, IntermediateSize: 256, NumHiddenLayers: 4, NumAttentionHeads: 2, NumKeyValueHeads: 1,
		HeadDim: 128, MaxPositionEmbeddings: 512, RMSNormEps: 1e-6, RopeTheta: 1e7, PartialRotaryFactor: 0.5, HiddenAct: model.SiLU,
		TieWordEmbeddings: true, QKNorm: true,
		DeltaNet: model.DeltaNet{KeyHeads: 1, ValueHeads: 2, HeadDim: 128, Kernel: 4, Interval: 2},
	}
	c.Resolve()
	return c
}

// hybridFile is a file with tensors of zeros of a type, whose metadata and tensors a test changes.
func hybridFile(t testing.TB, typ gguf.Type, change func(m *gguf.Metadata, tensors *[]gguf.TensorInfo)) *gguf.File {
	t.Helper()
	c := hybrid()
	var m gguf.Metadata
	if err := WriteConfig(&m, Qwen35, &c); err != nil {
		t.Fatal(err)
	}
	var infos []gguf.TensorInfo
	for _, spec := range c.Tensors() {
		info := gguf.TensorInfo{Name: spec.GGUF, Type: gguf.F32, Dims: gguf.Dims(spec.Shape)}
		if spec.Layer >= 0 && len(spec.Shape) == 2 && !model.IsConvolution(spec) {
			info.Type = typ
		}
		infos = append(infos, info)
	}
	change(&m, &infos)
	var b strings.Builder
	w, err := gguf.NewWriter(&b, &m, infos)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		size, err := info.Type.Size(info.Dims)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(make([]byte, size)) //nolint:errcheck // EndTensor fails
		if err := w.EndTensor(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestHybridIsReadAsWritten(t *testing.T) {
	m, err := ReadModel(hybridFile(t, gguf.F16, func(*gguf.Metadata, *[]gguf.TensorInfo) {}))
	if err != nil || m.Config != hybrid() || m.Architecture != Qwen35 {
		t.Errorf("%+v of %s, %v", m.Config, m.Architecture, err)
	}
}

// TestHybridFiles: what would change results is refused by name.
func TestHybridFiles(t *testing.T) {
	set := func(key string, v any) func(m *gguf.Metadata, _ *[]gguf.TensorInfo) {
		return func(m *gguf.Metadata, _ *[]gguf.TensorInfo) { m.Set("qwen35."+key, v) }
	}
	tensor := func(name string, dims ...uint64) func(_ *gguf.Metadata, list *[]gguf.TensorInfo) {
		return func(_ *gguf.Metadata, list *[]gguf.TensorInfo) {
			*list = append(*list, gguf.TensorInfo{Name: name, Type: gguf.F32, Dims: dims})
		}
	}
	for _, c := range []struct {
		wrong  string // part of the error; "" for none
		change func(m *gguf.Metadata, list *[]gguf.TensorInfo)
	}{
		{"qwen35.nextn_predict_layers is 1", set("nextn_predict_layers", uint32(1))},
		{"", set("nextn_predict_layers", uint32(0))},
		{"qwen35.rope.dimension_sections is", set("rope.dimension_sections", []int32{16, 8, 8, 0})},
		{"qwen35.rope.dimension_sections is", set("rope.dimension_sections", []int32{8, 8, 8, 8})},
		{"qwen35.rope.dimension_sections is", set("rope.dimension_sections", []int32{11, 11, 10})},
		{"qwen35.rope.dimension_sections is", set("rope.dimension_sections", []int32{0, 0, 0, 0})},
		{"", set("rope.dimension_sections", []int32{11, 11, 10, 0})},
		{"", set("rope.dimension_sections", []uint32{11, 11, 10, 0})},
		{"qwen35.attention.recurrent_layers is", set("attention.recurrent_layers", []bool{true, true, true, false})},
		{"", set("attention.recurrent_layers", []bool{true, false, true, false})},
		{"qwen35.ssm.inner_size is 128", set("ssm.inner_size", uint32(128))},
		{"qwen35.ssm.conv_kernel is missing or out of range", set("ssm.conv_kernel", uint32(0))},
		{"qwen35.ssm.conv_kernel is missing or out of range", set("ssm.conv_kernel", "four")},
		{"linear_conv_kernel_dim is 33", set("ssm.conv_kernel", uint32(33))},
		{"linear_num_value_heads 2 is not a multiple", set("ssm.group_count", uint32(3))},
		{"full_attention_interval is 5", set("full_attention_interval", uint32(5))},
		{"qwen35.expert_count is 8", set("expert_count", uint32(8))},
		{"blk.1.attn_q.weight", set("full_attention_interval", uint32(4))},
		{"blk.0.ssm_in.weight", tensor("blk.0.ssm_in.weight", 4)},
		{"blk.4.nextn.eh_proj.weight", tensor("blk.4.nextn.eh_proj.weight", 4)},
		{"v.blk.0.attn_q.weight", tensor("v.blk.0.attn_q.weight", 4)},
		{"blk.1.attn_q.bias", tensor("blk.1.attn_q.bias", 4)},
		{"blk.0.ssm_a is missing", func(_ *gguf.Metadata, list *[]gguf.TensorInfo) {
			for i := range *list {
				if (*list)[i].Name == "blk.0.ssm_a" {
					(*list)[i].Name = "blk.0.ssm_a.weight"
				}
			}
		}},
	} {
		_, err := ReadModel(hybridFile(t, gguf.F16, c.change))
		if (err != nil) != (c.wrong != "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("got %v, want an error with %q", err, c.wrong)
		}
	}
}

// The order of value heads in a basis is read and written; a convolution is in none.
func TestBasisOfAHybrid(t *testing.T) {
	c := hybrid()
	m := rotatedKeys(t, &c)
	for _, v := range []any{true, false, nil} {
		got := hybrid()
		err := readBasis(changedKeys(m, map[string]any{"gdn_v_grouped": v}), &got)
		if err != nil || got.Basis.Grouped != (v == true) || got.Basis.Equal(c.Basis) == (v == true) {
			t.Errorf("gdn_v_grouped %v: %+v, %v", v, got.Basis, err)
			continue
		}
		var again gguf.Metadata
		writeBasis(&again, &got)
		if written, _ := again.Get(basisPrefix + "gdn_v_grouped"); written != (v == true) {
			t.Errorf("gdn_v_grouped %v is written as %v", v, written)
		}
	}
	got := hybrid()
	taps := map[string]any{"weight_names": []string{"blk.0.ssm_conv1d.weight"}, "block_size": uint32(4),
		"inverse_weight_names": []string{}}
	if err := readBasis(changedKeys(m, taps), &got); err == nil || !strings.Contains(err.Error(), "ssm_conv1d.weight, which is no matrix") {
		t.Errorf("a convolution in a basis: %v", err)
	}
}

// A hybrid file of the types of rotated bases, without its keys, is warned of.
func TestHybridWithoutBasis(t *testing.T) {
	for typ, want := range map[gguf.Type]bool{gguf.Q2_0: false, gguf.F16: false, gguf.PQ2_0: true, gguf.PTQ1_0: true} {
		m, err := ReadModel(hybridFile(t, typ, func(*gguf.Metadata, *[]gguf.TensorInfo) {}))
		if err != nil {
			t.Fatal(err)
		}
		warned := false
		for _, w := range m.Warnings {
			warned = warned || strings.Contains(string(w), "rotated basis")
		}
		if warned != want {
			t.Errorf("%s: warned %v", typ, warned)
		}
	}
}

func TestSectionsOfPairs(t *testing.T) {
	c := hybrid()
	for _, head := range []int{2, 64, 128, 256} {
		c.HeadDim, c.PartialRotaryFactor = head, 0
		if s := sectionsOf(head / 2); !coversPairs(s, &c) {
			t.Errorf("the sections %v of %d pairs are refused", s, head/2)
		}
	}
}

// The tensors of a file fix its shape: whatever the keys of a hybrid are, the file is refused or read as that shape.
func FuzzHybrid(f *testing.F) {
	whole := hybridFile(f, gguf.F16, func(*gguf.Metadata, *[]gguf.TensorInfo) {})
	for _, s := range []struct {
		sections, marks string
	}{{"\x0b\x0b\x0a\x00", ""}, {"\x10\x08\x08\x00", "\x01\x00\x01\x00"}, {"", "\x01"}} {
		f.Add(uint64(4), uint64(1), uint64(256), uint64(128), uint64(2), uint64(2), []byte(s.sections), []byte(s.marks))
		f.Add(uint64(0), uint64(2), uint64(256), uint64(64), uint64(4), uint64(1)<<63, []byte(s.sections), []byte(s.marks))
	}
	f.Fuzz(func(t *testing.T, kernel, groups, inner, state, rank, interval uint64, sections, marks []byte) {
		file := *whole
		file.Metadata = gguf.Metadata{}
		for _, key := range whole.Metadata.Keys {
			v, _ := whole.Metadata.Get(key)
			file.Metadata.Set(key, v)
		}
		for key, v := range map[string]uint64{
			"ssm.conv_kernel": kernel, "ssm.group_count": groups, "ssm.inner_size": inner, "ssm.state_size": state,
			"ssm.time_step_rank": rank, "full_attention_interval": interval,
		} {
			file.Metadata.Set("qwen35."+key, v)
		}
		list, pattern := []int32{}, []bool{}
		for _, v := range sections {
			list = append(list, int32(int8(v)))
		}
		for _, v := range marks {
			pattern = append(pattern, v&1 == 1)
		}
		file.Metadata.Set("qwen35.rope.dimension_sections", list)
		if len(marks) > 0 {
			file.Metadata.Set("qwen35.attention.recurrent_layers", pattern)
		}
		if m, err := ReadModel(&file); err == nil && m.Config != hybrid() {
			t.Errorf("read %+v", m.Config)
		}
	})
}

package convert

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/convert/inspect"
	"trit/convert/source"
	"trit/format/gguf"
	"trit/format/ggufmeta"
)

// rawGGUF is a GGUF file written number by number, without a check.
type rawGGUF []byte

func newGGUF(tensors, keys uint64) rawGGUF {
	return rawGGUF("GGUF\x03\x00\x00\x00").u64(tensors).u64(keys)
}

func (r rawGGUF) u32(v uint32) rawGGUF { return binary.LittleEndian.AppendUint32(r, v) }
func (r rawGGUF) u64(v uint64) rawGGUF { return binary.LittleEndian.AppendUint64(r, v) }
func (r rawGGUF) text(s string) rawGGUF {
	return append(r.u64(uint64(len(s))), s...)
}

// tensor enters a tensor of these dims.
func (r rawGGUF) tensor(name string, typ uint32, offset uint64, dims ...uint64) rawGGUF {
	r = r.text(name).u32(uint32(len(dims)))
	for _, d := range dims {
		r = r.u64(d)
	}
	return r.u32(typ).u64(offset)
}

// body puts the data of n bytes behind the header.
func (r rawGGUF) body(n int) rawGGUF {
	return append(r, make([]byte, -len(r)&31+n)...)
}

// Numbers of GGUF's kinds of values.
const (
	kindU32   = 4
	kindText  = 8
	kindArray = 9
	kindF32   = 6
)

func TestDamagedGGUFHeader(t *testing.T) {
	const huge = 1 << 60
	one := newGGUF(1, 0)
	for _, c := range []struct {
		file rawGGUF
		want string
	}{
		{nil, "an empty file, not a GGUF file"},
		{rawGGUF("GG\x00\xff"), "this is not a GGUF file"},
		{rawGGUF("GGUF"), "version"},
		{rawGGUF("GGUF\x00\x00\x00\x03"), "version"},
		{newGGUF(huge, 0), "counts"},
		{newGGUF(0, 1<<63), "counts"},
		{newGGUF(1<<20, 0), "tensor name"},
		{newGGUF(0, 1).u64(1 << 40), "key: a string of 1099511627776 bytes"},
		{newGGUF(0, 1).text("k").u32(kindText).u64(1 << 40), "k: a string of 1099511627776 bytes"},
		{newGGUF(0, 1).text("k").u32(kindText).u64(1 << 20), "k: 1048576 bytes are wanted"},
		{newGGUF(0, 1).text("k").u32(kindArray).u32(kindU32).u64(huge), "k: a list of 1152921504606846976 values"},
		{newGGUF(0, 1).text("k").u32(kindArray).u32(kindText).u64(1 << 24).body(1 << 12), "k: a list of 16777216 values"},
		{newGGUF(0, 1).text("k").u32(kindArray).u32(kindArray).u64(1).u32(kindU32).u64(1).u32(1), "k: lists of value type 9"},
		{newGGUF(0, 1).text("k").u32(13), "k: value type 13"},
		{newGGUF(0, 2).text("k").u32(kindU32).u32(1).text("k").u32(kindU32).u32(1), "k: the key stands twice"},
		{newGGUF(0, 1).text("general.alignment").u32(kindU32).u32(0), "general.alignment: 0"},
		{newGGUF(0, 1).text("general.alignment").u32(kindU32).u32(3), "general.alignment: 3"},
		{newGGUF(0, 1).text("general.alignment").u32(kindU32).u32(1 << 31), "general.alignment: 2147483648"},
		{one.tensor("a", 0, 0, 1, 1, 1, 1, 1).body(64), "a: 5 dimensions"},
		{one.tensor("a", 0, 0, 1<<40, 1<<40).body(64), "a: dims"},
		{one.tensor("a", 0, 0, 1<<63).body(64), "a: dims"},
		{one.tensor("a", 0, 0, 1<<40).body(64), "a: 4398046511104 bytes at 0"},
		{one.tensor("a", 99, 0, 8).body(64), "a: tensor type 99"},
		{one.tensor("a", 0, 4, 1).body(64), "a: offset 4"},
		{one.tensor("a", 0, 1<<63, 1).body(64), "a: 4 bytes at 9223372036854775808"},
		{one.tensor("a", 0, math.MaxUint64-31, 16).body(64), "a: 64 bytes at 18446744073709551584"},
		{one.tensor("a", uint32(gguf.I2_S), 0, 64, 2).body(64), "a: rows of 64"},
		{newGGUF(2, 0).tensor("a", 0, 0, 16).tensor("a", 0, 64, 16).body(128), "a: the tensor stands twice"},
		{newGGUF(2, 0).tensor("a", 0, 0, 16).tensor("b", 0, 32, 16).body(128), "b: begins at 32, inside"},
		{newGGUF(2, 0).tensor("a", 0, 0, 16).tensor("b", 0, 0, 16).body(128), "begins at 0, inside"},
	} {
		path := filepath.Join(t.TempDir(), "x.gguf")
		if err := os.WriteFile(path, c.file, 0o644); err != nil {
			t.Fatal(err)
		}
		if n := allocated(func() { refuses(t, path, Options{}, c.want) }); n > 8<<20 {
			t.Errorf("%s: %d MB of memory", c.want, n>>20)
		}
		if _, err := inspect.Read(path, inspect.Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("inspect: got %v, want %q", err, c.want)
		}
	}
}

// contents is a GGUF file in memory, to be changed.
type contents struct {
	meta  map[string]any
	order []gguf.Source
	data  map[string][]byte
}

// set replaces a tensor or adds one.
func (c *contents) set(name string, typ gguf.Type, data []byte, dims ...uint64) {
	i := slices.IndexFunc(c.order, func(s gguf.Source) bool { return s.Name == name })
	if i < 0 {
		i = len(c.order)
		c.order = append(c.order, gguf.Source{Name: name})
	}
	c.order[i].Type, c.order[i].Dims, c.data[name] = typ, dims, data
}

func (c *contents) remove(name string) {
	c.order = slices.DeleteFunc(c.order, func(s gguf.Source) bool { return s.Name == name })
}

// regguf writes a changed copy of a GGUF file.
func regguf(t testing.TB, in string, edit func(c *contents)) string {
	t.Helper()
	f, err := gguf.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := &contents{meta: map[string]any{}, data: map[string][]byte{}}
	for _, key := range f.Metadata.Keys {
		c.meta[key], _ = f.Metadata.Get(key)
	}
	for _, info := range f.Tensors {
		c.set(info.Name, info.Type, slices.Clone(f.Data(info)), info.Dims...)
	}
	edit(c)
	m := &gguf.Metadata{}
	for key, v := range c.meta {
		m.Set(key, v)
	}
	for i := range c.order {
		data := c.data[c.order[i].Name]
		c.order[i].Write = func(w io.Writer) error { _, err := w.Write(data); return err }
	}
	out := filepath.Join(t.TempDir(), "changed.gguf")
	if err := gguf.WriteFile(out, m, c.order); err != nil {
		t.Fatal(err)
	}
	return out
}

// inF32 is a value in the four bytes behind an I2_S tensor's codes.
func inF32(v float64) []byte {
	return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v)))
}

func TestDamagedGGUFTernary(t *testing.T) {
	const q, codes = "blk.1.attn_q.weight", 256 * 256 / 4
	i2s := packedGolden + "/expected-i2_s.gguf"
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, -1} {
		refuses(t, regguf(t, i2s, func(c *contents) { copy(c.data[q][codes:], inF32(v)) }), Options{}, "the scale of "+q+" is")
	}
	refuses(t, regguf(t, i2s, func(c *contents) { c.data[q][9] |= 0b11 }), Options{}, q, "hold a 3")
	for _, typ := range []Type{TQ1, TQ2} {
		size := map[Type]int{TQ1: 54, TQ2: 66}[typ]
		good := mustConvert(t, llamaGolden, "good.gguf", Options{Type: typ})
		for _, c := range []struct {
			bits uint16
			want string
		}{{0x3c01, "blocks have different scales"}, {0x7e00, "blocks have different scales"}, {0xbc00, "blocks have different scales"}, {0, "the scale 0, but codes"}, {0x8000, "the scale 0, but codes"}} {
			bad := regguf(t, good, func(f *contents) { binary.LittleEndian.PutUint16(f.data[q][7*size-2:], c.bits) })
			refuses(t, bad, Options{}, q, c.want)
		}
		for _, bits := range []uint16{0x7e00, 0x7c00, 0xfc00, 0xbc00} {
			bad := regguf(t, good, func(f *contents) {
				for at := size - 2; at < len(f.data[q]); at += size {
					binary.LittleEndian.PutUint16(f.data[q][at:], bits)
				}
			})
			refuses(t, bad, Options{}, "the scale of "+q+" is")
		}
	}
	tq2 := mustConvert(t, llamaGolden, "good.gguf", Options{Type: TQ2})
	refuses(t, regguf(t, tq2, func(c *contents) { c.data[q][9] |= 0b1100 }), Options{}, q, "hold a 3")
}

func TestDamagedGGUFFactors(t *testing.T) {
	folder := tinyFolder(t, true) // of 128 columns, which TQ2_0 cannot hold
	silu := tiny
	silu.HiddenSize, silu.IntermediateSize, silu.HiddenAct = 256, 256, "silu"
	generate(t, folder, silu, true)
	good := mustConvert(t, folder, "good.gguf", Options{Type: TQ2})
	const factor = "blk.0.attn_q.scale"
	for _, c := range []struct {
		typ  gguf.Type
		data []byte
		want string
	}{
		{gguf.F32, inF32(math.NaN()), "is NaN"},
		{gguf.F32, inF32(math.Inf(1)), "is +Inf"},
		{gguf.F32, inF32(0), "is 0"},
		{gguf.F32, inF32(-1), "is -"},
		{gguf.F32, make([]byte, 8), "want one F32"},
		{gguf.F16, make([]byte, 2), "want one F32"},
	} {
		n := uint64(len(c.data)) / 4
		bad := regguf(t, good, func(f *contents) { f.set(factor, c.typ, c.data, max(n, 1)) })
		refuses(t, bad, Options{}, "blk.0.attn_q", c.want)
	}
	if ggufmeta.ScaleName("blk.0.attn_q.weight") != factor {
		t.Errorf("the factor is called %s", ggufmeta.ScaleName("blk.0.attn_q.weight"))
	}
}

func TestDamagedGGUFModel(t *testing.T) {
	const arch, q = "bitnet-b1.58", "blk.0.attn_q.weight"
	good := mustConvert(t, packedGolden, "good.gguf", Options{})
	set := func(key string, v any) func(c *contents) { return func(c *contents) { c.meta[key] = v } }
	long := make([]string, 512)
	long[7] = strings.Repeat("x", 1<<15)
	for _, c := range []struct {
		edit func(c *contents)
		want string
	}{
		{set("general.architecture", "bert"), "general.architecture is \"bert\""},
		{set("general.architecture", uint32(1)), "general.architecture is \"\""},
		{set(arch+".block_count", uint32(1<<20)), "num_hidden_layers is 1048576"},
		{set(arch+".block_count", uint32(1<<31)), arch + ".block_count is missing or out of range"},
		{set(arch+".block_count", uint32(3)), "blk.2.attn_norm.weight is missing"},
		{set(arch+".block_count", uint32(1)), "blk.1.attn_norm.weight, which the model of the metadata has no place for"},
		{set(arch+".block_count", int32(-1)), arch + ".block_count is missing or out of range"},
		{set(arch+".attention.head_count", []uint32{4, 4}), arch + ".attention.head_count is missing"},
		{set(arch+".attention.head_count", uint32(0)), "num_attention_heads is 0"},
		{set(arch+".attention.key_length", uint64(1<<60)), arch + ".attention.key_length is 1152921504606846976"},
		{set(arch+".embedding_length", uint32(128)), "has dims [256"},
		{set(arch+".attention.layer_norm_rms_epsilon", float32(math.NaN())), "layer_norm_rms_epsilon is NaN"},
		{set(arch+".attention.layer_norm_rms_epsilon", float32(0)), "layer_norm_rms_epsilon is 0"},
		{set(arch+".attention.layer_norm_rms_epsilon", "small"), "layer_norm_rms_epsilon is small"},
		{func(c *contents) { delete(c.meta, arch+".attention.layer_norm_rms_epsilon") }, "layer_norm_rms_epsilon is missing"},
		{set(arch+".rope.freq_base", float32(math.Inf(1))), "rope_theta is +Inf"},
		{set(arch+".rope.freq_base", float32(math.NaN())), "rope.freq_base is NaN"},
		{func(c *contents) { c.remove("token_embd.weight") }, "token_embd.weight is missing"},
		{func(c *contents) { c.remove("blk.1.ffn_sub_norm.weight") }, "blk.1.ffn_sub_norm.weight is missing"},
		{func(c *contents) { c.set("blk.0.attn_q.bias", gguf.F32, make([]byte, 4), 1) }, "blk.0.attn_q.bias, which"},
		{func(c *contents) { c.set(q, gguf.I2_S, c.data[q], 128, 512) }, q + " has dims [128 512]"},
		{func(c *contents) { c.set("blk.0.attn_k.weight", gguf.F32, make([]byte, 4*256*128), 256, 128) }, "blk.0.attn_k.weight is F32"},
		{func(c *contents) { c.set(q, gguf.F32, make([]byte, 4*256*256), 256, 256) }, q + " is F32: Options.Weights"},
		{func(c *contents) { c.set("token_embd.weight", gguf.I2_S, make([]byte, 512*64+32), 256, 512) }, "token_embd.weight is I2_S"},
		{func(c *contents) { c.set("output_norm.weight", gguf.I8, make([]byte, 256), 256) }, "output_norm.weight"},
		{set("tokenizer.ggml.token_type", []int32{1, 2}), "tokenizer.ggml.token_type: 2 types for 512 tokens"},
		{set("tokenizer.ggml.bos_token_id", uint32(512)), "tokenizer.ggml.bos_token_id: 512 is not one of the 512 tokens"},
		{set("tokenizer.ggml.bos_token_id", uint64(1<<32)), "bos_token_id: 2147483647"},
		{set("tokenizer.ggml.tokens", long), "tokenizer.ggml.tokens: token 7 has 32768 bytes"},
		{func(c *contents) {
			c.meta["tokenizer.ggml.tokens"] = append(long[:7:7], make([]string, 600)...)
			delete(c.meta, "tokenizer.ggml.token_type")
		}, "vocab_size 512"},
	} {
		bad := regguf(t, good, c.edit)
		_, err := Convert(context.Background(), bad, filepath.Join(t.TempDir(), "out.gguf"), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), bad) {
			t.Errorf("got %v, want %q", err, c.want)
		}
		if _, err := inspect.Read(bad, inspect.Options{}); err != nil {
			t.Errorf("a file that can be read was not listed: %v", err)
		}
	}
}

// TestMixedGGUF reads a file whose projections are not all of one kind by what is said of
// them: none of this may take a ternary tensor for numbers.
func TestMixedGGUF(t *testing.T) {
	full := mustConvert(t, llamaGolden, "masters", Options{Type: BF16})
	full = mustConvert(t, full, "full.gguf", Options{Options: source.Options{Weights: source.WeightsFull}})
	i2s := mustConvert(t, llamaGolden, "i2s.gguf", Options{})
	f, err := gguf.Open(i2s)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	k, _ := f.Tensor("blk.0.attn_k.weight")
	mixed := regguf(t, full, func(c *contents) { c.set(k.Name, k.Type, slices.Clone(f.Data(k)), k.Dims...) })
	for _, w := range []source.Weights{"", source.WeightsFull, source.WeightsMasters} {
		refuses(t, mixed, Options{Options: source.Options{Weights: w}}, "blk.0.attn_k.weight is I2_S")
	}
	refuses(t, mixed, Options{Options: source.Options{Weights: source.WeightsTernary}}, "not quantised")
	refuses(t, full, Options{Options: source.Options{Scale: source.ScaleDivide}}, "Options.Scale is for packed Hugging Face folders")
	refuses(t, i2s, Options{Options: source.Options{Weights: source.WeightsMasters}}, "blk.0.attn_q.weight is I2_S", "Options.Weights masters")
}

// TestInspectShowsWhatJSONCannotHold also looks into a file that is no model.
func TestInspectShowsWhatJSONCannotHold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.gguf")
	file := newGGUF(0, 2).text("nan").u32(kindF32).u32(0x7fc00000).text("inf").u32(kindF32).u32(0xff800000)
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	found, err := inspect.Read(path, inspect.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%#v", found.Metadata); !strings.Contains(got, `"NaN"`) || !strings.Contains(got, `"-Inf"`) {
		t.Errorf("got %s", got)
	}
	if len(found.Warnings) == 0 || !strings.Contains(found.Warnings[0].String(), "general.architecture") {
		t.Errorf("warnings %q", found.Warnings)
	}
}

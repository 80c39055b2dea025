package convert

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/convert/compare"
	"trit/convert/source"
	"trit/format/gguf"
	"trit/format/hffolder"
)

// TestCompareFinds changes one thing at a time.
func TestCompareFinds(t *testing.T) {
	const up, norm = "blk.1.ffn_up.weight", "blk.1.ffn_norm.weight"
	good := mustConvert(t, packedGolden, "good.gguf", Options{})
	if c := compared(t, good, regguf(t, good, func(*contents) {})); !c.Same {
		t.Fatalf("a copy differs: %s", c.Summary())
	}
	for name, c := range map[string]struct {
		edit func(c *contents)
		want string
	}{
		"a code": {func(c *contents) {
			c.data[up][100] = c.data[up][100]&^3 | (c.data[up][100]&3+1)%3
		}, "the codes of 1 of 1179648 ternary weights differ"},
		"a scale": {func(c *contents) {
			at := len(c.data[up]) - 32
			binary.LittleEndian.PutUint32(c.data[up][at:], binary.LittleEndian.Uint32(c.data[up][at:])+1<<12)
		}, "133888 other weights are equal; 1 of 24 tensors"},
		"a norm": {func(c *contents) { c.data[norm][4*7+2] ^= 0x80 }, "1 of 24 tensors differ by more"},
		"a token": {func(c *contents) {
			tokens := append([]string{}, c.meta["tokenizer.ggml.tokens"].([]string)...)
			tokens[300] += "x"
			c.meta["tokenizer.ggml.tokens"] = tokens
		}, "token 300 is"},
		"a merge": {func(c *contents) {
			c.meta["tokenizer.ggml.merges"] = c.meta["tokenizer.ggml.merges"].([]string)[1:]
		}, "the merges differ"},
		"the end": {func(c *contents) { c.meta["tokenizer.ggml.eos_token_id"] = uint32(7) }, "eos is token 505 and 7"},
		"a kind of token": {func(c *contents) {
			types := slices.Clone(c.meta["tokenizer.ggml.token_type"].([]int32))
			types[300] = 4
			c.meta["tokenizer.ggml.token_type"] = types
		}, "is of kind 1 and 4"},
		"a token more": {func(c *contents) {
			for key, less := range map[string]func(v any) any{
				"tokenizer.ggml.tokens":     func(v any) any { return v.([]string)[:511] },
				"tokenizer.ggml.token_type": func(v any) any { return v.([]int32)[:511] },
			} {
				c.meta[key] = less(c.meta[key])
			}
		}, "they have 512 and 511 tokens"},
		"the beginning":      {func(c *contents) { c.meta["tokenizer.ggml.bos_token_id"] = uint32(7) }, "bos is token 504 and 7"},
		"a BOS before texts": {func(c *contents) { c.meta["tokenizer.ggml.add_bos_token"] = false }, "add_bos_token is true and false"},
		"an EOS behind them": {func(c *contents) { c.meta["tokenizer.ggml.add_eos_token"] = true }, "add_eos_token is false and true"},
		"the pattern":        {func(c *contents) { c.meta["tokenizer.ggml.pre"] = "qwen2" }, "the pre-tokenizer is [\"llama-3 pattern\" \"bytes\"] and [\"qwen-2 pattern\" \"bytes\"]"},
		"the pooling":        {func(c *contents) { c.meta["bitnet-b1.58.pooling_type"] = uint32(3) }, "the pooling of embeddings is 0 and 3"},
		"no tokenizer": {func(c *contents) {
			for key := range c.meta {
				if strings.HasPrefix(key, "tokenizer.") {
					delete(c.meta, key)
				}
			}
		}, "one of the models has no tokenizer"},
		"the template": {func(c *contents) { c.meta["tokenizer.chat_template"] = "x" }, "the chat templates differ"},
		"the angles":   {func(c *contents) { c.meta["bitnet-b1.58.rope.freq_base"] = float32(500001) }, "rope_theta is 500000 and 500001"},
		"the epsilon":  {func(c *contents) { c.meta["bitnet-b1.58.attention.layer_norm_rms_epsilon"] = float32(1e-6) }, "rms_norm_eps is 1e-05 and 1e-06"},
		"the context":  {func(c *contents) { c.meta["bitnet-b1.58.context_length"] = uint32(511) }, "max_position_embeddings is 512 and 511"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := regguf(t, good, c.edit)
			for _, paths := range [][2]string{{good, bad}, {packedGolden, bad}} {
				if got := compared(t, paths[0], paths[1]); got.Same || !strings.Contains(got.Summary(), c.want) {
					t.Errorf("got %v, %q, want %q", got.Same, got.Summary(), c.want)
				}
			}
		})
	}
}

// TestCompareOfZerosAndNaN gives numbers that JSON can hold, or an error.
func TestCompareOfZerosAndNaN(t *testing.T) {
	const norm = "output_norm.weight"
	good := mustConvert(t, packedGolden, "good.gguf", Options{})
	zeros := regguf(t, good, func(c *contents) { clear(c.data[norm]) })
	for _, paths := range [][2]string{{zeros, good}, {good, zeros}} {
		c := compared(t, paths[0], paths[1])
		if _, err := json.Marshal(c); err != nil || c.Same {
			t.Errorf("same: %v, %v", c.Same, err)
		}
		if d := c.Tensors[len(c.Tensors)-1]; d.Verdict != compare.Different || d.Error != 1 {
			t.Errorf("%s: %s, error %g, want 1", d.Name, d.Verdict, d.Error)
		}
	}
	for _, v := range []float64{math.NaN(), math.Inf(-1)} {
		bad := regguf(t, good, func(c *contents) { copy(c.data[norm][8:], inF32(v)) })
		for _, paths := range [][2]string{{bad, good}, {good, bad}, {bad, bad}} {
			if _, err := compareFiles(paths[0], paths[1]); err == nil || !strings.Contains(err.Error(), "model.norm.weight") || !strings.Contains(err.Error(), "not finite") {
				t.Errorf("%g: got %v", v, err)
			}
		}
	}
}

// zeroed is a packed folder with a projection of zeros alone.
func zeroed(t *testing.T, golden, shard string, scale float64) string {
	dir := linked(t, golden)
	path := filepath.Join(dir, shard)
	rewrite(t, path, qProj, func(b []byte) {
		for i := range b {
			b[i] = 0b01010101
		}
	})
	rewrite(t, path, qProj+hffolder.ScaleSuffix, func(b []byte) { copy(b, bfloat(scale)) })
	return dir
}

// TestZerosAlone converts a projection of zeros, whose scale does not matter, to forms that
// have no place for it: each conversion compares its result.
func TestZerosAlone(t *testing.T) {
	for _, scale := range []float64{1, 1e5} { // divided by: 1 and 1e-5
		dir := zeroed(t, llamaGolden, "model.safetensors", scale)
		file := mustConvert(t, dir, "x.gguf", Options{Type: TQ2})
		for _, from := range []string{dir, file} {
			back := mustConvert(t, from, "folder", Options{Type: BF16})
			s := opens(t, back, source.Options{})
			x, err := s.Tensor(s.Config.Tensors()[2])
			if err != nil {
				t.Fatal(err)
			}
			nonzeros, err := x.Nonzeros()
			if err != nil || slices.Max(nonzeros) != 0 {
				t.Errorf("zeros did not stay zeros: %v", err)
			}
		}
	}
}

// TestScalesOutOfRange wants an error also where the result is not verified.
func TestScalesOutOfRange(t *testing.T) {
	const q = "blk.0.attn_q.weight"
	good := mustConvert(t, llamaGolden, "good.gguf", Options{})
	for _, c := range []struct {
		scale float64
		out   Options
		want  string
	}{
		{1e5, Options{Type: TQ2}, "scale 100000 is out of its range"},
		{1e-9, Options{Type: TQ1}, "scale 1e-09 is out of its range"},
		{1e-40, Options{Type: Packed}, "float32 has none for 1e-40"},
	} {
		bad := regguf(t, good, func(f *contents) { copy(f.data[q][len(f.data[q])-32:], inF32(c.scale)) })
		c.out.SkipVerify = true
		name := "out.gguf"
		if c.out.Type == Packed {
			name = "out"
		}
		refusesOne(t, bad, name, c.out, c.want)
	}
	big := regguf(t, good, func(f *contents) {
		f.set("token_embd.weight", gguf.F32, make([]byte, 4*512*256), 256, 512)
		copy(f.data["token_embd.weight"][4*1000:], inF32(1e6))
	})
	refusesOne(t, big, "out.gguf", Options{EmbeddingType: F16}, "token_embd.weight", "1e+06", "F16")
	refusesOne(t, big, "out", Options{Type: Packed, EmbeddingType: F16}, "token_embd.weight", "1e+06", "F16")
}

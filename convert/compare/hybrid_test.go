package compare_test

import (
	"path/filepath"
	"testing"

	"trit/convert"
	"trit/format/gguf"
	"trit/internal/testutil"
)

// TestHybridsAreConverted writes hybrids in other types, which Convert compares with their sources, and names what
// it does not write.
func TestHybridsAreConverted(t *testing.T) {
	for _, c := range []struct {
		from, to gguf.Type
		name     convert.Type
	}{{gguf.F32, gguf.F16, convert.F16}, {gguf.PQ2_0, gguf.PTQ1_0, convert.PTQ1}} {
		in := testutil.HybridGGUF(t, testutil.Hybrid(), c.from, 1)
		out := filepath.Join(t.TempDir(), "out.gguf")
		if _, err := convert.Convert(t.Context(), in, out, convert.Options{Type: c.name, EmbeddingType: convert.F16}); err != nil {
			t.Fatal(err)
		}
		f, err := gguf.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		taps, _ := f.Tensor("blk.0.ssm_conv1d.weight")
		qkv, _ := f.Tensor("blk.0.attn_qkv.weight")
		if taps.Type != gguf.F32 || qkv.Type != c.to {
			t.Errorf("%s became %s, and the convolution %s", c.from, qkv.Type, taps.Type)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := convert.Convert(t.Context(), in, filepath.Join(t.TempDir(), "folder"), convert.Options{}); err == nil {
			t.Error("a folder is written")
		}
	}
}

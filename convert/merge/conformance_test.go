//go:build conformance

package merge_test

import (
	"math"
	"path/filepath"
	"testing"

	"trit/convert"
	"trit/convert/merge"
	"trit/format/adapter"
	"trit/infer"
	"trit/internal/testutil"
)

const goldens = "../../../shared/golden/finetune/"

// TestGoldens computes the logits of PyTorch's tuned models: adapters beside the layers on the
// engine, and one inside the quantiser merged and converted. They are as near as those of the same
// models without an adapter are (golden/training: 1e-2).
func TestGoldens(t *testing.T) {
	paths := []string{goldens + "lora_beside.safetensors", goldens + "lora_llama_beside.safetensors", goldens + "lora_inside.safetensors"}
	if *testutil.Golden != "" {
		paths = []string{*testutil.Golden}
	}
	for _, path := range paths {
		f := testutil.OpenGolden(t, path)
		defer f.Close()
		c, a := testutil.GoldenModel(t, f), goldenAdapter(t, f)
		folder, dir := testutil.WriteModel(t, c, testutil.GoldenWeights(t, f)), t.TempDir()
		if err := adapter.WriteFolder(filepath.Join(dir, "adapter"), a); err != nil {
			t.Fatal(err)
		}
		o, out := convert.Options{EmbeddingType: convert.F32}, filepath.Join(dir, "model.gguf")
		var err error
		if a.Placement == adapter.Inside {
			_, err = merge.Merge(t.Context(), folder, filepath.Join(dir, "adapter"), out, merge.Options{Options: o})
		} else {
			_, err = convert.Convert(t.Context(), folder, out, o)
		}
		if err != nil {
			t.Fatal(err)
		}
		m := load(t, out)
		if a.Placement == adapter.Beside {
			read, _, err := adapter.Read(filepath.Join(dir, "adapter"), m.Target())
			if err != nil {
				t.Fatal(err)
			}
			if m, err = m.Adapted(infer.ScaledAdapter{Adapter: read, Scale: 1}); err != nil {
				t.Fatal(err)
			}
		}
		tokens, batch, length := testutil.GoldenTokens(t, f)
		var got []float32
		for i := range batch {
			got = append(got, logits(t, m, tokens[i*(length+1):][:length])...)
		}
		mask, loss := testutil.Floats(t, f, "mask")[:batch*length], testutil.Floats(t, f, "loss")[0]
		sum, count := 0.0, 0.0
		for i, w := range mask {
			row, target := got[i*c.VocabSize:][:c.VocabSize], tokens[i/length*(length+1)+i%length+1]
			whole := 0.0
			for _, v := range row {
				whole += math.Exp(float64(v))
			}
			sum += float64(w) * (math.Log(whole) - float64(row[target]))
			count += float64(w)
		}
		e, d := testutil.RelativeL2(got, testutil.Floats(t, f, "logits")), sum/count-float64(loss)
		t.Logf("%s: logits %.1e, loss %+.1e", filepath.Base(path), e, d)
		if !(e < 1e-2) || !(math.Abs(d) < 1e-3) {
			t.Errorf("%s: logits differ by %g, the loss by %g: want 1e-2 and 1e-3 at most", path, e, d)
		}
	}
}

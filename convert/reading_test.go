package convert

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/format/gguf"
)

// opens wants a model that opens, or an error of these words.
func opens(t *testing.T, path string, r Reading, words ...string) *Source {
	t.Helper()
	s, err := Open(path, r)
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	if len(words) == 0 && err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	if len(words) > 0 && err == nil {
		t.Fatalf("%+v: it was opened as %s, want an error of %q", r, s.Form, words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%+v: got %v, want %q in it", r, err, w)
		}
	}
	return s
}

// TestInvertedScales changes what config.json says of the scales.
func TestInvertedScales(t *testing.T) {
	llama := linked(t, llamaGolden)
	swap(t, filepath.Join(llama, "config.json"), `"quant_method": "bitnet"`, `"quant_method": "bitnet", "linear_class": "autobitlinear", "quantization_mode": "offline"`)
	bitnet := linked(t, packedGolden)
	swap(t, filepath.Join(bitnet, "config.json"), `"linear_class": "autobitlinear"`, `"linear_class": "bitlinear"`)
	for _, shard := range []string{firstShard, secondShard} {
		s := opens(t, packedGolden, Reading{})
		for _, spec := range s.Config.Tensors() {
			info, ok := s.store.(*folder).model.Weights.Tensor(spec.Name + scaleSuffix)
			if name := info.Name; ok && holds(t, filepath.Join(packedGolden, shard), name) {
				rewrite(t, filepath.Join(bitnet, shard), name, func(b []byte) { copy(b, bfloat(0.01)) })
			}
		}
	}
	for dir, wrong := range map[string]string{llama: ScaleMultiply, bitnet: ScaleDivide} {
		opens(t, dir, Reading{}, dir, "the scales look inverted", "--scale multiply", "--scale divide")
		opens(t, dir, Reading{Scale: ScaleMultiply}) // a flag decides, also against what looks right
		opens(t, dir, Reading{Scale: ScaleDivide})
		right := map[string]string{ScaleMultiply: ScaleDivide, ScaleDivide: ScaleMultiply}[wrong]
		if s := opens(t, dir, Reading{Scale: right}); !strings.Contains(s.Form, map[string]string{ScaleMultiply: "q * weight_scale", ScaleDivide: "q / weight_scale"}[right]) {
			t.Errorf("--scale %s: opened as %s", right, s.Form)
		}
	}
}

// holds tells whether a safetensors file names a tensor.
func holds(t *testing.T, path, name string) bool {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b[:headerBytes(t, path)]), `"`+name+`"`)
}

// without is a golden whose config.json lacks its quantization_config.
func without(t *testing.T, golden string) string {
	dir := linked(t, golden)
	swap(t, filepath.Join(dir, "config.json"), `"quantization_config"`, `"was"`)
	return dir
}

func TestReadingOfPackedFolders(t *testing.T) {
	opens(t, packedGolden, Reading{Scale: "twice"}, `--scale is "twice"`)
	opens(t, packedGolden, Reading{Weights: "some"}, `--weights is "some"`)
	opens(t, packedGolden, Reading{Weights: WeightsTernary})
	for _, w := range []string{WeightsMasters, WeightsFull} {
		opens(t, packedGolden, Reading{Weights: w}, packedGolden, qProj, "U8", "--weights "+w)
	}
	for _, golden := range []string{packedGolden, llamaGolden} {
		dir := without(t, golden)
		opens(t, dir, Reading{}, dir, qProj, "is packed (U8)", "--scale multiply", "--scale divide")
		multiplied, divided := opens(t, dir, Reading{Scale: ScaleMultiply}), opens(t, dir, Reading{Scale: ScaleDivide})
		spec := multiplied.Config.Tensors()[2]
		a, errA := multiplied.store.open(spec)
		b, errB := divided.store.open(spec)
		if errA != nil || errB != nil || !spec.Ternary || b.scale != 1/a.scale || a.scale == b.scale {
			t.Errorf("%s: %v, %v: scales %g and %g, want one the inverse of the other", spec.Name, errA, errB, a.scale, b.scale)
		}
	}
}

func TestReadingOfLatentFolders(t *testing.T) {
	opens(t, latentGolden, Reading{Scale: ScaleDivide}, qProj, "BF16", "--scale is for packed folders")
	opens(t, latentGolden, Reading{})
	if s := opens(t, latentGolden, Reading{Weights: WeightsFull}); s.Config.Ternary {
		t.Error("--weights full left the model ternary")
	}
	said := linked(t, latentGolden)
	swap(t, filepath.Join(said, "config.json"), `"online"`, `"offline"`)
	opens(t, said, Reading{}, said, "config.json says that weights are packed", qProj, "BF16", "--weights", "masters", "ternary", "full")
	for _, w := range []string{WeightsMasters, WeightsTernary, WeightsFull} {
		opens(t, said, Reading{Weights: w})
	}
	refuses(t, said, Options{Reading: Reading{Weights: WeightsTernary}}, qProj, "weights of different sizes", "--weights masters")
	silent := without(t, latentGolden)
	if s := opens(t, silent, Reading{}); len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "no quantization_config") {
		t.Errorf("notes %q", s.Notes)
	}
	if s := opens(t, silent, Reading{Weights: WeightsMasters}); len(s.Notes) != 0 {
		t.Errorf("notes %q where a flag decided", s.Notes)
	}
}

// TestReadingOfOneSize is a folder whose weights are 0 and one size, as a model that was
// quantised and saved in bfloat16 has them.
func TestReadingOfOneSize(t *testing.T) {
	dir := linked(t, latentGolden)
	rewrite(t, filepath.Join(dir, "model.safetensors"), qProj, func(b []byte) {
		for i := 0; i < len(b); i += 2 {
			copy(b[i:], bfloat([]float64{0.25, 0, -0.25, 0.25}[i/2%4]))
		}
	})
	swap(t, filepath.Join(dir, "config.json"), `"quantization_config"`, `"was"`)
	refuses(t, dir, Options{}, qProj, "of size 0.25", "--weights ternary", "--weights masters")
	for weights, want := range map[string]float32{WeightsTernary: 0.25, WeightsMasters: 0.1875} {
		s := opens(t, dir, Reading{Weights: weights})
		x, err := s.store.open(s.Config.Tensors()[2])
		if err != nil || x.scale != want {
			t.Errorf("--weights %s: scale %g, %v, want %g", weights, x.scale, err, want)
		}
	}
}

// TestReadingOfGGUF is a file of a BitNet architecture with floating-point projections.
func TestReadingOfGGUF(t *testing.T) {
	good := mustConvert(t, latentGolden, "good.gguf", Options{})
	full := mustConvert(t, latentGolden, "full.gguf", Options{Reading: Reading{Weights: WeightsFull}, Type: "f32"})
	opens(t, full, Reading{}, full, "architecture is bitnet-b1.58", "blk.0.attn_q.weight is F32", "--weights masters", "ternary", "full")
	opens(t, full, Reading{Weights: WeightsFull})
	opens(t, full, Reading{Scale: ScaleMultiply}, full, "--scale")
	refuses(t, full, Options{Reading: Reading{Weights: WeightsTernary}}, "blk.0.attn_q.weight", "not quantised")
	back := mustConvert(t, full, "back.gguf", Options{Reading: Reading{Weights: WeightsMasters}})
	sameTensors(t, good, back, gguf.I2_S)
}

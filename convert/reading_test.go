package convert

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/convert/source"
	"trit/format/gguf"
	"trit/format/hffolder"
)

// opens wants a model that opens, or an error of these words.
func opens(t *testing.T, path string, r source.Options, words ...string) *source.Model {
	t.Helper()
	s, err := source.Open(path, r)
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
		for _, spec := range opens(t, packedGolden, source.Options{}).Config.Tensors() {
			name := spec.Name + hffolder.ScaleSuffix
			if spec.Ternary && holds(t, filepath.Join(packedGolden, shard), name) {
				rewrite(t, filepath.Join(bitnet, shard), name, func(b []byte) { copy(b, bfloat(0.01)) })
			}
		}
	}
	for dir, wrong := range map[string]source.Scale{llama: source.ScaleMultiply, bitnet: source.ScaleDivide} {
		opens(t, dir, source.Options{}, dir, "the scales look inverted", "Options.Scale multiply", "Options.Scale divide")
		opens(t, dir, source.Options{Scale: source.ScaleMultiply}) // the option decides, also against what looks right
		opens(t, dir, source.Options{Scale: source.ScaleDivide})
		right := map[source.Scale]source.Scale{source.ScaleMultiply: source.ScaleDivide, source.ScaleDivide: source.ScaleMultiply}[wrong]
		if s := opens(t, dir, source.Options{Scale: right}); !strings.Contains(s.Form, map[source.Scale]string{source.ScaleMultiply: "q * weight_scale", source.ScaleDivide: "q / weight_scale"}[right]) {
			t.Errorf("Options.Scale %s: opened as %s", right, s.Form)
		}
	}
}

// holds reports whether a safetensors file names a tensor.
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
	opens(t, packedGolden, source.Options{Scale: "twice"}, `Options.Scale is "twice"`)
	opens(t, packedGolden, source.Options{Weights: "some"}, `Options.Weights is "some"`)
	opens(t, packedGolden, source.Options{Weights: source.WeightsTernary})
	for _, w := range []source.Weights{source.WeightsMasters, source.WeightsFull} {
		opens(t, packedGolden, source.Options{Weights: w}, packedGolden, qProj, "U8", "Options.Weights "+string(w))
	}
	for _, golden := range []string{packedGolden, llamaGolden} {
		dir := without(t, golden)
		opens(t, dir, source.Options{}, dir, qProj, "is packed (U8)", "Options.Scale multiply", "Options.Scale divide")
		multiplied, divided := opens(t, dir, source.Options{Scale: source.ScaleMultiply}), opens(t, dir, source.Options{Scale: source.ScaleDivide})
		spec := multiplied.Config.Tensors()[2]
		a, errA := multiplied.Tensor(spec)
		b, errB := divided.Tensor(spec)
		if errA != nil || errB != nil || !spec.Ternary || b.Scale != 1/a.Scale || a.Scale == b.Scale {
			t.Errorf("%s: %v, %v: scales %g and %g, want one the inverse of the other", spec.Name, errA, errB, a.Scale, b.Scale)
		}
	}
}

func TestReadingOfMasters(t *testing.T) {
	opens(t, mastersGolden, source.Options{Scale: source.ScaleDivide}, qProj, "BF16", "Options.Scale is for packed folders")
	opens(t, mastersGolden, source.Options{})
	if s := opens(t, mastersGolden, source.Options{Weights: source.WeightsFull}); s.Config.Ternary {
		t.Error("Options.Weights full left the model ternary")
	}
	said := linked(t, mastersGolden)
	swap(t, filepath.Join(said, "config.json"), `"online"`, `"offline"`)
	opens(t, said, source.Options{}, said, "config.json says that weights are packed", qProj, "BF16", "Options.Weights", "masters", "ternary", "full")
	for _, w := range []source.Weights{source.WeightsMasters, source.WeightsTernary, source.WeightsFull} {
		opens(t, said, source.Options{Weights: w})
	}
	refuses(t, said, Options{Options: source.Options{Weights: source.WeightsTernary}}, qProj, "weights of different sizes", "Options.Weights masters")
	silent := without(t, mastersGolden)
	if s := opens(t, silent, source.Options{}); len(s.Notes) != 1 || !strings.Contains(s.Notes[0].String(), "no quantization_config") {
		t.Errorf("notes %q", s.Notes)
	}
	if s := opens(t, silent, source.Options{Weights: source.WeightsMasters}); len(s.Notes) != 0 {
		t.Errorf("notes %q where an option decided", s.Notes)
	}
}

// TestReadingOfOneSize is a folder whose weights are 0 and one size, as a model that was
// quantised and saved in bfloat16 has them.
func TestReadingOfOneSize(t *testing.T) {
	dir := linked(t, mastersGolden)
	rewrite(t, filepath.Join(dir, "model.safetensors"), qProj, func(b []byte) {
		for i := 0; i < len(b); i += 2 {
			copy(b[i:], bfloat([]float64{0.25, 0, -0.25, 0.25}[i/2%4]))
		}
	})
	swap(t, filepath.Join(dir, "config.json"), `"quantization_config"`, `"was"`)
	refuses(t, dir, Options{}, qProj, "of size 0.25", "Options.Weights ternary", "Options.Weights masters")
	for weights, want := range map[source.Weights]float32{source.WeightsTernary: 0.25, source.WeightsMasters: 0.1875} {
		s := opens(t, dir, source.Options{Weights: weights})
		x, err := s.Tensor(s.Config.Tensors()[2])
		if err != nil || x.Scale != want {
			t.Errorf("Options.Weights %s: scale %g, %v, want %g", weights, x.Scale, err, want)
		}
	}
}

// TestReadingOfGGUF is a file of a BitNet architecture with floating-point projections.
func TestReadingOfGGUF(t *testing.T) {
	good := mustConvert(t, mastersGolden, "good.gguf", Options{})
	full := mustConvert(t, mastersGolden, "full.gguf", Options{Options: source.Options{Weights: source.WeightsFull}, Type: F32})
	opens(t, full, source.Options{}, full, "architecture is bitnet-b1.58", "blk.0.attn_q.weight is F32", "Options.Weights masters", "ternary", "full")
	opens(t, full, source.Options{Weights: source.WeightsFull})
	opens(t, full, source.Options{Scale: source.ScaleMultiply}, full, "Options.Scale")
	refuses(t, full, Options{Options: source.Options{Weights: source.WeightsTernary}}, "blk.0.attn_q.weight", "not quantised")
	back := mustConvert(t, full, "back.gguf", Options{Options: source.Options{Weights: source.WeightsMasters}})
	sameTensors(t, good, back, gguf.I2_S)
}

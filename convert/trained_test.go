package convert

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/bitlinear/quant"
	"trit/convert/compare"
	"trit/convert/inspect"
	"trit/convert/source"
	"trit/format/gguf"
	"trit/format/safetensors"
	"trit/internal/float16"
	"trit/model"
)

// trainedFolder is a checkpoint of random master weights of a model that is trained with a scale a group.
func trainedFolder(t *testing.T, change func(*model.Config)) (dir string, c model.Config) {
	c = model.Config{VocabSize: 32, HiddenSize: 256, IntermediateSize: 512, NumHiddenLayers: 2, NumAttentionHeads: 4,
		NumKeyValueHeads: 2, QKNorm: true, Ternary: true, HiddenAct: model.SiLU, TieWordEmbeddings: true, FloatActivations: true}
	change(&c)
	c.Resolve()
	dir = t.TempDir()
	generate(t, dir, c, false)
	return dir, c
}

// A file holds the codes and the scales that quant.Groups makes of the master weights, bit for bit: those
// that training computes with.
func TestTrainedGroupsKeepTheirBits(t *testing.T) {
	for _, c := range []struct {
		scale     model.WeightScale
		sign, all bool
		want      Type // without an option
		others    []Type
	}{
		{model.ScaleGroup64, false, true, Q2, nil}, {model.ScaleGroup128, false, false, Q2, []Type{PQ2, PTQ1}},
		{model.ScaleGroup256, false, true, TQ2, []Type{TQ1, Q2, PQ2, PTQ1}}, {model.ScaleRow, false, false, TQ2, []Type{Q2, PTQ1}},
		{model.ScaleGroup128, true, true, Q1, nil}, {model.ScaleRow, true, false, Q1, nil},
	} {
		dir, config := trainedFolder(t, func(m *model.Config) { m.WeightScale, m.Sign, m.TernaryEmbedding = c.scale, c.sign, c.all })
		for i, typ := range append([]Type{c.want}, c.others...) {
			o := Options{Type: typ}
			if i == 0 {
				o.Type = ""
			}
			out := mustConvert(t, dir, "out.gguf", o)
			compareWithMasters(t, dir, out, &config, typ)
		}
	}
}

func compareWithMasters(t *testing.T, dir, file string, c *model.Config, want Type) {
	t.Helper()
	masters, err := safetensors.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer masters.Close()
	f, err := gguf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, spec := range c.Tensors() {
		info, _ := f.Tensor(spec.GGUF)
		if len(spec.Shape) == 1 || spec.Layer < 0 && !c.TernaryEmbedding {
			continue
		}
		if !want.is(Type(info.Type.String())) {
			t.Fatalf("%s is %s, want %s", spec.GGUF, info.Type, want)
		}
		w := make([]float32, spec.Elements())
		if err := masters.ReadFloat32(spec.Name, w); err != nil {
			t.Fatal(err)
		}
		checkGroups(t, spec, info.Type, w, f.Data(info), c)
	}
}

func checkGroups(t *testing.T, spec model.TensorSpec, typ gguf.Type, w []float32, data []byte, c *model.Config) {
	k := spec.Shape[1]
	size := quant.GroupSize(c.WeightScale.Group(), k)
	codes, scales := make([]int8, k), make([]float32, k/size)
	got, halves := make([]byte, k), make([]uint16, k/typ.Block())
	for row := range spec.Shape[0] {
		quant.Groups(codes, scales, w[row*k:][:k], c.WeightScale.Group(), c.Sign)
		bytes := typ.RowBytes(k)
		if err := gguf.DecodeGroups(typ, got, halves, data[row*bytes:][:bytes]); err != nil {
			t.Fatal(err)
		}
		for i, q := range codes {
			if int8(got[i])-1 != q {
				t.Fatalf("%s: code %d of row %d is %d, want %d", spec.GGUF, i, row, int8(got[i])-1, q)
			}
			if h := halves[i/typ.Block()]; q != 0 && h != float16.Bits(scales[i/size]) {
				t.Fatalf("%s: the scale at %d of row %d is %#x, want %g", spec.GGUF, i, row, h, scales[i/size])
			}
		}
	}
}

// A run, its file and its folder are the same model, and what does not fit is refused with a way out.
func TestTrainedGroupsElsewhere(t *testing.T) {
	dir, _ := trainedFolder(t, func(c *model.Config) { c.WeightScale = model.ScaleGroup64 })
	folder := mustConvert(t, dir, "folder", Options{})
	file := mustConvert(t, folder, "out.gguf", Options{Type: Q2, EmbeddingType: F16})
	for _, pair := range [][2]string{{dir, file}, {dir, folder}, {folder, file}} {
		c, err := compareFiles(pair[0], pair[1])
		if err != nil || !c.Same || slices.ContainsFunc(c.Tensors, func(d compare.Difference) bool { return d.Verdict != compare.Equal }) {
			t.Errorf("%v: %v, %v", pair, err, c)
		}
	}
	odd, _ := trainedFolder(t, func(c *model.Config) { c.WeightScale, c.Sign = model.ScaleGroup64, true })
	for _, c := range []struct {
		in   string
		o    Options
		want string
	}{
		{dir, Options{Type: PQ2}, "with a scale for each 64 weights of a row is \"pq2_0\": want one of q2_0, f16, f32"},
		{dir, Options{Type: I2S}, "want one of q2_0"}, {odd, Options{}, "no type of GGUF holds its rows: no type there has a scale for each 64"},
		{dir, Options{Options: source.Options{Weights: source.WeightsTernary}}, "leave it out"},
	} {
		_, err := Convert(context.Background(), c.in, filepath.Join(t.TempDir(), "x.gguf"), c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	r, err := inspect.Read(dir, inspect.Options{})
	if err != nil || !strings.Contains(r.Form, "a scale for each 64 weights of a row") ||
		!slices.Contains(r.Metadata, inspect.Entry{Key: "weight_scale", Value: model.ScaleGroup64}) {
		t.Errorf("inspect says %q, %v", r.Form, err)
	}
}

// One scale a tensor in half precision: with float activations in Q2_0, in BitNet's way in TQ2_0, where the
// codes are those under the rounded scale.
func TestTrainedHalfScales(t *testing.T) {
	for typ, change := range map[Type]func(*model.Config){
		Q2:  func(*model.Config) {},
		TQ2: func(c *model.Config) { c.FloatActivations, c.HalfScales = false, true },
		I2S: func(c *model.Config) { c.FloatActivations, c.HalfScales = false, true },
	} {
		dir, _ := trainedFolder(t, change)
		report, err := Convert(context.Background(), dir, filepath.Join(t.TempDir(), "x.gguf"), Options{Type: typ})
		if err != nil {
			t.Fatalf("%s: %v", typ, err)
		}
		for _, d := range report.Verified.Tensors {
			if d.Verdict != compare.Equal && !strings.Contains(d.Name, "embed") {
				t.Errorf("%s: %s is %s by %g", typ, d.Name, d.Verdict, d.Error)
			}
		}
	}
}

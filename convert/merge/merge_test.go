package merge_test

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/convert"
	"trit/convert/merge"
	"trit/convert/source"
	"trit/format/adapter"
	"trit/infer"
	"trit/internal/testutil"
	"trit/model"
)

// golden is a small model with master weights, or of full precision.
func golden(t *testing.T, name string) (model.Config, map[string][]float32) {
	t.Helper()
	f := testutil.OpenGolden(t, "../../testdata/training/"+name+".safetensors")
	defer f.Close()
	return testutil.GoldenModel(t, f), testutil.GoldenWeights(t, f)
}

// written is an adapter of all projections with random values, in a folder.
func written(t *testing.T, c *model.Config, where adapter.Placement, size float64) (string, *adapter.Adapter) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	draw := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(size * r.NormFloat64())
		}
		return v
	}
	a := &adapter.Adapter{Alpha: 8, Placement: where, Pairs: map[string]adapter.Pair{}}
	for _, s := range c.Tensors() {
		if strings.Contains(s.Name, "proj") {
			a.Pairs[s.Name] = adapter.Pair{Rank: 4, In: s.Shape[1], Out: s.Shape[0], A: draw(4 * s.Shape[1]), B: draw(4 * s.Shape[0])}
		}
	}
	dir := t.TempDir()
	if err := adapter.WriteFolder(dir, a); err != nil {
		t.Fatal(err)
	}
	return dir, a
}

// plus is the sum of weights and an adapter, by its definition.
func plus(weights map[string][]float32, a *adapter.Adapter) map[string][]float32 {
	out := maps.Clone(weights)
	for name, p := range a.Pairs {
		w := slices.Clone(out[name])
		for i := range w {
			sum := 0.0
			for r := range p.Rank {
				sum += float64(p.B[i/p.In*p.Rank+r]) * float64(p.A[r*p.In+i%p.In])
			}
			w[i] += float32(a.Scale(p.Rank) * sum)
		}
		out[name] = w
	}
	return out
}

func load(t *testing.T, path string) *infer.Model {
	t.Helper()
	m, err := infer.Load(path, infer.Options{Threads: 2, Cache: infer.CacheF32})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func logits(t *testing.T, m *infer.Model, ids []int32) []float32 {
	t.Helper()
	s, err := m.NewSession(len(ids))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, len(ids)*m.Config().VocabSize)
	if err := s.Forward(ids, got, 0); err != nil {
		t.Fatal(err)
	}
	return got
}

var ids = []int32{3, 1, 41, 59, 26, 5, 35, 89, 79, 32, 38, 46}

// TestFullPrecisionIsExact merges into a folder and a GGUF file, which compute what the engine does
// with the adapter beside the layers.
func TestFullPrecisionIsExact(t *testing.T) {
	c, weights := golden(t, "step_llama_float")
	in, out := testutil.WriteModel(t, c, weights), t.TempDir()
	dir, a := written(t, &c, adapter.Beside, 0.05)
	for _, name := range []string{"merged.gguf", "merged"} {
		o := merge.Options{Options: convert.Options{Type: convert.F32, EmbeddingType: convert.F32}, Scale: 0.5}
		r, err := merge.Merge(t.Context(), in, dir, filepath.Join(out, name), o)
		if err != nil || !r.Exact || r.Verified == nil {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	for from, to := range map[string]string{in: "base.gguf", filepath.Join(out, "merged"): "again.gguf"} {
		if _, err := convert.Convert(t.Context(), from, filepath.Join(out, to), convert.Options{EmbeddingType: convert.F32}); err != nil {
			t.Fatal(err)
		}
	}
	m, err := load(t, filepath.Join(out, "base.gguf")).Adapted(infer.ScaledAdapter{Adapter: a, Scale: 0.5})
	if err != nil {
		t.Fatal(err)
	}
	want := logits(t, m, ids)
	for _, name := range []string{"merged.gguf", "again.gguf"} {
		if e := testutil.RelativeL2(logits(t, load(t, filepath.Join(out, name)), ids), want); !(e < 1e-5) {
			t.Errorf("%s: logits differ by %g", name, e)
		}
	}
}

// TestInsideIsExact merges an adapter inside the quantiser into master weights, and compares codes
// and scales with those of the sums.
func TestInsideIsExact(t *testing.T) {
	c, weights := golden(t, "step")
	in, out := testutil.WriteModel(t, c, weights), t.TempDir()
	dir, a := written(t, &c, adapter.Inside, 0.03)
	sums := testutil.WriteModel(t, c, plus(weights, a))
	for _, name := range []string{"merged.gguf", "merged"} {
		r, err := merge.Merge(t.Context(), in, dir, filepath.Join(out, name), merge.Options{})
		if err != nil || !r.Exact || r.Verified == nil || len(r.Kinds) > 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		if different, moved := compareCodes(t, filepath.Join(out, name), sums); different > 2 || moved > 1e-6 {
			t.Errorf("%s: %d codes are not those of the sums, scales differ by %g", name, different, moved)
		}
		if different, _ := compareCodes(t, filepath.Join(out, name), in); different < 1000 {
			t.Errorf("%s: the adapter changed %d codes: the test asks nothing", name, different)
		}
	}
}

// TestInsideOverCodes merges into a file that holds only codes: into the master weights that convert
// makes of them.
func TestInsideOverCodes(t *testing.T) {
	c, weights := golden(t, "step")
	out := t.TempDir()
	packed, masters := filepath.Join(out, "base.gguf"), filepath.Join(out, "masters")
	if _, err := convert.Convert(t.Context(), testutil.WriteModel(t, c, weights), packed, convert.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := convert.Convert(t.Context(), packed, masters, convert.Options{Type: convert.F32}); err != nil {
		t.Fatal(err)
	}
	dir, _ := written(t, &c, adapter.Inside, 0.03)
	for in, to := range map[string]string{packed: "a.gguf", masters: "b.gguf"} {
		if _, err := merge.Merge(t.Context(), in, dir, filepath.Join(out, to), merge.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if different, moved := compareCodes(t, filepath.Join(out, "a.gguf"), filepath.Join(out, "b.gguf")); different > 0 || moved > 1e-6 {
		t.Errorf("%d codes differ, scales by %g", different, moved)
	}
}

// compareCodes counts codes that differ, and returns the largest relative difference of scales.
func compareCodes(t *testing.T, a, b string) (different int, moved float64) {
	t.Helper()
	x, err := source.Open(a, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	y, err := source.Open(b, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer y.Close()
	err = x.EachTernary(func(spec model.TensorSpec, v *source.Tensor) error {
		w, err := y.Tensor(spec)
		if err != nil {
			return err
		}
		one, other := make([]byte, v.Columns), make([]byte, v.Columns)
		for row := range v.Rows {
			if err := v.Codes(one, row); err != nil {
				return err
			}
			if err := w.Codes(other, row); err != nil {
				return err
			}
			for i := range one {
				if one[i] != other[i] {
					different++
				}
			}
		}
		d := float64(v.Scale/w.Scale - 1)
		moved = max(moved, d, -d)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return different, moved
}

// TestBesideIsLossy refuses, and with the option reports what was kept.
func TestBesideIsLossy(t *testing.T) {
	c, weights := golden(t, "step")
	in, out := testutil.WriteModel(t, c, weights), filepath.Join(t.TempDir(), "merged.gguf")
	dir, _ := written(t, &c, adapter.Beside, 0.05)
	if _, err := merge.Merge(t.Context(), in, dir, out, merge.Options{}); err == nil || !strings.Contains(err.Error(), "Lossy") {
		t.Errorf("without the option: %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a refused merge wrote a file")
	}
	r, err := merge.Merge(t.Context(), in, dir, out, merge.Options{Lossy: true})
	if err != nil || r.Exact || len(r.Kinds) != 7 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, k := range r.Kinds {
		t.Logf("%+v", k)
		if k.Weights == 0 || k.Changed == 0 || k.Changed > k.Weights || !(k.Kept > 0 && k.Kept < 1.5) || !(k.Error > 0.1) {
			t.Errorf("%+v", k)
		}
	}
	none, _ := written(t, &c, adapter.Beside, 0)
	r, err = merge.Merge(t.Context(), in, none, out+".gguf", merge.Options{Lossy: true})
	if err != nil || r.Kinds[0].Changed != 0 || r.Kinds[0].Kept != 0 {
		t.Errorf("an adapter of zeros: %+v, %v", r, err)
	}
}

// TestWrongAdapters are refused before anything is written.
func TestWrongAdapters(t *testing.T) {
	c, weights := golden(t, "step_llama_float")
	in, out := testutil.WriteModel(t, c, weights), filepath.Join(t.TempDir(), "merged")
	inside, _ := written(t, &c, adapter.Inside, 0.1)
	wide := c
	wide.IntermediateSize *= 2
	other, _ := written(t, &wide, adapter.Beside, 0.1)
	for _, dir := range []string{inside, other} {
		if _, err := merge.Merge(t.Context(), in, dir, out, merge.Options{}); err == nil || !strings.Contains(err.Error(), "another model") {
			t.Errorf("got %v", err)
		}
	}
}

package convert

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/convert/source"
	"trit/model"
)

// A feed-forward size of 320 is refused with the way out, and padded to 384 with it: the
// new units have no weights, and the norm of 384 values gives what that of 320 gave.
func TestPad(t *testing.T) {
	dir := t.TempDir()
	c := shapes["tiny"]
	c.IntermediateSize = 320
	for name, packed := range map[string]bool{"packed": true, "masters": false} {
		in := filepath.Join(dir, name)
		if err := os.Mkdir(in, 0o755); err != nil {
			t.Fatal(err)
		}
		generate(t, in, c, packed)
		if _, err := Convert(context.Background(), in, filepath.Join(dir, "x.gguf"), Options{}); err == nil || !strings.Contains(err.Error(), "Options.Pad") {
			t.Errorf("%s: got %v, want an error that names Options.Pad", name, err)
		}
		before, after := mustOpen(t, in), mustOpen(t, mustConvert(t, in, "x.gguf", Options{Pad: true}))
		if after.Config.IntermediateSize != 384 {
			t.Fatalf("%s: the feed-forward size is %d, want 384", name, after.Config.IntermediateSize)
		}
		for i, spec := range after.Config.Tensors() {
			comparePadded(t, before, after, before.Config.Tensors()[i], spec)
		}
	}
}

func mustOpen(t *testing.T, path string) *source.Model {
	t.Helper()
	s, err := source.Open(path, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func comparePadded(t *testing.T, before, after *source.Model, a, b model.TensorSpec) {
	t.Helper()
	was, is := rowsOf(t, before, a), rowsOf(t, after, b)
	if strings.HasSuffix(a.Name, model.FFNSubNorm) {
		x := make([]float32, 320)
		for i := range x {
			x[i] = float32(math.Sin(float64(i)))
		}
		compareNorms(t, x, was[0], is[0])
		return
	}
	for i, row := range is {
		want := make([]float32, len(row))
		if i < len(was) {
			copy(want, was[i])
		}
		if !slices.Equal(row, want) {
			t.Errorf("%s: row %d is not the old one with zeros behind it", a.Name, i)
			return
		}
	}
}

// compareNorms holds RMSNorm of x under two weights against each other, with zeros behind x
// where they are longer.
func compareNorms(t *testing.T, x, w, longer []float32) {
	t.Helper()
	root := func(n int) float64 {
		sum := 0.0
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
		return math.Sqrt(sum / float64(n))
	}
	for i, v := range x {
		want, got := float64(v)/root(len(w))*float64(w[i]), float64(v)/root(len(longer))*float64(longer[i])
		if math.Abs(got-want) > 1e-6*math.Abs(want) {
			t.Errorf("value %d of the norm is %g, want %g", i, got, want)
			return
		}
	}
}

func rowsOf(t *testing.T, s *source.Model, spec model.TensorSpec) (rows [][]float32) {
	t.Helper()
	w, err := s.Tensor(spec)
	if err != nil {
		t.Fatal(err)
	}
	for row := range w.Rows {
		v := make([]float32, w.Columns)
		if err := w.Values(v, make([]byte, w.Columns), row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, v)
	}
	return rows
}

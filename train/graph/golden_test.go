package graph

import (
	"path/filepath"
	"testing"

	"trit/format/safetensors"
	"trit/internal/testutil"
)

func TestGolden(t *testing.T) {
	for _, path := range testutil.TrainingGoldens(t, "../../testdata/training", true) {
		t.Run(filepath.Base(path), func(t *testing.T) { testGolden(t, path) })
	}
}

// testGolden compares forward and gradients with PyTorch's. The tolerances are those
// of golden/training: without a flip of a rounding the figures are near 1e-6.
func testGolden(t *testing.T, path string) {
	f := testutil.OpenGolden(t, path)
	defer f.Close()
	p := goldenParams(t, f)
	tokens, batch, length := testutil.GoldenTokens(t, f)
	logitsTolerance, gradTolerance := 1e-2, 3e-2
	if !p.Config.Ternary {
		logitsTolerance, gradTolerance = 1e-5, 1e-5
	}
	for _, backward := range []bool{false, true} {
		d, err := New(p, Options{Batch: batch, SequenceLength: length, Backward: backward})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		for b := range batch {
			row := tokens[b*(length+1):][:length+1]
			copy(d.Tokens()[b*length:], row[:length])
			copy(d.Targets()[b*length:], row[1:])
		}
		loss, err := d.Run()
		if err != nil {
			t.Fatal(err)
		}
		checkClose(t, "loss", []float32{loss}, testutil.Floats(t, f, "loss"), logitsTolerance)
		if !backward {
			logits := make([]float32, batch*length*p.Config.VocabSize)
			for i := range batch * length {
				d.Logits(logits[i*p.Config.VocabSize:], i)
			}
			checkClose(t, "logits", logits, testutil.Floats(t, f, "logits"), logitsTolerance)
			continue
		}
		for _, spec := range p.Specs() {
			want := testutil.Floats(t, f, "grad."+spec.Name)
			checkClose(t, "grad "+spec.Name, d.Grad(spec.Name), want, gradTolerance)
		}
	}
}

func checkClose(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	e := testutil.RelativeL2(got, want)
	t.Logf("%-50s %.2g", what, e)
	if !(e <= tolerance) {
		t.Errorf("%s differs by %.3g, want at most %g", what, e, tolerance)
	}
}

func goldenParams(t *testing.T, f *safetensors.File) *Params {
	t.Helper()
	p := EmptyParams(testutil.GoldenModel(t, f))
	for _, spec := range p.Specs() {
		copy(p.Value(spec.Name), testutil.Floats(t, f, "param."+spec.Name))
	}
	return p
}

package graph

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"trit/format/safetensors"
	"trit/internal/testutil"
	"trit/model"
)

// goldens are the training goldens to test: those of testdata, or the one of -golden.
// A golden of the optimiser alone holds no model; package train tests that one.
func goldens(t *testing.T) []string {
	if path := *testutil.Golden; path != "" {
		f, err := safetensors.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, model := f.Tensor("tokens"); !model {
			return nil
		}
		return []string{path}
	}
	files, err := filepath.Glob("../../testdata/training/step*.safetensors")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/training holds no goldens: %v", err)
	}
	return files
}

func TestGolden(t *testing.T) {
	for _, path := range goldens(t) {
		t.Run(filepath.Base(path), func(t *testing.T) { testGolden(t, path) })
	}
}

// testGolden compares forward and gradients with PyTorch's. The tolerances are those
// of golden/training: without a flip of a rounding the figures are near 1e-6.
func testGolden(t *testing.T, path string) {
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := goldenParams(t, f)
	info, _ := f.Tensor("tokens")
	batch, length := info.Shape[1], info.Shape[2]-1
	tokens, err := f.Int32("tokens")
	if err != nil {
		t.Fatal(err)
	}
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
		want, _ := f.Float32("loss")
		checkClose(t, "loss", []float32{loss}, want, logitsTolerance)
		if !backward {
			want, _ = f.Float32("logits")
			logits := make([]float32, batch*length*p.Config.VocabSize)
			for i := range batch * length {
				d.Logits(logits[i*p.Config.VocabSize:], i)
			}
			checkClose(t, "logits", logits, want, logitsTolerance)
			continue
		}
		for _, spec := range p.Specs() {
			want, err := f.Float32("grad." + spec.Name)
			if err != nil {
				t.Fatal(err)
			}
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
	c := model.Config{SubNorms: true, Ternary: true, TieWordEmbeddings: true}
	if err := json.Unmarshal([]byte(f.Metadata()["config"]), &c); err != nil {
		t.Fatal(err)
	}
	c.Resolve()
	p := EmptyParams(c)
	for _, spec := range p.Specs() {
		v, err := f.Float32("param." + spec.Name)
		if err != nil {
			t.Fatal(err)
		}
		copy(p.Value(spec.Name), v)
	}
	return p
}

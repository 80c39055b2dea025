package train

import (
	"encoding/json"
	"math"
	"path/filepath"
	"testing"

	"trit/format/safetensors"
	"trit/internal/testutil"
	"trit/model"
	"trit/optim"
	"trit/train/graph"
	"trit/train/ranks"
)

// goldenFiles are the training goldens of a kind: those of testdata, or that of -golden if it is
// of the kind. A golden of the optimiser alone has no tokens.
func goldenFiles(t *testing.T, optimizer bool) (paths []string) {
	t.Helper()
	files := []string{*testutil.Golden}
	if files[0] == "" {
		var err error
		if files, err = filepath.Glob("../testdata/training/*.safetensors"); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range files {
		f, err := safetensors.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, model := f.Tensor("tokens"); model != optimizer {
			paths = append(paths, path)
		}
		f.Close()
	}
	if len(paths) == 0 && *testutil.Golden == "" {
		t.Fatal("testdata/training has no such goldens")
	}
	return paths
}

// Steps of clipping and AdamW compared with PyTorch's: losses, norms, final weights.
func TestGoldenSteps(t *testing.T) {
	for _, path := range goldenFiles(t, false) {
		t.Run(filepath.Base(path), func(t *testing.T) { testGoldenSteps(t, path) })
	}
}

func testGoldenSteps(t *testing.T, path string) {
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, tokens, batch, length := goldenStepper(t, f)
	defer s.decoder.Close()
	lrs, losses, norms := floats(t, f, "train.lrs"), floats(t, f, "train.losses"), floats(t, f, "train.grad_norms")
	lossTolerance, normTolerance, weightTolerance := 3e-2, 0.15, 6e-2
	if !s.share.params.Config.Ternary {
		lossTolerance, normTolerance, weightTolerance = 1e-4, 1e-4, 1e-4
	}
	for step, lr := range lrs {
		for b := range batch {
			row := tokens[(step*batch+b)*(length+1):][:length+1]
			copy(s.decoder.Tokens()[b*length:], row[:length])
			copy(s.decoder.Targets()[b*length:], row[1:])
		}
		loss, err := s.runLast()
		if err != nil {
			t.Fatal(err)
		}
		norm := math.Sqrt(s.share.sumSquares())
		if err := s.share.update(float64(lr), 0.1, optim.ClipScale(norm, 1)); err != nil {
			t.Fatal(err)
		}
		lossError, normError := math.Abs(float64(loss-losses[step])), math.Abs(norm/float64(norms[step])-1)
		t.Logf("step %d: loss differs by %.2g, norm by %.2g", step, lossError, normError)
		if lossError > lossTolerance || normError > normTolerance {
			t.Errorf("step %d: loss %g and norm %g, want %g and %g", step, loss, norm, losses[step], norms[step])
		}
	}
	worst := 0.0
	for _, spec := range s.share.params.Specs() {
		e := testutil.RelativeL2(s.share.params.Value(spec.Name), floats(t, f, "final."+spec.Name))
		worst = max(worst, e)
		if e > weightTolerance {
			t.Errorf("final %s differs by %.3g, want at most %g", spec.Name, e, weightTolerance)
		}
	}
	t.Logf("final weights differ by at most %.2g", worst)
}

func floats(t *testing.T, f *safetensors.File, name string) []float32 {
	t.Helper()
	v, err := f.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// goldenStepper has the weights of a golden, whose micro-batch has all tokens of a step.
func goldenStepper(t *testing.T, f *safetensors.File) (s *stepper, tokens []int32, batch, length int) {
	t.Helper()
	c := model.Config{SubNorms: true, Ternary: true, TieWordEmbeddings: true}
	if err := json.Unmarshal([]byte(f.Metadata()["config"]), &c); err != nil {
		t.Fatal(err)
	}
	c.Resolve()
	info, _ := f.Tensor("tokens")
	batch, length = info.Shape[1], info.Shape[2]-1
	tokens, err := f.Int32("tokens")
	if err != nil {
		t.Fatal(err)
	}
	params := graph.EmptyParams(c)
	for _, spec := range params.Specs() {
		copy(params.Value(spec.Name), floats(t, f, "param."+spec.Name))
	}
	o := Default()
	o.AdamBeta1, o.AdamBeta2, o.AdamEpsilon = 0.9, 0.95, 1e-8
	share, err := newSharing(ranks.Alone, nil, params, &o)
	if err != nil {
		t.Fatal(err)
	}
	d, err := graph.New(params, graph.Options{Batch: batch, SequenceLength: length, Backward: true})
	if err != nil {
		t.Fatal(err)
	}
	return &stepper{options: &o, share: share, decoder: d, microBatches: 1}, tokens, batch, length
}

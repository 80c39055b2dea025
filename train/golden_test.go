package train

import (
	"math"
	"path/filepath"
	"testing"

	"trit/format/safetensors"
	"trit/internal/testutil"
	"trit/optim"
	"trit/train/graph"
	"trit/train/ranks"
)

// Steps of clipping and AdamW compared with PyTorch's: losses, norms, final weights.
func TestGoldenSteps(t *testing.T) {
	for _, path := range testutil.TrainingGoldens(t, "../testdata/training", true) {
		t.Run(filepath.Base(path), func(t *testing.T) { testGoldenSteps(t, path) })
	}
}

func testGoldenSteps(t *testing.T, path string) {
	f := testutil.OpenGolden(t, path)
	defer f.Close()
	s, tokens, batch, length := goldenStepper(t, f)
	defer s.decoder.Close()
	lrs, losses := testutil.Floats(t, f, "train.lrs"), testutil.Floats(t, f, "train.losses")
	norms := testutil.Floats(t, f, "train.grad_norms")
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
		e := testutil.RelativeL2(s.share.params.Value(spec.Name), testutil.Floats(t, f, "final."+spec.Name))
		worst = max(worst, e)
		if e > weightTolerance {
			t.Errorf("final %s differs by %.3g, want at most %g", spec.Name, e, weightTolerance)
		}
	}
	t.Logf("final weights differ by at most %.2g", worst)
}

// goldenStepper makes a stepper with the weights of a golden. Its micro-batch holds all tokens of
// a step.
func goldenStepper(t *testing.T, f *safetensors.File) (s *stepper, tokens []int32, batch, length int) {
	t.Helper()
	tokens, batch, length = testutil.GoldenTokens(t, f)
	params := graph.EmptyParams(testutil.GoldenModel(t, f))
	for _, spec := range params.Specs() {
		copy(params.Value(spec.Name), testutil.Floats(t, f, "param."+spec.Name))
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

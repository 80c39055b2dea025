package train

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"trit/format/hffolder"
	"trit/format/safetensors"
	"trit/internal/testutil"
	"trit/train/checkpoint"
	"trit/train/graph"
)

// tensorsOf reads all tensors of a safetensors file as float32.
func tensorsOf(t *testing.T, path string) map[string][]float32 {
	t.Helper()
	f, err := safetensors.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][]float32{}
	for _, i := range f.Tensors() {
		out[i.Name] = testutil.Floats(t, f, i.Name)
	}
	return out
}

// The running mean against one in float64 of the weights of every step, which are
// those of a run that keeps none.
func TestAverage(t *testing.T) {
	dataDir := prepared(t)
	r, plain := smallRun(dataDir, t.TempDir()), smallRun(dataDir, t.TempDir())
	const steps, decay = 12, 0.5 // reached by the ramp at step 8
	for _, r := range []*Run{&r, &plain} {
		r.Options.MaxSteps, r.Options.CheckpointInterval, r.Options.KeepCheckpoints, r.Options.EvalInterval = steps, 1, 100, 4
	}
	r.Options.EMADecay, plain.Options.EMADecay = decay, 0
	for _, r := range []Run{r, plain} {
		if _, err := Train(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	c, err := checkpoint.Load(r.OutDir)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	mean := map[string][]float64{}
	first := graph.NewParams(c.Config.Config, r.Options.Seed)
	for _, s := range first.Specs() {
		for _, v := range first.Value(s.Name) {
			mean[s.Name] = append(mean[s.Name], float64(v))
		}
	}
	for step := 1; step <= steps; step++ {
		dir := fmt.Sprintf("step-%08d", step)
		keep := math.Min(decay, (1+float64(step))/(10+float64(step)))
		for name, w := range tensorsOf(t, filepath.Join(r.OutDir, dir, "model.safetensors")) {
			for i, v := range w {
				mean[name][i] = keep*mean[name][i] + (1-keep)*float64(v)
			}
		}
		a, _ := os.ReadFile(filepath.Join(r.OutDir, dir, "model.safetensors"))
		b, err := os.ReadFile(filepath.Join(plain.OutDir, dir, "model.safetensors"))
		if err != nil || !bytes.Equal(a, b) {
			t.Fatalf("step %d: the mean changes the weights: %v", step, err)
		}
	}
	for name, got := range tensorsOf(t, filepath.Join(c.Dir, checkpoint.EMAFile)) {
		want := make([]float32, len(got))
		for i, v := range mean[name] {
			want[i] = float32(v)
		}
		if e := testutil.RelativeL2(got, want); e > 1e-6 {
			t.Errorf("%s differs from the mean in float64 by %.3g", name, e)
		}
	}
}

// What an evaluation reports is the loss of the running mean, which best and LoadModel
// hand out, and the weights come back as they were.
func TestEvaluationUsesTheAverage(t *testing.T) {
	r := smallRun(prepared(t), t.TempDir())
	r.Options.EMADecay, r.Options.EvalBatches = 0.9, 0
	result, err := Train(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	m, err := hffolder.Open(r.OutDir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r.Resume = true
	tr, err := newTrainer(&r)
	if err != nil {
		t.Fatal(err)
	}
	defer tr.close()
	raw, _, err := tr.evaluation.measure(tr.at.step, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range tr.share.params.Specs() {
		if err := m.Weights.ReadFloat32(s.Name, tr.share.params.Value(s.Name)); err != nil {
			t.Fatal(err)
		}
	}
	averaged, _, err := tr.evaluation.measure(tr.at.step, true)
	if err != nil {
		t.Fatal(err)
	}
	if averaged.loss() != result.EvalAll.Loss || raw.loss() == result.EvalAll.Loss {
		t.Errorf("the run reports %g; the mean has %g, the weights %g", result.EvalAll.Loss, averaged.loss(), raw.loss())
	}
	if result.Best.Step != result.Step || !result.Best.Averaged {
		t.Fatalf("best is %+v", result.Best)
	}
	best := tensorsOf(t, filepath.Join(r.OutDir, checkpoint.BestDir))
	for _, s := range tr.share.params.Specs() {
		if testutil.RelativeL2(best[s.Name], tr.share.params.Value(s.Name)) != 0 {
			t.Errorf("best holds another %s than the mean", s.Name)
		}
	}
}

package train

import (
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trit/data"
	"trit/train/checkpoint"
	"trit/train/runlog"
)

// planted is a Guard that finds a step bad a number of times.
type planted struct{ at, times int }

func (p *planted) Observe(step int, _, _ float64) (string, bool) {
	if step == p.at && p.times > 0 {
		p.times--
		return "planted", true
	}
	return "", false
}

func TestWarnAndStop(t *testing.T) {
	dataDir := prepared(t)
	r := smallRun(dataDir, t.TempDir())
	r.Options.MaxSteps, r.Options.OnSpike, r.Guard = 10, SpikeWarn, &planted{3, 1}
	if result, err := Train(context.Background(), r); err != nil || result.Step != 10 {
		t.Errorf("warn: %+v, %v", result, err)
	}
	if e := events(t, r.OutDir, "spike"); len(e) != 1 || e[0].Step != 3 || e[0].Note != "planted" || e[0].Loss == 0 {
		t.Errorf("warn: events %+v", e)
	}
	r.OutDir, r.Options.OnSpike, r.Guard = t.TempDir(), SpikeStop, &planted{9, 1}
	if _, err := Train(context.Background(), r); err == nil || !strings.Contains(err.Error(), "step 9: planted") {
		t.Errorf("stop: got %v", err)
	}
	if e := events(t, r.OutDir, "spike"); len(e) != 1 || e[0].Step != 9 || e[0].Note != "planted" {
		t.Errorf("stop: events %+v", e)
	}
	if c, err := checkpoint.Load(r.OutDir); err != nil || c.State.Step != 7 {
		t.Errorf("stop: the last checkpoint does not stand: %v", err)
	}
}

// A run that is taken back from step 12 to 7 is a run that is stopped at 7 and goes on
// with the data behind step 12. It may be interrupted there.
func TestRollback(t *testing.T) {
	dataDir := prepared(t)
	want := weights(t, runWithGap(t, dataDir, 7, 12))
	for _, interrupt := range []bool{false, true} {
		r := smallRun(dataDir, t.TempDir())
		r.Options.OnSpike, r.Guard = SpikeRollback, &planted{12, 1}
		ctx, cancel := context.WithCancel(context.Background())
		r.OnEvent = func(e Event) {
			if interrupt && e.Event == "rollback" {
				cancel()
			}
		}
		result, err := Train(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		if result.Interrupted != interrupt {
			t.Fatalf("interrupt %v: result %+v", interrupt, result)
		}
		if interrupt {
			r.Resume = true
			if _, err := Train(context.Background(), r); err != nil {
				t.Fatal(err)
			}
		}
		checkSameWeights(t, weights(t, r.OutDir), want)
		if e := events(t, r.OutDir, "rollback"); len(e) != 1 || e[0].Step != 7 ||
			!strings.Contains(e[0].Note, "step 12: planted") {
			t.Errorf("events %+v", e)
		}
	}
}

// runWithGap trains, but leaves out the data between two steps, as a rollback from one to the
// other does. It returns the folder of the run.
func runWithGap(t *testing.T, dataDir string, from, to int) (outDir string) {
	t.Helper()
	r := smallRun(dataDir, t.TempDir())
	r.Options.LogInterval = 1
	ctx, cancel := context.WithCancel(context.Background())
	r.OnEvent = func(e Event) {
		if e.Step == from {
			cancel()
		}
	}
	if _, err := Train(ctx, r); err != nil {
		t.Fatal(err)
	}
	behind, err := json.Marshal(stateBehind(t, r, to))
	if err != nil {
		t.Fatal(err)
	}
	if err := checkpoint.UpdateState(r.OutDir, from, func(s *checkpoint.State) { s.Loader = behind }); err != nil {
		t.Fatal(err)
	}
	r.Resume, r.OnEvent = true, nil
	if _, err := Train(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	return r.OutDir
}

// stateBehind is the position in the data after a number of steps.
func stateBehind(t *testing.T, r Run, steps int) data.State {
	t.Helper()
	o := r.Options
	l, err := data.OpenLoader(r.DataDir, data.LoaderOptions{Split: data.Train, BatchSize: o.BatchSize,
		SequenceLength: o.SequenceLength, Seed: o.Seed, Shuffle: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var b data.Batch
	for range steps * o.GradientAccumulation {
		if err := l.Next(&b); err != nil {
			t.Fatal(err)
		}
	}
	return l.State()
}

func TestRollbacksAreCounted(t *testing.T) {
	r := smallRun(prepared(t), t.TempDir())
	r.Options.OnSpike, r.Options.MaxRollbacks, r.Guard = SpikeRollback, 2, &planted{3, 100}
	if _, err := Train(context.Background(), r); err == nil || !strings.Contains(err.Error(), "max_rollbacks") {
		t.Errorf("got %v", err)
	}
	if e := events(t, r.OutDir, "rollback"); len(e) != 2 || e[1].Step != 0 {
		t.Errorf("events %+v", e)
	}
	r.Resume = true
	if _, err := Train(context.Background(), r); err == nil || !strings.Contains(err.Error(), "max_rollbacks") {
		t.Errorf("resumed: got %v", err)
	}
}

// A rate that blows the weights up gives a loss that is not a number: it ends the run
// with the last checkpoint intact, or takes it back until that has been enough.
func TestNotANumber(t *testing.T) {
	dataDir := prepared(t)
	const stands = "the last checkpoint stands"
	for how, want := range map[SpikePolicy]string{SpikeWarn: stands, SpikeStop: stands, SpikeRollback: "max_rollbacks"} {
		r := smallRun(dataDir, t.TempDir())
		r.Options.OnSpike, r.Options.LearningRate, r.Options.WarmupSteps = how, 1e38, 0
		r.Options.CheckpointInterval, r.Options.EvalInterval = 0, 0
		r.Options.MaxGradNorm = 0
		if _, err := Train(context.Background(), r); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "the loss is") {
			t.Errorf("%s: got %v", how, err)
		}
		if how != SpikeRollback {
			continue
		}
		for name, v := range tensorsOf(t, filepath.Join(r.OutDir, "step-00000000")) {
			for _, x := range v {
				if y := float64(x); math.IsNaN(y) || math.IsInf(y, 0) {
					t.Fatalf("%s of the first checkpoint holds %g", name, x)
				}
			}
		}
	}
}

// The guard of a resumed run knows what it would know had the run never stopped.
func TestGuardIsResumed(t *testing.T) {
	dataDir := prepared(t)
	whole, parts := &runlog.Spikes{}, &runlog.Spikes{}
	r := smallRun(dataDir, t.TempDir())
	r.Guard = whole
	if _, err := Train(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	r.OutDir = t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	r.Guard, r.OnEvent = &runlog.Spikes{}, func(e Event) { cancel() }
	if _, err := Train(ctx, r); err != nil {
		t.Fatal(err)
	}
	r.Guard, r.OnEvent, r.Resume = parts, nil, true
	if _, err := Train(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	if len(whole.Losses) != r.Options.MaxSteps || !slices.Equal(whole.Losses, parts.Losses) {
		t.Errorf("the guard knows %d losses, and %d where the run was resumed; they differ", len(whole.Losses),
			len(parts.Losses))
	}
}

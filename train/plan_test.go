package train

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trit/optim"
	"trit/train/checkpoint"
	"trit/train/runlog"
)

// planned is a run that is planned for a number of steps.
func planned(dataDir, out string, kind optim.ScheduleKind, steps int) Run {
	r := smallRun(dataDir, out)
	r.Options.LRSchedule, r.Options.MaxSteps, r.Options.CheckpointInterval, r.Options.EvalInterval = kind, steps, 7, 5
	return r
}

func mustTrain(t *testing.T, r Run) *Result {
	t.Helper()
	result, err := Train(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// longer trains a run on to a number of steps, with nothing known but its folder.
func longer(t *testing.T, out string, steps int) *Result {
	t.Helper()
	r, err := RunOf(out)
	if err != nil {
		t.Fatal(err)
	}
	r.Options.MaxSteps, r.Extend = steps, true
	return mustTrain(t, r)
}

// A run that is trained longer is the one that was planned longer, bit for bit, wherever it was in
// its first plan, if the schedule does not depend on the plan up to where it can go back.
func TestExtensionIsExact(t *testing.T) {
	dataDir := prepared(t)
	for _, kind := range []optim.ScheduleKind{optim.WSD, optim.Constant} {
		whole := planned(dataDir, t.TempDir(), kind, 40)
		whole.Options.KeepCheckpoints = 100
		mustTrain(t, whole)
		for _, stop := range []int{0, 10, 20} { // 0: at its end; 10: before the decay; 20: in it
			r := planned(dataDir, t.TempDir(), kind, 24)
			ctx, cancel := context.WithCancel(context.Background())
			r.OnEvent = func(e Event) {
				if stop > 0 && e.Step >= stop {
					cancel()
				}
			}
			before, err := Train(ctx, r)
			cancel()
			if err != nil || before.Interrupted != (stop > 0) {
				t.Fatalf("%s, stop %d: %+v, %v", kind, stop, before, err)
			}
			if kind == optim.WSD && stop != 10 { // the state from before the decay, of both plans
				checkSameWeights(t, stateAt(t, r.OutDir, 12), stateAtAfter(t, whole, 12))
			}
			if result := longer(t, r.OutDir, 40); result.Step != 40 || result.Interrupted || result.Over {
				t.Fatalf("%s, stop %d: %+v", kind, stop, result)
			}
			checkSameWeights(t, weights(t, r.OutDir), weights(t, whole.OutDir))
			left, err := filepath.Glob(filepath.Join(r.OutDir, "left-*"))
			if want := kind == optim.WSD && stop != 10; err != nil || len(left) > 0 != want {
				t.Errorf("%s, stop %d: left behind %v, want some: %v", kind, stop, left, want)
			}
			e := events(t, r.OutDir, runlog.ExtendEvent)
			if len(e) != 1 || !strings.Contains(e[0].Note, "40 steps instead of 24") ||
				!strings.Contains(e[0].Note, "planned so") {
				t.Errorf("%s, stop %d: events %+v", kind, stop, e)
			}
		}
	}
}

// stateAt are the tensors of the checkpoint of a step.
func stateAt(t *testing.T, run string, step int) map[string][]byte {
	t.Helper()
	c, err := checkpoint.LoadUpTo(run, step)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.State.Step != step {
		t.Fatalf("%s holds a checkpoint of step %d, want %d", run, c.State.Step, step)
	}
	return tensors(c)
}

// stateAtAfter is stateAt of a run like r that is stopped at the step.
func stateAtAfter(t *testing.T, r Run, step int) map[string][]byte {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r.OutDir, r.Options.LogInterval = t.TempDir(), 1
	r.OnEvent = func(e Event) {
		if e.Step >= step {
			cancel()
		}
	}
	if _, err := Train(ctx, r); err != nil {
		t.Fatal(err)
	}
	return stateAt(t, r.OutDir, step)
}

// A run whose rate has fallen goes on from its end, with a rate that rises from the last one: no
// step has another rate than the rule says.
func TestExtensionRewarms(t *testing.T) {
	dataDir := prepared(t)
	lost := planned(dataDir, t.TempDir(), optim.WSD, 24)
	mustTrain(t, lost)
	if err := os.RemoveAll(filepath.Join(lost.OutDir, "step-00000012")); err != nil { // as before such ones were kept
		t.Fatal(err)
	}
	runs := map[string]Run{"wsd, no checkpoint": lost}
	for _, kind := range []optim.ScheduleKind{optim.Cosine, optim.Linear, optim.TwoStage} {
		r := planned(dataDir, t.TempDir(), kind, 24)
		mustTrain(t, r)
		runs[string(kind)] = r
	}
	for name, r := range runs {
		last, _ := r.Options.schedule().At(23)
		r.Options.MaxSteps = 40
		plan := r.Options.schedule()
		got, err := RunOf(r.OutDir)
		if err != nil {
			t.Fatal(err)
		}
		got.Options.MaxSteps, got.Extend, got.Options.LogInterval = 40, true, 1
		if result := mustTrain(t, got); result.Step != 40 {
			t.Fatalf("%s: %+v", name, result)
		}
		for _, e := range events(t, r.OutDir, runlog.StepEvent) {
			want, _ := plan.At(e.Step - 1)
			if i := e.Step - 24; i >= 1 && i <= 4 { // the warm-up has 4 steps
				want = last + (want-last)*float64(i)/4
			}
			if e.Step > 24 && e.LR != want {
				t.Errorf("%s: step %d has the rate %g, want %g", name, e.Step, e.LR, want)
			}
		}
		if e := events(t, r.OutDir, runlog.ExtendEvent); len(e) != 1 || !strings.Contains(e[0].Note, "over 4 steps") {
			t.Errorf("%s: events %+v", name, e)
		}
	}
}

// A run that is extended again before it took a step rises from the rate that it had.
func TestExtensionAgain(t *testing.T) {
	r := planned(prepared(t), t.TempDir(), optim.Linear, 14)
	mustTrain(t, r)
	for _, steps := range []int{20, 30} {
		again, err := RunOf(r.OutDir)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		again.Options.MaxSteps, again.Extend, again.OnEvent = steps, true, func(Event) { cancel() }
		if _, err := Train(ctx, again); err != nil {
			t.Fatal(err)
		}
	}
	last, _ := r.Options.schedule().At(13)
	state, err := checkpoint.ReadState(filepath.Join(r.OutDir, "step-00000014"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := readState("", state)
	if err != nil || s.Memory.Rewarm == nil || *s.Memory.Rewarm != (rewarm{From: 14, Rate: last, Steps: 4}) {
		t.Errorf("%+v, %v, want a rise from %g", s.Memory.Rewarm, err, last)
	}
}

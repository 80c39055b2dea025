package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trit/data"
	"trit/train/runlog"
)

// events reads the log of a run.
func events(t *testing.T, run, kind string) (out []Event) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(run, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Event == kind {
			out = append(out, e)
		}
	}
	return out
}

// The best model is the one with the lowest held-out loss of the log, and holds the
// weights of that step's checkpoint, although the rate then ruins them.
func TestBestIsTheLowest(t *testing.T) {
	r := smallRun(prepared(t), t.TempDir())
	r.Options.EvalInterval, r.Options.CheckpointInterval, r.Options.EvalBatches, r.Options.KeepCheckpoints = 5, 5, 0, 100
	r.Options.Stage2LearningRate, r.Options.EMADecay = 0.5, 0
	result, err := Train(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	lowest := Event{Loss: math.Inf(1)}
	for _, e := range events(t, r.OutDir, "eval") {
		if e.Loss < lowest.Loss {
			lowest = e
		}
	}
	if b := result.Best; b == nil || b.Step != lowest.Step || b.Loss != lowest.Loss || b.Step == result.Step {
		t.Fatalf("best is %+v, the lowest loss of the log %+v", b, lowest)
	}
	step, err := filepath.Glob(filepath.Join(r.OutDir, "step-*"))
	if err != nil || len(step) != 8 {
		t.Fatalf("%d checkpoints were kept, want 8", len(step))
	}
	want, err := os.ReadFile(filepath.Join(step[lowest.Step/5-1], "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(r.OutDir, "best", "model.safetensors")); err != nil ||
		!bytes.Equal(got, want) {
		t.Errorf("best does not hold the weights of step %d: %v", lowest.Step, err)
	}
}

// What is evaluated before the rounding is in force is not what would be packed: it is
// neither the best model nor one that the run would end early for.
func TestBestIsRounded(t *testing.T) {
	r := smallRun(prepared(t), t.TempDir())
	r.Options.QuantizeFromStep, r.Options.QuantizeWarmupSteps, r.Options.EvalInterval = 30, 8, 2
	r.Options.EarlyStopPatience, r.Options.EarlyStopDelta = 2, 100
	result, err := Train(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if b := result.Best; b == nil || b.Step < 38 || result.EarlyStop != "" {
		t.Errorf("best %+v, early stop %q: want a best model from step 38 on and none", b, result.EarlyStop)
	}
	if n := len(events(t, r.OutDir, "eval")); n < 19 {
		t.Errorf("%d evaluations in the log, want those before the rounding too", n)
	}
}

// With a rate of 0 the loss stays, so the first evaluation is the best and the run ends
// three later; so it does when it is resumed between them.
func TestEarlyStop(t *testing.T) {
	dataDir := prepared(t)
	for _, interrupted := range []bool{false, true} {
		r := smallRun(dataDir, t.TempDir())
		r.Options.LearningRate, r.Options.Stage2LearningRate, r.Options.EvalInterval, r.Options.EarlyStopPatience = 0, 0, 2, 3
		if interrupted {
			ctx, cancel := context.WithCancel(context.Background())
			r.OnEvent = func(e Event) {
				if e.Event == runlog.EvalEvent {
					cancel()
				}
			}
			if _, err := Train(ctx, r); err != nil {
				t.Fatal(err)
			}
			r.Resume, r.OnEvent = true, nil
		}
		result, err := Train(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		stops := events(t, r.OutDir, runlog.EarlyStopEvent)
		if result.Step != 8 || result.Interrupted || !strings.Contains(result.EarlyStop, "early_stop_patience") ||
			len(stops) != 1 || stops[0].Note != result.EarlyStop {
			t.Errorf("interrupted %v: result %+v, events %+v", interrupted, result, stops)
		}
	}
}

func TestPatience(t *testing.T) {
	for _, c := range []struct {
		losses []float64
		delta  float64
		stale  int
	}{
		{[]float64{3, 2, 1}, 0, 0},
		{[]float64{3, 3, 3.1}, 0, 2},
		{[]float64{3, 3.5, 2.9}, 0, 0},
		{[]float64{3, 2.95, 2.91}, 0.1, 2},
		{[]float64{3, 2.95, 2.85}, 0.1, 0}, // falls slowly, but it falls
		{[]float64{math.NaN(), 5, math.NaN()}, 0, 1},
	} {
		var p patience
		for _, l := range c.losses {
			p.count(l, c.delta)
		}
		if p.Stale != c.stale {
			t.Errorf("losses %v with delta %g: %d evaluations without improvement, want %d", c.losses, c.delta, p.Stale, c.stale)
		}
	}
}

// scoreOf is a score with this loss.
func lossScore(loss float64) score { return score{nats: 10 * loss, bytes: 40, tokens: 10} }

// A loss whose exponential no float64 holds is logged; one that is no number ends the run by name.
func TestScoresThatAreLoggedOrEndTheRun(t *testing.T) {
	e := Event{Step: 7}
	if err := lossScore(1000).fill(&e); err != nil || e.Loss != 1000 {
		t.Errorf("%+v: %v", e, err)
	}
	if _, err := json.Marshal(e); err != nil {
		t.Error(err)
	}
	for _, loss := range []float64{math.NaN(), math.Inf(1)} {
		var diverged *DivergedError
		if err := lossScore(loss).fill(&e); !errors.As(err, &diverged) || diverged.Step != 7 {
			t.Errorf("loss %g: %v", loss, err)
		}
	}
}

// The part alone, without a graph: what it decides rests on losses and options.
func newTestEvaluation() *evaluation {
	o := Default()
	o.QuantizeFromStep, o.EarlyStopPatience, o.EarlyStopDelta = 10, 2, 0.1
	return &evaluation{options: &o, ternary: true, share: &sharing{}, heldout: &data.Loader{}, now: time.Now}
}

func TestEvaluationKeepsTheBest(t *testing.T) {
	v := newTestEvaluation()
	for _, c := range []struct {
		step int
		loss float64
		want bool
	}{
		{5, 1, false}, // before the rounding
		{10, math.NaN(), false}, {11, 3, true}, {12, 3, false}, {13, 3.5, false}, {14, 2.5, true}, {15, math.NaN(), false},
	} {
		before := v.best
		if got := v.improved(position{c.step, int64(100 * c.step)}, lossScore(c.loss)); got != c.want ||
			(v.best != before) != got {
			t.Errorf("step %d with loss %g: improved %v, best %+v", c.step, c.loss, got, v.best)
		}
	}
	if b := v.best; b.Step != 14 || b.Tokens != 1400 || b.Loss != 2.5 ||
		math.Abs(b.BitsPerByte-2.5/4/math.Ln2) > 1e-12 || b.Averaged {
		t.Errorf("best %+v", b)
	}
	v.ternary = false
	if !v.improved(position{0, 0}, lossScore(2)) {
		t.Error("a model in full precision waits for a rounding")
	}
}

func TestEvaluationStalls(t *testing.T) {
	v := newTestEvaluation()
	for i, c := range []struct {
		step int
		loss float64
		want bool
	}{{8, 5, false}, {9, 5, false}, {10, 3, false}, {11, 2.95, false}, {12, 2.8, false}, {13, 2.75, false},
		{14, 2.9, true}} {
		if v.countStale(c.step, c.loss); (v.stalled() != "") != c.want {
			t.Errorf("evaluation %d: stalled %q, want %v", i, v.stalled(), c.want)
		}
	}
	v.options.EarlyStopPatience = 0
	if v.stalled() != "" {
		t.Error("a run without patience stalls")
	}
	none := newTestEvaluation()
	none.heldout = nil
	for range 5 {
		none.countStale(20, 0)
	}
	if none.stalled() != "" || none.patience.Seen {
		t.Error("a run whose data hold nothing out stalls")
	}
}

// All evaluations of a run measure the same batches, the last one too: with a rate of 0 the curve is
// flat. All held-out data are a figure of their own, which the best model has if it is the last one.
func TestTheCurveHasTheSameBatches(t *testing.T) {
	dataDir := prepared(t)
	for _, rate := range []float64{0, 0.01} {
		r := smallRun(dataDir, t.TempDir())
		r.Options.LearningRate, r.Options.Stage2LearningRate, r.Options.EvalBatches, r.Options.MaxSteps = rate, rate, 2, 30
		result, err := Train(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		curve, all := events(t, r.OutDir, runlog.EvalEvent), events(t, r.OutDir, runlog.EvalAllEvent)
		if len(curve) != 2 || len(all) != 1 || all[0].Step != 30 || all[0].Loss == curve[1].Loss {
			t.Fatalf("rate %g: curve %+v, all %+v", rate, curve, all)
		}
		if (curve[0].Loss == curve[1].Loss) != (rate == 0) {
			t.Errorf("rate %g: losses %g and %g", rate, curve[0].Loss, curve[1].Loss)
		}
		if result.Eval.Loss != curve[1].Loss || result.EvalAll.Loss != all[0].Loss {
			t.Errorf("rate %g: %+v", rate, result)
		}
		b, err := os.ReadFile(filepath.Join(r.OutDir, "best", "best.json"))
		var best Best
		if err != nil || json.Unmarshal(b, &best) != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if rate == 0 && (best.Step != 15 || best.All != nil || best.Loss != curve[0].Loss) {
			t.Errorf("best %s, want the first of equals", b)
		}
		if rate > 0 && (best.Step != 30 || best.Loss != curve[1].Loss || best.All == nil || best.All.Loss != all[0].Loss) {
			t.Errorf("best %s, want the last with both figures", b)
		}
	}
}

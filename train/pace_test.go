package train

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"trit/optim"
	"trit/train/runlog"
)

// hand is a clock that a test moves, and the guard of a run that moves it: each step takes so many
// seconds. Rank 0 alone has it.
type hand struct {
	mu      sync.Mutex
	at      time.Time
	seconds func(step int) float64
}

func newHand(seconds func(step int) float64) *hand {
	return &hand{at: time.Unix(1e9, 0), seconds: seconds}
}

func (h *hand) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *hand) move(seconds float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(time.Duration(seconds * float64(time.Second)))
}

func (h *hand) Observe(step int, _, _ float64) (string, bool) {
	h.move(h.seconds(step))
	return "", false
}

// busy are steps of a second each, until the machine gets something else to do for a while.
func busy(step int) float64 {
	if step > 9 && step < 15 {
		return 4
	}
	return 1
}

// timed is a run that fills a number of seconds on the clock of a test.
func timed(dataDir, out string, kind optim.ScheduleKind, seconds int, h *hand) Run {
	r := planned(dataDir, out, kind, 0)
	r.MaxTime, r.Guard, r.now, r.Options.LogInterval = time.Duration(seconds)*time.Second, h, h.now, 4
	return r
}

// ratesOf are the rates of the steps of a run, by its log of every step.
func ratesOf(t *testing.T, run string) (rates []float64) {
	t.Helper()
	for _, e := range events(t, run, runlog.StepEvent) {
		rates = append(rates, e.LR)
	}
	return rates
}

// again does a run again from its log.
func again(t *testing.T, run string) Run {
	t.Helper()
	r, err := RepeatOf(run)
	if err != nil {
		t.Fatal(err)
	}
	r.OutDir = t.TempDir()
	return r
}

// A run ends with its time, whatever else the machine does, has gone through its schedule then, and can be
// repeated from its log, bit for bit.
func TestTimeIsKept(t *testing.T) {
	dataDir := prepared(t)
	for _, kind := range []optim.ScheduleKind{optim.WSD, optim.Cosine, optim.TwoStage} {
		h := newHand(busy)
		begun := h.now()
		r := timed(dataDir, t.TempDir(), kind, 60, h)
		r.Options.LogInterval, r.Options.StageSwitch = 1, 0.75
		result := mustTrain(t, r)
		if took := h.now().Sub(begun).Seconds(); took < 60 || took > 64 {
			t.Errorf("%s: %g seconds of 60", kind, took)
		}
		if result.Step != 45 || result.MaxSteps != 45 || result.Interrupted || result.Eval.Step != 45 {
			t.Errorf("%s: %+v, want 45 steps", kind, result)
		}
		rates := ratesOf(t, r.OutDir)
		o, w := r.Options.schedule(), r.Options.WarmupSteps
		o.Warmup = w
		for step, rate := range rates {
			share := float64(step) / 60 // of the seconds
			if step >= 9 {
				share += 3 * float64(min(step-9, 5)) / 60
			}
			if want, _ := o.Through(step, share); math.Abs(rate-want) > 1e-3*r.Options.LearningRate {
				t.Errorf("%s: step %d has the rate %g, want %g", kind, step, rate, want)
			}
		}
		if kind == optim.WSD { // the state before the decay stays
			if _, err := os.Stat(filepath.Join(r.OutDir, "step-00000030")); err != nil {
				t.Error(err)
			}
		}
		repeated := again(t, r.OutDir)
		mustTrain(t, repeated)
		if !slices.Equal(ratesOf(t, repeated.OutDir), rates) {
			t.Errorf("%s: the repeated run has other rates", kind)
		}
		checkSameWeights(t, weights(t, repeated.OutDir), weights(t, r.OutDir))
	}
}

// A run that was killed has the time that was left at its checkpoint. It can be repeated too, and so
// can what repeats it.
func TestTimeGoesOnAfterAKill(t *testing.T) {
	dataDir, killed := prepared(t), filepath.Join(t.TempDir(), "killed")
	h := newHand(busy)
	r := timed(dataDir, t.TempDir(), optim.WSD, 60, h)
	r.Options.LogInterval = 1
	r.OnEvent = func(e Event) {
		if e.Event == runlog.StepEvent && e.Step == 25 { // what a run leaves that is killed now
			if err := os.CopyFS(killed, os.DirFS(r.OutDir)); err != nil {
				t.Error(err)
			}
		}
	}
	mustTrain(t, r)
	resumed, err := RunOf(killed)
	if err != nil {
		t.Fatal(err)
	}
	h.move(1e5)
	begun := h.now()
	resumed.Guard, resumed.now = h, h.now
	result := mustTrain(t, resumed)
	used := 21 + 15.0 // by the checkpoint of step 21
	if took := h.now().Sub(begun).Seconds(); math.Abs(took-(60-used)) > 1 || result.Step != 45 {
		t.Errorf("%+v after %g seconds, want %g", result, took, 60-used)
	}
	want := weights(t, killed)
	repeated := again(t, killed)
	ctx, cancel := context.WithCancel(context.Background())
	repeated.OnEvent = func(e Event) {
		if e.Step >= 20 {
			cancel()
		}
	}
	if result, err := Train(ctx, repeated); err != nil || !result.Interrupted {
		t.Fatal(result, err)
	}
	goesOn, err := RunOf(repeated.OutDir)
	if err != nil {
		t.Fatal(err)
	}
	mustTrain(t, goesOn)
	checkSameWeights(t, weights(t, repeated.OutDir), want)
	third := again(t, repeated.OutDir)
	mustTrain(t, third)
	checkSameWeights(t, weights(t, third.OutDir), want)
}

// A run that is stopped by another limit before its time is over keeps the rest for later.
func TestTimeAfterAStop(t *testing.T) {
	h := newHand(func(int) float64 { return 1 })
	r := timed(prepared(t), t.TempDir(), optim.Cosine, 50, h)
	for part, want := range []int{20, 31, 50} { // of a second each; the limit of part 1 has passed behind step 31
		ctx, cancel := context.WithCancel(context.Background())
		r.OnEvent = func(e Event) {
			if part == 0 && e.Step >= 20 {
				cancel()
			}
		}
		result, err := Train(ctx, r)
		cancel()
		if err != nil || result.Step != want || result.Interrupted != (part < 2) {
			t.Fatalf("part %d: %+v, %v, want step %d", part, result, err, want)
		}
		if r, err = RunOf(r.OutDir); err != nil {
			t.Fatal(err)
		}
		r.Guard, r.now = h, h.now
		if part == 0 {
			r.MaxTime = 10 * time.Second
		}
	}
	if over := mustTrain(t, r); !over.Over || over.Step != 50 {
		t.Errorf("%+v", over)
	}
}

// Ranks take the shares of rank 0's clock.
func TestRanksShareAClock(t *testing.T) {
	h := newHand(busy)
	r := timed(prepared(t), t.TempDir(), optim.WSD, 40, h)
	result, err := trainOn(2, r, func(rank int, r *Run) {
		if rank > 0 {
			r.Guard, r.now = nil, newHand(nil).now // stands still
		}
	})
	if err != nil || result.Step != 25 {
		t.Fatalf("%+v, %v, want 25 steps", result, err)
	}
	repeated := again(t, r.OutDir)
	if _, err := trainOn(2, repeated, nil); err != nil {
		t.Fatal(err)
	}
	checkSameWeights(t, weights(t, repeated.OutDir), weights(t, r.OutDir))
}

// A run that has ended says so and does nothing, until it gets more time, which it fills. With wsd and
// constant its weights are those of a run that had all steps before it planned so.
func TestExtensionByTime(t *testing.T) {
	dataDir := prepared(t)
	for _, kind := range []optim.ScheduleKind{optim.WSD, optim.Constant, optim.Cosine} {
		h := newHand(func(int) float64 { return 1 })
		r := planned(dataDir, t.TempDir(), kind, 24)
		r.Guard, r.now = h, h.now
		end := mustTrain(t, r)
		log, err := os.ReadFile(filepath.Join(r.OutDir, runlog.LogFile))
		if err != nil {
			t.Fatal(err)
		}
		longer, err := RunOf(r.OutDir)
		if err != nil {
			t.Fatal(err)
		}
		over := mustTrain(t, longer)
		if !over.Over || over.Step != 24 || over.EvalAll.Loss != end.EvalAll.Loss || over.Best == nil {
			t.Errorf("%s: %+v", kind, over)
		}
		if now, err := os.ReadFile(filepath.Join(r.OutDir, runlog.LogFile)); err != nil || !slices.Equal(now, log) {
			t.Errorf("%s: a run that is over writes to its log: %v", kind, err)
		}
		longer.Options.MaxSteps, longer.MaxTime, longer.Extend = 0, 20*time.Second, true
		longer.Options.LogInterval, longer.Guard, longer.now = 1, h, h.now
		begun := h.now()
		result := mustTrain(t, longer)
		from := map[optim.ScheduleKind]int{optim.WSD: 12, optim.Constant: 24, optim.Cosine: 24}[kind]
		if took := h.now().Sub(begun).Seconds(); took != 20 || result.Step != from+20 || result.Interrupted {
			t.Fatalf("%s: %+v after %g s, want 20 more steps than %d", kind, result, took, from)
		}
		if kind == optim.Cosine {
			checkRise(t, r, ratesOf(t, r.OutDir))
			continue
		}
		whole := planned(dataDir, t.TempDir(), kind, from+20)
		whole.Shares = make([]float64, from, from+20)
		for _, e := range events(t, r.OutDir, runlog.StepEvent) {
			if e.Step > from {
				whole.Shares = append(whole.Shares, e.Shares...)
			}
		}
		mustTrain(t, whole)
		checkSameWeights(t, weights(t, r.OutDir), weights(t, whole.OutDir))
		if _, err := RepeatOf(r.OutDir); err == nil || !strings.Contains(err.Error(), "extend at step") {
			t.Errorf("%s: an extended run: %v", kind, err)
		}
	}
}

// checkRise compares the last 20 rates, of a run that was planned by r and then got 20 seconds more.
func checkRise(t *testing.T, r Run, rates []float64) {
	t.Helper()
	last, _ := r.Options.schedule().At(23)
	plan := r.Options.schedule()
	for i, rate := range rates[len(rates)-20:] {
		want, _ := plan.Through(24+i, float64(24+i)/44)
		if i < 4 { // the warm-up has 4 steps
			want = last + (want-last)*float64(i+1)/4
		}
		if math.Abs(rate-want) > 1e-3*r.Options.LearningRate {
			t.Errorf("step %d has the rate %g, want %g", 24+i, rate, want)
		}
	}
}

// A run that filled a time gets a number of steps as one that was planned does.
func TestTimeThenSteps(t *testing.T) {
	dataDir := prepared(t)
	h := newHand(func(step int) float64 { return 1 + float64(step%2) })
	r := timed(dataDir, t.TempDir(), optim.WSD, 36, h) // 24 steps, of which 12 are in the first half
	if result := mustTrain(t, r); result.Step != 24 {
		t.Fatalf("%+v", result)
	}
	whole := planned(dataDir, t.TempDir(), optim.WSD, 40)
	mustTrain(t, whole)
	if result := longer(t, r.OutDir, 40); result.Step != 40 {
		t.Fatalf("%+v", result)
	}
	checkSameWeights(t, weights(t, r.OutDir), weights(t, whole.OutDir))
}

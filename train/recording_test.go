package train

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"trit/model"
	"trit/train/clock"
	"trit/train/ranks"
	"trit/train/runlog"
)

// observedWeights have codes and a largest activation for each.
type observedWeights struct{ weightsAt }

func (observedWeights) AbsMax(f func(name string, absMax float32)) {
	f("a", 2)
	f("b", 0)
}

func newTestRecording(t *testing.T) *recording {
	t.Helper()
	c := model.Config{VocabSize: 100, HiddenSize: 8, IntermediateSize: 16, NumHiddenLayers: 2, NumAttentionHeads: 2}
	c.Resolve()
	o := Default()
	o.LogInterval, o.MaxSteps, o.LayerInterval = 2, 5, 3
	weights := observedWeights{weightsAt{"a": {-1, 0, 1, 1}, "b": {0, 0, 0, 1}}}
	r := newRecording(c, &o, weights, &sharing{comm: ranks.Alone}, clock.New(time.Now(), time.Now))
	r.mfu.measure = func() float64 { return 1e12 }
	return r
}

// Lines come every log_interval steps and for the last; the speed is that of the steps since
// the line before; layers come with their interval, and what is wrong with them is said once.
func TestRecording(t *testing.T) {
	r, dir := newTestRecording(t), t.TempDir()
	var seen []string
	at := position{0, 500}
	note := func(e Event) { seen = append(seen, fmt.Sprint(e.Event, e.Step, " of ", e.MaxSteps)) }
	if err := r.open(dir, at, note); err != nil {
		t.Fatal(err)
	}
	defer r.log.Close()
	r.restart(at)
	for step := 1; step <= 5; step++ {
		at.step, at.tokens = step, at.tokens+100
		f := stepFigures{gradient: gradient{loss: 3, norm: 1}, rate: 0.1, decay: 0.2, took: time.Second / 2}
		if err := r.step(at, f); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(seen, ", "); got != "step2 of 5, warning2 of 0, step4 of 5, step5 of 5" {
		t.Errorf("events %s", got)
	}
	log, err := runlog.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range log.Events {
		list = append(list, fmt.Sprint(e.Step, e.TokensPerSecond, e.Loss, e.GradNorm, e.LR, e.WeightDecay, e.Zeros,
			len(e.Layers), e.Judged, e.MFU > 0))
	}
	want := "[2 200 3 1 0.1 0.2 0.5 2 true true 4 200 3 1 0.1 0.2 0.5 0 true true 5 200 3 1 0.1 0.2 0.5 2 true true]"
	if fmt.Sprint(list) != want {
		t.Errorf("lines %v, want %s", list, want)
	}
	if n := log.Notes; len(n) != 1 || n[0].Kind != runlog.DeadInput || n[0].Layer != "b" || n[0].Step != 2 {
		t.Errorf("notes %+v, want that nothing comes into b", n)
	}
}

// Ranks other than 0 record nothing, and need no file.
func TestRecordingWithoutALog(t *testing.T) {
	r := newTestRecording(t)
	if err := r.step(position{2, 100}, stepFigures{}); err != nil || len(r.ternary.weights) > 0 {
		t.Errorf("%v, with statistics of %d weights", err, len(r.ternary.weights))
	}
	if err := r.warn(position{}, []string{"warning"}); err != nil {
		t.Error(err)
	}
}

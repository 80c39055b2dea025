package runlog

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// kinds runs events through a monitor and lists what it said, by step.
func kinds(l Limits, events []Event) map[int]Kind {
	m := NewMonitor(l)
	out := map[int]Kind{}
	for _, e := range events {
		for _, f := range m.Observe(e) {
			out[e.Step] = f.Kind
			if f.Step != e.Step || f.Text == "" {
				out[-1] = f.Kind
			}
		}
	}
	return out
}

// losses are events of steps 0, 1, ...
func losses(values ...float64) []Event {
	var out []Event
	for i, v := range values {
		out = append(out, Event{Step: i, Loss: v, GradNorm: 1})
	}
	return out
}

// with is n values of 3 with a little noise, and then more.
func with(n int, more ...float64) []float64 {
	var out []float64
	for i := range n {
		out = append(out, 3+0.01*float64(i%5))
	}
	return append(out, more...)
}

func checkKinds(t *testing.T, name string, got, want map[int]Kind) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", name, got, want)
	}
}

// A monitor says once what Spikes finds at each step, and again after it was over.
func TestMonitorFindsSpikes(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]struct {
		losses []float64
		want   map[int]Kind
	}{
		"a spike":            {with(30, 9, 9, 3), map[int]Kind{30: LossSpike}},
		"less than half":     {with(30, 4.4, 4.4), map[int]Kind{}},
		"too early to tell":  {with(10, 9), map[int]Kind{}},
		"said again after":   {with(30, 9, 3, 19), map[int]Kind{30: LossSpike, 32: LossSpike}},
		"not a number":       {with(30, nan, nan, 3, nan), map[int]Kind{30: NotFinite, 33: NotFinite}},
		"infinite":           {with(3, inf), map[int]Kind{3: NotFinite}},
		"a spike behind NaN": {with(30, nan, 9), map[int]Kind{30: NotFinite, 31: LossSpike}},
	} {
		checkKinds(t, name, kinds(DefaultLimits(), losses(c.losses...)), c.want)
	}
	checkKinds(t, "gradient", kinds(DefaultLimits(), []Event{{Step: 5, Loss: 3, GradNorm: inf}}),
		map[int]Kind{5: NotFinite})
	judged := losses(with(30, 9, 9, 9)...)
	for i := range judged {
		judged[i].Judged = true
	}
	checkKinds(t, "judged by the run", kinds(DefaultLimits(), judged), map[int]Kind{})
}

// The usual course of a loss, with noise, must not be a spike.
func TestAFallingLossIsNoSpike(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var values []float64
		for i := range 3000 {
			values = append(values, 2+8*math.Exp(-float64(i)/300)+0.15*r.NormFloat64())
		}
		checkKinds(t, fmt.Sprint("seed ", seed), kinds(DefaultLimits(), losses(values...)), map[int]Kind{})
	}
}

func TestDeadLayers(t *testing.T) {
	healthy := LayerStats{Name: "w", Minus: 0.34, Zero: 0.32, Plus: 0.34, Scale: 0.02, Flips: 3, AbsMax: pointer(2)}
	for want, change := range map[Kind]func(*LayerStats){
		ScaleFloor: func(l *LayerStats) { l.Scale = 1e-5 },
		MostlyZero: func(l *LayerStats) { l.Zero = 0.96 },
		NoZeros:    func(l *LayerStats) { l.Zero = 0.001 },
		DeadInput:  func(l *LayerStats) { l.AbsMax = pointer(0) },
		"":         func(l *LayerStats) { l.AbsMax = nil },
	} {
		m := NewMonitor(DefaultLimits())
		sick := healthy
		change(&sick)
		said := []int{}
		for step, l := range []LayerStats{healthy, sick, sick, healthy, sick} {
			for _, f := range m.Observe(Event{Step: step, Loss: 3, LR: 1,
				Layers: []LayerStats{l, {Name: "other", Zero: 0.3, Scale: 1, Flips: 1}}}) {
				said = append(said, step)
				if f.Kind != want || f.Layer != "w" {
					t.Errorf("%q: found %+v", want, f)
				}
			}
		}
		expected := []int{1, 4}
		if want == "" {
			expected = []int{}
		}
		if fmt.Sprint(said) != fmt.Sprint(expected) {
			t.Errorf("%q was said at %v, want %v", want, said, expected)
		}
	}
}

func TestFrozenLayers(t *testing.T) {
	l := DefaultLimits()
	l.FrozenSteps = 100
	steps := func(n int, flips func(step int) int, rate func(step int) float64) []Event {
		var out []Event
		for step := 0; step < n; step += 10 {
			out = append(out, Event{Step: step, Loss: 3, LR: rate(step),
				Layers: []LayerStats{{Name: "w", Zero: 0.3, Scale: 1, Flips: flips(step)}}})
		}
		return out
	}
	none := func(int) int { return 0 }
	high := func(int) float64 { return 1 }
	checkKinds(t, "no flips", kinds(l, steps(300, none, high)), map[int]Kind{100: Frozen})
	checkKinds(t, "a flip now and then", kinds(l, steps(300, func(s int) int { return b2i(s%90 == 0) }, high)),
		map[int]Kind{})
	checkKinds(t, "a rate that fell", kinds(l, steps(300, none,
		func(s int) float64 { return math.Exp(-float64(s) / 20) })), map[int]Kind{})
	checkKinds(t, "again after a flip", kinds(l, steps(400, func(s int) int { return b2i(s == 200) }, high)),
		map[int]Kind{100: Frozen, 300: Frozen})
	checkKinds(t, "rate unknown", kinds(l, steps(300, none, func(int) float64 { return 0 })), map[int]Kind{})
}

func pointer(v float32) *float32 { return &v }

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func ExampleMonitor() {
	m := NewMonitor(DefaultLimits())
	for step := range 100 {
		loss := 2.9 + 0.2*float64(step%2)
		if step >= 90 {
			loss = 7
		}
		for _, f := range m.Observe(Event{Step: step, Loss: loss, GradNorm: 1}) {
			fmt.Printf("%s at step %d: %s\n", f.Kind, f.Step, f.Text)
		}
	}
	// Output: spike at step 90: the loss is 7, after a mean of 3 with a standard deviation of 0.1 over the last 90 losses
}

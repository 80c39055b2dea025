package optim

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestSchedules(t *testing.T) {
	base := Schedule{Steps: 100, Warmup: 10, Rate: 1, Stage2Rate: 0.6, MinRate: 0, Decay: 0.1, Switch: 0.5, Shape: LinearDecay}
	for _, c := range []struct {
		kind        ScheduleKind
		step        int
		rate, decay float64
	}{
		{TwoStage, 0, 0.1, 0.1}, {TwoStage, 9, 1, 0.1}, {TwoStage, 10, 0.9, 0.1}, {TwoStage, 49, 0.51, 0.1},
		{TwoStage, 50, 0.3, 0}, {TwoStage, 99, 0.006, 0},
		{Linear, 50, 0.5, 0.1}, {Cosine, 50, 0.5, 0.1}, {Cosine, 100, 0, 0.1}, {Constant, 99, 1, 0.1},
		{WSD, 49, 1, 0.1}, {WSD, 75, 0.5, 0.1},
	} {
		s := base
		s.Kind = c.kind
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		if rate, decay := s.At(c.step); math.Abs(rate-c.rate) > 1e-9 || decay != c.decay {
			t.Errorf("%s at %d: %g and %g, want %g and %g", c.kind, c.step, rate, decay, c.rate, c.decay)
		}
	}
	if (Schedule{Kind: "step", Steps: 1, Shape: LinearDecay}).Validate() == nil ||
		(Schedule{Kind: Linear, Shape: LinearDecay}).Validate() == nil {
		t.Error("an unknown kind or no steps were accepted")
	}
}

// The shapes of a decay are the peak at its first step, 0 behind its last, and in between as published.
func TestDecayShapes(t *testing.T) {
	for shape, want := range map[DecayShape]func(x float64) float64{
		LinearDecay: func(x float64) float64 { return 1 - x },
		SqrtDecay:   func(x float64) float64 { return 1 - math.Pow(x, 0.5) },
		CosineDecay: func(x float64) float64 { return math.Pow(math.Cos(math.Pi*x/2), 2) },
	} {
		s := Schedule{Kind: WSD, Steps: 100, Rate: 2, MinRate: 0.1, Switch: 0.2, Shape: shape}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		for step := range 101 {
			left := 1.0
			if step >= 20 {
				left = want(float64(step-20) / 80)
			}
			if rate, _ := s.At(step); math.Abs(rate-(0.1+1.9*left)) > 1e-9 {
				t.Errorf("%s at %d: %g, want %g", shape, step, rate, 0.1+1.9*left)
			}
		}
	}
	if err := (Schedule{Kind: WSD, Steps: 1, Shape: "steep"}).Validate(); err == nil || !strings.Contains(err.Error(), "1-sqrt") {
		t.Errorf("got %v", err)
	}
}

func TestClipScale(t *testing.T) {
	if s := ClipScale(0.5, 1); s != 1 {
		t.Errorf("a short gradient is scaled by %g", s)
	}
	if s := ClipScale(4, 1); math.Abs(s-0.25) > 1e-6 {
		t.Errorf("scale %g, want 0.25", s)
	}
	if s := ClipScale(4, 0); s != 1 {
		t.Errorf("no limit scales by %g", s)
	}
}

func ExampleSchedule() {
	s := Schedule{Kind: TwoStage, Steps: 1000, Warmup: 100, Rate: 1.5e-3, Stage2Rate: 1e-3, Decay: 0.1, Switch: 0.5, Shape: LinearDecay}
	for _, step := range []int{0, 100, 500} {
		rate, decay := s.At(step)
		fmt.Printf("%.2e %g\n", rate, decay)
	}
	// Output:
	// 1.50e-05 0.1
	// 1.35e-03 0.1
	// 5.00e-04 0
}

func TestAverage(t *testing.T) {
	for step, want := range map[int]float64{1: 2.0 / 11, 2: 3.0 / 12, 8: 0.5, 100000: 0.99} {
		if got := AverageDecay(0.99, step); math.Abs(got-want) > 1e-12 {
			t.Errorf("the share at step %d is %g, want %g", step, got, want)
		}
	}
	mean := []float32{1, -2, 8}
	Average(mean, []float32{3, -2, 0}, 0.75)
	if want := []float32{1.5, -2, 6}; !slices.Equal(mean, want) {
		t.Errorf("the mean is %v, want %v", mean, want)
	}
}

// Before the decay of wsd begins, steps have the rates of a longer schedule too. The first step of the
// decay may have them still: at the switch itself the rate is the peak.
func TestDecayBegins(t *testing.T) {
	for _, c := range []struct {
		steps int
		share float64
		want  int
	}{{600, 0.5, 300}, {1000, 0.9, 900}, {7, 0.5, 4}, {10, 0, 0}, {10, 1, 10}, {3, 0.1, 1}} {
		s := Schedule{Kind: WSD, Steps: c.steps, Rate: 1, Switch: c.share, Shape: LinearDecay}
		longer := s
		longer.Steps *= 2
		if got := s.DecayBegins(); got != c.want {
			t.Errorf("%d steps, switch %g: decays from step %d, want %d", c.steps, c.share, got, c.want)
		}
		for step := range c.steps {
			rate, _ := s.At(step)
			if same, _ := longer.At(step); rate != same && step < c.want || rate == same && step > c.want {
				t.Errorf("%d steps, switch %g: step %d has the rates %g and %g", c.steps, c.share, step, rate, same)
			}
		}
	}
}

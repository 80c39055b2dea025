package watch

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"trit/internal/report"
	"trit/train/runlog"
)

// figures is the table of a page: a row for each figure that any run has.
func figures(names []string, runs []*Run) report.Table {
	t := report.Table{Head: append([]string{""}, names...)}
	for _, f := range []struct {
		name string
		text func(*Run) string
	}{
		{"step", stepText},
		{"tokens", tokensText},
		{"training time", func(r *Run) string { return r.trainingTime().Round(time.Second).String() }},
		{"loss of the last line", func(r *Run) string {
			return lastText(r, func(e runlog.Event) float64 { return e.Loss }, "%.4f")
		}},
		{"held-out loss", evalText(func(e runlog.Event) float64 { return e.Loss })},
		{"perplexity", evalText(func(e runlog.Event) float64 { return e.Perplexity })},
		{"bits per byte", evalText(func(e runlog.Event) float64 { return e.BitsPerByte })},
		{"held-out pairs preferred", func(r *Run) string {
			e, _ := r.Last(runlog.EvalEvent)
			if e.Preference == nil {
				return ""
			}
			return fmt.Sprintf("%.1f %%", 100*e.Preference.Accuracy)
		}},
		{"loss on all held-out data", allText(func(e runlog.Event) float64 { return e.Loss })},
		{"bits per byte of all of it", allText(func(e runlog.Event) float64 { return e.BitsPerByte })},
		{"tokens/s, median", func(r *Run) string {
			return medianText(r, func(e runlog.Event) float64 { return e.TokensPerSecond }, "%.0f")
		}},
		{"memory, largest", func(r *Run) string {
			return lastText(r, func(e runlog.Event) float64 { return float64(e.Memory) / 1e9 }, "%.2f GB")
		}},
		{"operations", func(r *Run) string {
			return lastText(r, func(e runlog.Event) float64 { return e.FLOPs }, "%.3g")
		}},
		{"FLOPs utilisation, median", func(r *Run) string {
			return medianText(r, func(e runlog.Event) float64 { return 100 * e.MFU }, "%.1f %%")
		}},
		{"weights that are zero", func(r *Run) string {
			return lastText(r, func(e runlog.Event) float64 { return 100 * e.Zeros }, "%.1f %%")
		}},
		{"last line", lineTime},
	} {
		row := []string{f.name}
		known := false
		for _, r := range runs {
			text := f.text(r)
			known = known || text != ""
			row = append(row, text)
		}
		if known {
			t.Rows = append(t.Rows, row)
		}
	}
	return t
}

func stepText(r *Run) string {
	e, ok := r.Last(runlog.StepEvent)
	switch {
	case !ok:
		return "none yet"
	case r.MaxSteps > 0:
		return fmt.Sprintf("%d of %d", e.Step, r.MaxSteps)
	}
	return fmt.Sprint(e.Step)
}

func tokensText(r *Run) string {
	e, _ := r.Last(runlog.StepEvent)
	return report.Number(float64(e.Tokens))
}

// lastText is a figure of the last step, "" if it is 0: older logs lack some.
func lastText(r *Run, value func(runlog.Event) float64, format string) string {
	if e, ok := r.Last(runlog.StepEvent); ok && value(e) != 0 {
		return fmt.Sprintf(format, value(e))
	}
	return ""
}

// evalText is a figure of the last evaluation, and the best one if an earlier one was better.
func evalText(value func(runlog.Event) float64) func(*Run) string {
	return func(r *Run) string {
		last, ok := r.Last(runlog.EvalEvent)
		if !ok || value(last) == 0 { // pairs have no perplexity
			return ""
		}
		text := fmt.Sprintf("%.4f", value(last))
		best := slices.MinFunc(r.Of(runlog.EvalEvent), func(a, b runlog.Event) int {
			if value(a) < value(b) {
				return -1
			}
			return 1
		})
		if value(best) < value(last) {
			text += fmt.Sprintf(" (%.4f at step %d)", value(best), best.Step)
		}
		return text
	}
}

// allText is a figure of the last evaluation on all held-out data, which a run does when it ends.
func allText(value func(runlog.Event) float64) func(*Run) string {
	return func(r *Run) string {
		e, ok := r.Last(runlog.EvalAllEvent)
		if !ok || value(e) == 0 {
			return ""
		}
		text := fmt.Sprintf("%.4f", value(e))
		if last, ok := r.Last(runlog.StepEvent); ok && last.Step > e.Step {
			text += fmt.Sprintf(" (at step %d)", e.Step)
		}
		return text
	}
}

// medianText is the median of a figure over all steps that have it.
func medianText(r *Run, value func(runlog.Event) float64, format string) string {
	var values []float64
	for _, e := range r.Of(runlog.StepEvent) {
		if v := value(e); v != 0 {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return ""
	}
	return fmt.Sprintf(format, median(values))
}

// median sorts values and returns the one in the middle, or the mean of both.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[n/2] + values[(n-1)/2]) / 2
}

// trainingTime is the time that the run has used, without pauses between its parts. A log from before it
// said so has the time of the steps alone.
func (r *Run) trainingTime() time.Duration {
	e, _ := r.Last(runlog.StepEvent)
	return time.Duration(min(60*r.x(TimeAxis, e)*float64(time.Second), math.MaxInt64/2))
}

// stepTime is when a step ended, in seconds of steps.
type stepTime struct {
	step int
	at   float64
}

type stepTimes []stepTime

// steps are the times of the steps that the log has, by their speed.
func (r *Run) steps() stepTimes {
	if r.times != nil {
		return r.times
	}
	seconds, tokens := 0.0, int64(0)
	for _, e := range r.Of(runlog.StepEvent) {
		if e.TokensPerSecond > 0 {
			seconds += float64(e.Tokens-tokens) / e.TokensPerSecond
		}
		tokens = e.Tokens
		r.times = append(r.times, stepTime{e.Step, seconds})
	}
	return r.times
}

// timeOf is the time of the last step up to one; 0 if there is none.
func (s stepTimes) timeOf(step int) float64 {
	i := sort.Search(len(s), func(i int) bool { return s[i].step > step })
	if i == 0 {
		return 0
	}
	return s[i-1].at
}

// lineTime is when the last line was written.
func lineTime(r *Run) string {
	if len(r.Events) == 0 || r.Events[len(r.Events)-1].Time == 0 {
		return ""
	}
	return time.UnixMilli(int64(1e3 * r.Events[len(r.Events)-1].Time)).UTC().Format("2006-01-02 15:04:05 UTC")
}

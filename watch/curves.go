package watch

import (
	"slices"

	"trit/internal/report"
	"trit/train/runlog"
)

// smoothFrom is the number of points from which on a noisy curve is smoothed.
const smoothFrom = 100

// plots are the charts below the chart of the loss. To show a figure of the log, add an entry.
var plots = []struct {
	title string
	kind  string
	log   bool
	noisy bool
	value func(runlog.Event) float64
}{
	{"Bits per byte, held out", runlog.EvalEvent, false, false, func(e runlog.Event) float64 { return e.BitsPerByte }},
	{"Pairs preferred, %", runlog.StepEvent, false, true, preferred},
	{"Pairs preferred, held out, %", runlog.EvalEvent, false, false, preferred},
	{"Reward of chosen texts", runlog.StepEvent, false, true,
		preference(func(p *runlog.Preference) float64 { return p.Chosen })},
	{"Reward of rejected texts", runlog.StepEvent, false, true,
		preference(func(p *runlog.Preference) float64 { return p.Rejected })},
	{"Margin between rewards", runlog.StepEvent, false, true, margin},
	{"Margin between rewards, held out", runlog.EvalEvent, false, false, margin},
	{"Cross entropy beside a teacher, nats a token", runlog.StepEvent, false, true, func(e runlog.Event) float64 { return e.CE }},
	{"Divergence from the teacher", runlog.StepEvent, true, true, func(e runlog.Event) float64 { return e.KL }},
	{"Divergence of attention relations", runlog.StepEvent, true, true, func(e runlog.Event) float64 { return e.Relations }},
	{"Gradient norm", runlog.StepEvent, true, true, func(e runlog.Event) float64 { return e.GradNorm }},
	{"Learning rate", runlog.StepEvent, false, false, func(e runlog.Event) float64 { return e.LR }},
	{"Weight decay", runlog.StepEvent, false, false, func(e runlog.Event) float64 { return e.WeightDecay }},
	{"Tokens a second", runlog.StepEvent, false, true, func(e runlog.Event) float64 { return e.TokensPerSecond }},
	{"Model FLOPs utilisation, %", runlog.StepEvent, false, true, func(e runlog.Event) float64 { return 100 * e.MFU }},
	{"Memory of rank 0, largest so far, GB", runlog.StepEvent, false, false,
		func(e runlog.Event) float64 { return float64(e.Memory) / 1e9 }},
	{"Weights that are zero, %", runlog.StepEvent, false, false, func(e runlog.Event) float64 { return 100 * e.Zeros }},
	{"Weights changed since the line before", runlog.StepEvent, false, true,
		func(e runlog.Event) float64 { return float64(e.Flips) }},
}

var (
	preferred = preference(func(p *runlog.Preference) float64 { return 100 * p.Accuracy })
	margin    = preference(func(p *runlog.Preference) float64 { return p.Margin })
)

// preference is a figure of the pairs, 0 where there are none.
func preference(figure func(*runlog.Preference) float64) func(runlog.Event) float64 {
	return func(e runlog.Event) float64 {
		if e.Preference == nil {
			return 0
		}
		return figure(e.Preference)
	}
}

// charts makes the charts of a page.
func charts(axis string, names []string, runs []*Run) []report.Chart {
	list := []report.Chart{lossChart(axis, names, runs)}
	for _, p := range plots {
		c := report.Chart{Title: p.title, Axis: axis, Log: p.log}
		known := false
		for i, r := range runs {
			curve := report.Curve{Color: i, Points: r.points(axis, r.Of(p.kind), p.value)}
			if len(runs) > 1 {
				curve.Name = names[i]
			}
			if p.kind == runlog.EvalEvent {
				curve.Style = report.Dots
			}
			for _, q := range curve.Points {
				known = known || q.Y != 0
			}
			c.Curves = append(c.Curves, smoothed(curve, p.noisy)...)
		}
		if known {
			list = append(list, c)
		}
	}
	return list
}

// lossChart has the loss of training and of the held-out data. A single run takes two
// colours for them, several one each.
func lossChart(axis string, names []string, runs []*Run) report.Chart {
	c := report.Chart{Title: "Loss, nats a token", Axis: axis, Log: true}
	if last, _ := runs[0].Last(runlog.StepEvent); last.Preference != nil {
		c.Title = "Loss, nats a pair"
	}
	loss := func(e runlog.Event) float64 { return e.Loss }
	for i, r := range runs {
		training := report.Curve{Name: names[i], Points: r.points(axis, r.Of(runlog.StepEvent), loss), Color: i}
		heldOut := report.Curve{Name: names[i] + ", held out", Points: r.points(axis, r.Of(runlog.EvalEvent), loss),
			Color: i, Style: report.Dots}
		if len(runs) == 1 {
			training.Name, heldOut.Name, heldOut.Color = "training", "held out", 1
			c.Marks = marks(axis, r)
		}
		c.Curves = append(append(c.Curves, smoothed(training, true)...), heldOut)
	}
	return c
}

// smoothed is a curve, followed by a smooth one if it is noisy and long.
func smoothed(c report.Curve, noisy bool) []report.Curve {
	if !noisy || len(c.Points) < smoothFrom {
		return []report.Curve{c}
	}
	c.Style = report.Faint
	return []report.Curve{c, {Points: smooth(c.Points, len(c.Points)/100), Color: c.Color, Style: report.Smooth}}
}

// points are the events that have a value on the axis.
func (r *Run) points(axis string, events []runlog.Event, value func(runlog.Event) float64) []report.Point {
	var list []report.Point
	for _, e := range events {
		if x := r.x(axis, e); x > 0 || axis == StepAxis || axis == TokensAxis {
			list = append(list, report.Point{X: x, Y: value(e)})
		}
	}
	return list
}

// x is the value of an event on the axis.
func (r *Run) x(axis string, e runlog.Event) float64 {
	switch axis {
	case TokensAxis:
		return float64(e.Tokens)
	case FLOPsAxis:
		return e.FLOPs
	case TimeAxis:
		if e.Seconds == 0 {
			return r.steps().timeOf(e.Step) / 60
		}
		return e.Seconds / 60
	}
	return float64(e.Step)
}

// has reports whether the log has values on the axis.
func (r *Run) has(axis string) bool {
	return slices.ContainsFunc(r.Events, func(e runlog.Event) bool { return r.x(axis, e) > 0 })
}

// marks are the notes that are not about a layer, if the run has an event of their step.
func marks(axis string, r *Run) []report.Mark {
	at := map[int]float64{}
	for _, e := range r.Events {
		at[e.Step] = r.x(axis, e)
	}
	var list []report.Mark
	for _, n := range r.Notes {
		if x, known := at[n.Step]; known && n.Layer == "" {
			list = append(list, report.Mark{X: x, Text: string(n.Kind) + ": " + n.Text})
		}
	}
	return list
}

// smooth replaces each point by the mean of itself and of up to reach points on each side, the
// same number on both.
func smooth(points []report.Point, reach int) []report.Point {
	sums := make([]float64, len(points)+1)
	for i, p := range points {
		sums[i+1] = sums[i] + p.Y
	}
	out := make([]report.Point, len(points))
	for i, p := range points {
		k := min(reach, i, len(points)-1-i)
		out[i] = report.Point{X: p.X, Y: (sums[i+k+1] - sums[i-k]) / float64(2*k+1)}
	}
	return out
}

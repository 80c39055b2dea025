package watch

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"trit/internal/report"
	"trit/train/runlog"
)

// Axes of the curves. By the others than steps, runs with different batches, models and machines compare.
const (
	StepAxis   = "step"
	TokensAxis = "tokens"
	TimeAxis   = "minutes" // that the run has used, without pauses between its parts
	FLOPsAxis  = "FLOPs"   // that the model needs
)

// Axes lists the axes.
var Axes = []string{StepAxis, TokensAxis, TimeAxis, FLOPsAxis}

// PageOptions say how a page shows its runs.
type PageOptions struct {
	Axis    string        // that the page begins with; "": StepAxis
	Refresh time.Duration // time after which the page loads itself again; 0: never
}

//go:embed page.html
var pageFile embed.FS

var page = template.Must(report.Parts().ParseFS(pageFile, "page.html"))

// WritePage writes the runs as one HTML page that needs no other file: a table of figures, curves
// of all runs in the same charts, and heat maps of the layers.
func WritePage(w io.Writer, o PageOptions, runs ...*Run) error {
	if o.Axis == "" {
		o.Axis = StepAxis
	}
	names := Names(runs)
	p := pageData{
		Title: strings.Join(names, ", "), Refresh: o.Refresh.Milliseconds(), RefreshSeconds: int(max(o.Refresh.Seconds(), 1)),
		Figures: figures(names, runs), Notes: notes(names, runs), Settings: settings(names, runs),
		Samples: samplesOf(names, runs),
	}
	for _, axis := range Axes {
		if axis == o.Axis || slices.ContainsFunc(runs, func(r *Run) bool { return r.has(axis) }) {
			p.Curves = append(p.Curves, curveSet{axis, axis == o.Axis, charts(axis, names, runs)})
		}
	}
	p.Axes = slices.Clone(p.Curves)
	slices.SortStableFunc(p.Curves, func(a, b curveSet) int { // what is chosen is shown first where styles are not known
		switch {
		case a.Chosen:
			return -1
		case b.Chosen:
			return 1
		}
		return 0
	})
	for i, r := range runs {
		if s, ok := layersOf(names[i], r); ok {
			p.Layers = append(p.Layers, s)
		}
	}
	return page.ExecuteTemplate(w, "page.html", p)
}

type pageData struct {
	Title          string
	Refresh        int64 // milliseconds
	RefreshSeconds int
	Figures        report.Table
	Notes          []note
	Axes           []curveSet // in the order in which they are offered
	Curves         []curveSet // the same; the browser shows one
	Samples        []sampleSet
	Layers         []layersSection
	Settings       report.Table
}

// curveSet is all curves over one axis.
type curveSet struct {
	Axis   string
	Chosen bool
	Charts []report.Chart
}

// sampleSet is the texts that a run wrote at an evaluation.
type sampleSet struct {
	ID, Run string // Run is "" if there is only one
	Step    int
	Newest  bool // of the run
	Texts   []runlog.Event
}

// maxSamples is the largest number of evaluations of a run whose texts the page has.
const maxSamples = 50

// samplesOf are the texts that the runs wrote, of each the newest first.
func samplesOf(names []string, runs []*Run) (list []sampleSet) {
	for i, r := range runs {
		var own []sampleSet
		for _, e := range slices.Backward(r.Samples) {
			if n := len(own); n == 0 || own[n-1].Step != e.Step {
				own = append(own, sampleSet{ID: fmt.Sprintf("samples-%d-%d", i, e.Step), Step: e.Step, Newest: n == 0})
			}
			last := &own[len(own)-1]
			last.Texts = slices.Insert(last.Texts, 0, e)
			if len(runs) > 1 {
				last.Run = names[i]
			}
		}
		list = append(list, own[:min(len(own), maxSamples)]...)
	}
	return list
}

// note is a finding on the page.
type note struct {
	Run string // name of the run; "" if there is only one
	runlog.Finding
}

// Names are the names of runs: the names of their folders, with a number if several have the same.
func Names(runs []*Run) []string {
	count := map[string]int{}
	var names []string
	for _, r := range runs {
		count[r.Name]++
		name := r.Name
		if n := count[r.Name]; n > 1 {
			name = fmt.Sprintf("%s (%d)", name, n)
		}
		names = append(names, name)
	}
	return names
}

// maxNotes is the largest number of notes on a page, which shows the newest first.
const maxNotes = 100

func notes(names []string, runs []*Run) []note {
	var list []note
	for i, r := range runs {
		for _, f := range slices.Backward(r.Notes) {
			n := note{Finding: f}
			if len(runs) > 1 {
				n.Run = names[i]
			}
			list = append(list, n)
		}
	}
	slices.SortStableFunc(list, func(a, b note) int { return b.Step - a.Step })
	return list[:min(len(list), maxNotes)]
}

// settings is a table of all settings, those in which the runs differ first.
func settings(names []string, runs []*Run) report.Table {
	keys := map[string]bool{}
	for _, r := range runs {
		for key := range r.Settings {
			keys[key] = true
		}
	}
	var differ, same [][]string
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		row := []string{key}
		for _, r := range runs {
			row = append(row, r.Settings[key])
		}
		if len(slices.Compact(slices.Clone(row[1:]))) > 1 {
			differ = append(differ, row)
		} else {
			same = append(same, row)
		}
	}
	return report.Table{Head: append([]string{""}, names...), Rows: append(differ, same...)}
}

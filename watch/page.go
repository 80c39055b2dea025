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

// Axes of the curves.
const (
	StepAxis   = "step"
	TokensAxis = "tokens" // to compare runs with batches of different sizes
)

// PageOptions say how a page shows its runs.
type PageOptions struct {
	Axis    string        // "": StepAxis
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
		Figures: figures(names, runs), Notes: notes(names, runs), Charts: charts(o.Axis, names, runs),
		Settings: settings(names, runs),
	}
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
	Charts         []report.Chart
	Layers         []layersSection
	Settings       report.Table
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

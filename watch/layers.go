package watch

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"trit/internal/report"
	"trit/train/runlog"
)

// maxColumns is the largest number of columns of a heat map; more lists are averaged.
const maxColumns = 240

// layersSection is the part of a page about the layers of a run.
type layersSection struct {
	Run    string
	Groups []mapGroup
	Now    report.Table
}

// mapGroup is one measure in a heat map for each projection, layers over steps.
type mapGroup struct {
	Title, Note string
	Maps        []report.HeatMap
	Shared      bool // all maps have the range of colours of the first
}

// measures are the figures of a layer.
var measures = []struct {
	title, note string
	own         bool // each projection has its own range of colours
	value       func(runlog.LayerStats) float64
}{
	{"Share of −1, %", "", false, func(l runlog.LayerStats) float64 { return 100 * l.Minus }},
	{"Share of 0, %", "", false, func(l runlog.LayerStats) float64 { return 100 * l.Zero }},
	{"Share of +1, %", "", false, func(l runlog.LayerStats) float64 { return 100 * l.Plus }},
	{"Scale", "The mean of the absolute master weights.", true,
		func(l runlog.LayerStats) float64 { return float64(l.Scale) }},
	{"Flips", "Weights that changed from line to line of the log, since the list before.", true,
		func(l runlog.LayerStats) float64 { return float64(l.Flips) }},
	{"Largest activation", "The largest absolute value at the input of the layer.", true,
		func(l runlog.LayerStats) float64 {
			if l.AbsMax == nil {
				return math.NaN()
			}
			return float64(*l.AbsMax)
		}},
}

// layersOf makes the section of a run. It reports false for a log without lists of layers.
func layersOf(name string, r *Run) (layersSection, bool) {
	lists := slices.DeleteFunc(r.Of(runlog.StepEvent), func(e runlog.Event) bool { return len(e.Layers) == 0 })
	if len(lists) == 0 {
		return layersSection{}, false
	}
	s := layersSection{Run: name, Now: layerTable(lists[len(lists)-1].Layers)}
	g := newGrid(lists)
	for _, m := range measures {
		if group := g.group(m.title, m.note, m.own, m.value); len(group.Maps) > 0 {
			s.Groups = append(s.Groups, group)
		}
	}
	return s, true
}

// grid maps the weights of a run to the rows and columns of its heat maps.
type grid struct {
	lists       []runlog.Event
	projections []string
	layers      []int
	each        int // number of lists that are averaged in a column
}

func newGrid(lists []runlog.Event) *grid {
	g := &grid{lists: lists, each: (len(lists) + maxColumns - 1) / maxColumns}
	for _, e := range lists {
		for _, l := range e.Layers {
			layer, projection := l.Position()
			if !slices.Contains(g.projections, projection) {
				g.projections = append(g.projections, projection)
			}
			if !slices.Contains(g.layers, layer) {
				g.layers = append(g.layers, layer)
			}
		}
	}
	slices.Sort(g.layers)
	return g
}

// columns are the last steps of the columns.
func (g *grid) columns() []float64 {
	var out []float64
	for i := 0; i < len(g.lists); i += g.each {
		out = append(out, float64(g.lists[min(i+g.each, len(g.lists))-1].Step))
	}
	return out
}

// group makes the maps of a measure, without those that have no value.
func (g *grid) group(title, note string, own bool, value func(runlog.LayerStats) float64) mapGroup {
	group := mapGroup{Title: title, Note: note, Shared: !own}
	values := g.values(value)
	var all [][][]float64
	for _, projection := range g.projections {
		v := values[projection]
		if !known(v) {
			continue
		}
		all = append(all, v)
		m := report.HeatMap{Title: projection, Axis: StepAxis, Columns: g.columns(), Values: v}
		for _, l := range g.layers {
			m.Rows = append(m.Rows, strconv.Itoa(l))
		}
		m.Low, m.High = report.Range(v)
		group.Maps = append(group.Maps, m)
	}
	if low, high := report.Range(all...); group.Shared {
		for i := range group.Maps {
			group.Maps[i].Low, group.Maps[i].High, group.Maps[i].Bare = low, high, true
		}
	}
	return group
}

func known(values [][]float64) bool {
	return slices.ContainsFunc(values, func(row []float64) bool {
		return slices.ContainsFunc(row, func(v float64) bool { return !math.IsNaN(v) })
	})
}

// values are the means of a measure for each projection, [layers][columns]; NaN without a value.
func (g *grid) values(value func(runlog.LayerStats) float64) map[string][][]float64 {
	columns := (len(g.lists) + g.each - 1) / g.each
	sums, counts := g.empty(columns), g.empty(columns)
	for i, e := range g.lists {
		for _, l := range e.Layers {
			layer, projection := l.Position()
			row, _ := slices.BinarySearch(g.layers, layer)
			if v := value(l); !math.IsNaN(v) {
				sums[projection][row][i/g.each] += v
				counts[projection][row][i/g.each]++
			}
		}
	}
	for projection, rows := range sums {
		for i, row := range rows {
			for j := range row {
				row[j] /= counts[projection][i][j] // 0/0 is NaN
			}
		}
	}
	return sums
}

func (g *grid) empty(columns int) map[string][][]float64 {
	m := map[string][][]float64{}
	for _, projection := range g.projections {
		rows := make([][]float64, len(g.layers))
		for i := range rows {
			rows[i] = make([]float64, columns)
		}
		m[projection] = rows
	}
	return m
}

// layerTable is a list of layers as a table.
func layerTable(list []runlog.LayerStats) report.Table {
	t := report.Table{Head: []string{"", "−1", "0", "+1", "scale", "flips", "absmax"}}
	for _, l := range list {
		layer, projection := l.Position()
		absmax := ""
		if l.AbsMax != nil {
			absmax = fmt.Sprintf("%.4g", *l.AbsMax)
		}
		t.Rows = append(t.Rows, []string{
			fmt.Sprintf("%d %s", layer, projection), fmt.Sprintf("%.1f %%", 100*l.Minus), fmt.Sprintf("%.1f %%", 100*l.Zero),
			fmt.Sprintf("%.1f %%", 100*l.Plus), fmt.Sprintf("%.4g", l.Scale), strconv.Itoa(l.Flips), absmax,
		})
	}
	return t
}

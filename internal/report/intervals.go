package report

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// Interval is a named value with the range that it may lie in.
type Interval struct {
	Name             string
	Value, Low, High float64 // Low and High may equal Value: then there is no bar
}

// Intervals is a chart of values with error bars, one in a line, over one axis.
type Intervals struct {
	Title string
	Axis  string // what the values are
	Rows  []Interval
}

// Sizes of the picture of Intervals, in pixels.
const (
	intervalsWidth, intervalsNames, intervalsRow, intervalsTop = 760, 270, 26, 44
	barEnd                                                     = 4
)

// WriteSVG writes the chart as a file of its own, in colours that can be read on light and dark pages.
func (c Intervals) WriteSVG(w io.Writer) error {
	low, high := c.bounds()
	height := intervalsTop + intervalsRow*len(c.Rows)
	at := func(v float64) float64 {
		return intervalsNames + 10 + (intervalsWidth-intervalsNames-30)*(v-low)/(high-low)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" `+
		`font-family="sans-serif" font-size="13" fill="#808791">`+"\n", intervalsWidth, height+intervalsTop)
	fmt.Fprintf(&b, `<text x="10" y="22" font-weight="bold">%s</text>`+"\n", html.EscapeString(c.Title))
	for _, t := range ticks(low, high, 6) {
		x := at(t.value)
		fmt.Fprintf(&b, `<path d="M%.1f %dV%d" stroke="#80879155"/><text x="%.1[1]f" y="%[4]d" text-anchor="middle">%[5]s</text>`+"\n",
			x, intervalsTop-8, height, height+16, t.label)
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", at((low+high)/2), height+34,
		html.EscapeString(c.Axis))
	for i, r := range c.Rows {
		y := intervalsTop + intervalsRow*i + intervalsRow/2
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", intervalsNames, y+4,
			html.EscapeString(r.Name))
		if !visibleValue(r.Value) {
			continue
		}
		if x0, x1 := at(r.Low), at(r.High); r.Low < r.High {
			fmt.Fprintf(&b, `<path d="M%.1f %dH%.1fM%.1[1]f %[4]dv%dM%.1[3]f %[4]dv%[5]d" stroke="#2563eb" stroke-width="2"/>`+"\n",
				x0, y, x1, y-barEnd, 2*barEnd)
		}
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%d" r="4" fill="#2563eb"/>`+"\n", at(r.Value), y)
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// bounds is the range of all values and bars, with a margin.
func (c Intervals) bounds() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, r := range c.Rows {
		for _, v := range []float64{r.Value, r.Low, r.High} {
			if visibleValue(v) {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	low, high = apart(low, high)
	margin := (high - low) / 20
	return low - margin, high + margin
}

// visibleValue reports whether a value can be drawn.
func visibleValue(v float64) bool { return math.Abs(v) < beyond }

// Package report writes results for people: tables for a terminal and one
// self-contained HTML page with curves.
package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// Table is a head and rows of cells.
type Table struct {
	Head []string
	Rows [][]string
}

// WriteText prints the table in aligned columns.
func (t Table) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range append([][]string{t.Head}, t.Rows...) {
		fmt.Fprintln(tw, strings.Join(r, "\t"))
	}
	return tw.Flush()
}

// Markdown is the table as Markdown has it.
func (t Table) Markdown() string {
	var b strings.Builder
	row := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(t.Head)
	b.WriteString(strings.Repeat("|---", len(t.Head)) + "|\n")
	for _, r := range t.Rows {
		row(r)
	}
	return b.String()
}

// Point is a place on a curve.
type Point struct{ X, Y float64 }

// Curve is a named line.
type Curve struct {
	Name   string
	Points []Point
}

// Page is a document: a lead, curves in one picture, a table and a sample of text.
type Page struct {
	Title, Lead         string
	CurveTitle          string
	Curves              []Curve
	Table               Table
	SampleTitle, Sample string
}

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

// Write writes the page as HTML, which needs nothing else.
func (p Page) Write(w io.Writer) error {
	return page.Execute(w, struct {
		Page
		Plot plot
	}{p, newPlot(p.Curves)})
}

// The picture is 640 by 280 units with room for the labels left and below.
const (
	width, height = 640.0, 280.0
	left, bottom  = 44.0, 24.0
)

// plot is the curves in units of the picture.
type plot struct {
	Lines        []line
	XTicks       []tick
	YTicks       []tick
	Left, Bottom float64
	Right, Top   float64
}

type line struct {
	Name, Points string
	Dots         []Point
}

type tick struct {
	At    float64
	Label string
}

func newPlot(curves []Curve) plot {
	xmin, xmax, ymin, ymax := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, c := range curves {
		for _, p := range c.Points {
			xmin, xmax, ymin, ymax = min(xmin, p.X), max(xmax, p.X), min(ymin, p.Y), max(ymax, p.Y)
		}
	}
	p := plot{Left: left, Bottom: height - bottom, Right: width - 8, Top: 8}
	if !(xmax > xmin && ymax > ymin) {
		return p
	}
	x := func(v float64) float64 { return left + (v-xmin)/(xmax-xmin)*(p.Right-left) }
	y := func(v float64) float64 { return p.Bottom - (v-ymin)/(ymax-ymin)*(p.Bottom-p.Top) }
	for _, c := range curves {
		l := line{Name: c.Name}
		var b strings.Builder
		for _, q := range c.Points {
			fmt.Fprintf(&b, "%.1f,%.1f ", x(q.X), y(q.Y))
			l.Dots = append(l.Dots, Point{x(q.X), y(q.Y)})
		}
		l.Points = b.String()
		p.Lines = append(p.Lines, l)
	}
	for i := range 5 {
		share := float64(i) / 4
		p.XTicks = append(p.XTicks, tick{left + share*(p.Right-left), fmt.Sprintf("%.0f", xmin+share*(xmax-xmin))})
		p.YTicks = append(p.YTicks, tick{p.Bottom - share*(p.Bottom-p.Top), fmt.Sprintf("%.2f", ymin+share*(ymax-ymin))})
	}
	return p
}

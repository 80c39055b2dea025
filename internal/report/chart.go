package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Point is a point of a curve.
type Point struct{ X, Y float64 }

// Style is how a curve is drawn.
type Style string

// Styles of curves.
const (
	Solid  Style = ""
	Faint  Style = "faint"  // noise, behind
	Smooth Style = "smooth" // a noisy curve smoothed: its values are not those that were measured
	Dots   Style = "dots"   // a dashed line with a dot at each point
)

// Curve is a named line. One without a name is not in the legend.
type Curve struct {
	Name   string
	Points []Point // by ascending X; values that cannot be drawn are left out: NaN, and 0 or less on a logarithmic axis
	Color  int
	Style  Style
}

// Mark is a value of X at which something happened.
type Mark struct {
	X    float64
	Text string
}

// Chart is curves over one axis. It can be drawn at any width.
type Chart struct {
	Title  string
	Axis   string // what X is
	Curves []Curve
	Marks  []Mark
	Log    bool // Y is logarithmic
}

// side is the side of the picture, a square, in its own units. The browser stretches it;
// labels are text beside it, so that they keep their size.
const side = 1000.0

// Colors is the number of colours of curves; Curve.Color is taken modulo Colors.
const Colors = 8

// picture is a chart in units of the picture.
type picture struct {
	X0, X1, Y0, Y1 float64 // the values at the edges; logarithms for Log
	XTicks, YTicks []Tick
	Lines          []drawn
	Legend         []drawn
	Marks          []Tick
}

// Tick is a label at a position, in percent of the width or of the height.
type Tick struct {
	At    float64
	Label string
}

// Units returns the position in units of the picture.
func (t Tick) Units() float64 { return math.Round(t.At*side) / 100 }

// drawn is a curve in units of the picture.
type drawn struct {
	Name, Path, Dots string
	Style            Style
	Color            int
}

// Picture computes what the template draws.
func (c Chart) Picture() picture {
	b := c.bounds()
	p := picture{X0: b.x0, X1: b.x1, Y0: b.y0, Y1: b.y1}
	for _, t := range ticks(b.x0, b.x1, 7) {
		p.XTicks = append(p.XTicks, Tick{percent(t.value, b.x0, b.x1), t.label})
	}
	yTicks := ticks
	if c.Log {
		yTicks = logTicks
	}
	for _, t := range yTicks(b.y0, b.y1, 5) {
		p.YTicks = append(p.YTicks, Tick{100 - percent(t.value, b.y0, b.y1), t.label})
	}
	for _, curve := range c.Curves {
		d := c.draw(curve, b)
		p.Lines = append(p.Lines, d)
		if d.Name != "" && d.Path != "" {
			p.Legend = append(p.Legend, d)
		}
	}
	for _, m := range c.Marks {
		if m.X >= b.x0 && m.X <= b.x1 {
			p.Marks = append(p.Marks, Tick{percent(m.X, b.x0, b.x1), m.Text})
		}
	}
	return p
}

func percent(v, low, high float64) float64 { return math.Round((v-low)/(high-low)*1e4) / 100 }

// beyond is a bound of the values that are drawn, far above the values of any run. Sums and
// differences of values below it are finite.
const beyond = 1e100

// visible returns the points that can be drawn. On a logarithmic axis their Y is the logarithm.
func (c Chart) visible(points []Point) []Point {
	var out []Point
	for _, p := range points {
		if c.Log {
			p.Y = math.Log10(p.Y)
		}
		if math.Abs(p.X) < beyond && math.Abs(p.Y) < beyond { // nor NaN
			out = append(out, p)
		}
	}
	return out
}

type bounds struct{ x0, x1, y0, y1 float64 }

// bounds returns the range of all points, with a margin above and below.
func (c Chart) bounds() bounds {
	b := bounds{math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)}
	for _, curve := range c.Curves {
		for _, p := range c.visible(curve.Points) {
			b = bounds{min(b.x0, p.X), max(b.x1, p.X), min(b.y0, p.Y), max(b.y1, p.Y)}
		}
	}
	b.x0, b.x1 = apart(b.x0, b.x1)
	b.y0, b.y1 = apart(b.y0, b.y1)
	margin := (b.y1 - b.y0) / 20
	if b.y0 != 0 || c.Log { // a share or a count begins at 0
		b.y0 -= margin
	}
	b.y1 += margin
	return b
}

// apart returns a range of positive width: around a single value, and 0 to 1 of no values or of 0.
func apart(low, high float64) (float64, float64) {
	switch {
	case low > high || low == 0 && high == 0:
		return 0, 1
	case low == high:
		margin := max(math.Abs(low)/10, 1e-9)
		return low - margin, high + margin
	}
	return low, high
}

// draw makes the path of a curve. A dot is a line of length 0 with round ends, which
// stays round when the picture is stretched.
func (c Chart) draw(curve Curve, b bounds) drawn {
	d := drawn{Name: curve.Name, Style: curve.Style, Color: curve.Color % Colors}
	var path, dots strings.Builder
	for i, p := range Thin(c.visible(curve.Points), 600) {
		x, y := side*(p.X-b.x0)/(b.x1-b.x0), side*(b.y1-p.Y)/(b.y1-b.y0)
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%.2f %.2f", command, x, y)
		fmt.Fprintf(&dots, "M%.2f %.2fh0", x, y)
	}
	d.Path = path.String()
	if curve.Style == Dots || len(curve.Points) == 1 {
		d.Dots = dots.String()
	}
	return d
}

// Thin keeps the look of a curve with at most about 4 points for each column of the picture:
// the first, lowest, highest and last in it, so that spikes stay.
func Thin(points []Point, columns int) []Point {
	if len(points) <= 4*columns {
		return points
	}
	var out []Point
	x0, width := points[0].X, points[len(points)-1].X-points[0].X
	column := func(p Point) int { return int(float64(columns) * (p.X - x0) / width) }
	for begin := 0; begin < len(points); {
		end, low, high := begin, begin, begin
		for ; end < len(points) && column(points[end]) == column(points[begin]); end++ {
			if points[end].Y < points[low].Y {
				low = end
			}
			if points[end].Y > points[high].Y {
				high = end
			}
		}
		last := begin - 1
		for _, i := range []int{begin, min(low, high), max(low, high), end - 1} {
			if i > last {
				out, last = append(out, points[i]), i
			}
		}
		begin = end
	}
	return out
}

type label struct {
	value float64
	label string
}

// ticks returns about n round values in a range.
func ticks(low, high float64, n int) []label {
	step := roundStep((high - low) / float64(n))
	var out []label
	first := math.Ceil(low / step)
	for i := range 2 * n { // counted, since far from 0 a float may not grow by a step
		if v := (first + float64(i)) * step; v <= high {
			out = append(out, label{v, number(v, step)})
		}
	}
	return out
}

// roundStep returns the least of 1, 2 or 5 times a power of ten that is not below v.
func roundStep(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, f := range []float64{1, 2, 5} {
		if f*power >= v*(1-1e-9) {
			return f * power
		}
	}
	return 10 * power
}

// logTicks returns round values in a range of logarithms: powers of ten if the range is wide, the
// values of ticks if it has few powers.
func logTicks(low, high float64, n int) []label {
	every := max(1, math.Round((high-low)/float64(n)))
	if out := powers(low, high, every, 1); len(out) >= 3 {
		return out
	}
	for _, factors := range [][]float64{{1, 3}, {1, 2, 5}, {1, 2, 3, 5, 7}} {
		if out := powers(low, high, 1, factors...); len(out) >= 4 {
			return out
		}
	}
	var out []label
	for _, t := range ticks(math.Pow(10, low), math.Pow(10, high), n) {
		out = append(out, label{math.Log10(t.value), t.label})
	}
	return out
}

// powers returns the products of factors and powers of ten in a range of logarithms. The
// exponents are multiples of every.
func powers(low, high, every float64, factors ...float64) []label {
	var out []label
	for e := math.Floor(low/every) * every; e <= high; e += every {
		for _, f := range factors {
			if at := e + math.Log10(f); at >= low && at <= high {
				out = append(out, label{at, number(f*math.Pow(10, e), math.Pow(10, e))})
			}
		}
	}
	return out
}

// Number writes v with four digits and a unit prefix: 1234567 is 1.235M.
func Number(v float64) string { return number(v, math.Abs(v)/1000) }

// number writes v with as many digits as distinguish values at this distance.
func number(v, distance float64) string {
	if v == 0 {
		return "0"
	}
	size := max(math.Abs(v), distance)
	for _, u := range []struct {
		size float64
		name string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if size >= u.size && distance >= u.size/1000 {
			return strconv.FormatFloat(math.Round(v/u.size*1e3)/1e3, 'f', -1, 64) + u.name
		}
	}
	if size < 1e-3 {
		return strings.Replace(strconv.FormatFloat(v, 'e', max(0, digits(distance)-digits(size)), 64), "e-0", "e-", 1)
	}
	return strconv.FormatFloat(v, 'f', max(0, digits(distance)), 64)
}

// digits returns the position of the first digit of v that is not 0, counted after the
// decimal point.
func digits(v float64) int { return -int(math.Floor(math.Log10(v) + 1e-9)) }

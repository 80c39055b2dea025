package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"math"
)

// HeatMap is a picture of values over rows and columns, one colour each.
type HeatMap struct {
	Title     string
	Axis      string      // what the columns are
	Rows      []string    // labels, from above
	Columns   []float64   // ascending
	Values    [][]float64 // [rows][columns]; NaN: none
	Low, High float64     // the values of the first and of the last colour
	Bare      bool        // without a legend of the colours, for maps that share one
}

// Range returns the lowest and the highest of values. They always differ: without values they are
// 0 and 1.
func Range(values ...[][]float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, rows := range values {
		for _, row := range rows {
			for _, v := range row {
				if !math.IsNaN(v) {
					low, high = min(low, v), max(high, v)
				}
			}
		}
	}
	return apart(low, high)
}

// shades is the number of colours. Index 0 of the palette is transparent.
const shades = 255

// anchors are colours of the palette at equal distances; those between are interpolated. They
// go from dark to light in even steps, so that a map can be read in grey too.
var anchors = [][3]float64{{24, 18, 66}, {72, 32, 120}, {140, 42, 115}, {205, 66, 84}, {243, 121, 55}, {252, 187, 80}, {250, 246, 190}}

var palette, paletteHex = makePalette()

func makePalette() (color.Palette, []string) {
	p, hex := color.Palette{color.NRGBA{}}, []string{}
	for i := range shades {
		at := float64(i) / (shades - 1) * float64(len(anchors)-1)
		k := min(int(at), len(anchors)-2)
		var c [3]uint8
		for j := range c {
			c[j] = uint8(math.Round(anchors[k][j] + (at-float64(k))*(anchors[k+1][j]-anchors[k][j])))
		}
		p, hex = append(p, color.NRGBA{c[0], c[1], c[2], 255}), append(hex, fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]))
	}
	return p, hex
}

// Image returns the picture as PNG in a data URL, one pixel a value.
func (h HeatMap) Image() template.URL {
	m := image.NewPaletted(image.Rect(0, 0, max(len(h.Columns), 1), max(len(h.Rows), 1)), palette)
	for y, row := range h.Values {
		for x, v := range row {
			m.SetColorIndex(x, y, h.shade(v))
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err) // a paletted picture of positive size can be encoded
	}
	return template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes()))
}

func (h HeatMap) shade(v float64) uint8 {
	if math.IsNaN(v) {
		return 0
	}
	at := (v - h.Low) / (h.High - h.Low)
	return uint8(1 + math.Round(min(max(at, 0), 1)*(shades-1)))
}

// Height returns the height of the picture in pixels of the page.
func (h HeatMap) Height() int { return min(max(11*len(h.Rows), 44), 264) }

// YTicks labels at most about 8 rows, in their middles.
func (h HeatMap) YTicks() []Tick {
	var out []Tick
	every := (len(h.Rows) + 7) / 8
	for i, name := range h.Rows {
		if i%max(every, 1) == 0 {
			out = append(out, Tick{percent(float64(i)+0.5, 0, float64(len(h.Rows))), name})
		}
	}
	return out
}

// XTicks labels the first and the last column.
func (h HeatMap) XTicks() []Tick {
	if len(h.Columns) == 0 {
		return nil
	}
	first, last := h.Columns[0], h.Columns[len(h.Columns)-1]
	ends := []Tick{{0, number(first, 1)}, {100, number(last, 1)}}
	if first == last {
		return ends[:1]
	}
	return ends
}

// Bounds returns the labels of the first and of the last colour.
func (h HeatMap) Bounds() [2]string {
	distance := (h.High - h.Low) / 100
	return [2]string{number(h.Low, distance), number(h.High, distance)}
}

package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The picture is XML, a value lies on its axis as the ticks say, and its bar is around it.
func TestIntervals(t *testing.T) {
	c := Intervals{Title: "a < b", Axis: "%", Rows: []Interval{
		{"zero", 0, 0, 0}, {"minus & bar", -10, -12, -8}, {"nothing", math.NaN(), math.NaN(), math.NaN()},
	}}
	var b strings.Builder
	if err := c.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "%!") {
		t.Errorf("a value was not printed: %s", b.String())
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in %s", err, b.String())
		}
	}
	numbers := func(pattern string) (out []float64) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(b.String(), -1) {
			for _, s := range m[1:] {
				v, _ := strconv.ParseFloat(s, 64)
				out = append(out, v)
			}
		}
		return out
	}
	dots, bars := numbers(`circle cx="([0-9.]+)"`), numbers(`d="M([0-9.]+) [0-9]+H([0-9.]+)M`)
	if len(dots) != 2 || len(bars) != 2 {
		t.Fatalf("%d dots and %d ends of bars in %s", len(dots), len(bars), b.String())
	}
	// From -12 to 0 with margins are 13.2 units.
	unit := (dots[0] - dots[1]) / 10
	if math.Abs(bars[0]-(dots[1]-2*unit)) > 0.2 || math.Abs(bars[1]-(dots[1]+2*unit)) > 0.2 || math.Abs(unit*13.2-460) > 0.5 {
		t.Errorf("dots at %v, bars at %v", dots, bars)
	}
	if !strings.Contains(b.String(), "minus &amp; bar") || !strings.Contains(b.String(), ">-10<") {
		t.Errorf("a name or a tick is missing: %s", b.String())
	}
}

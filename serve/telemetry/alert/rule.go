// Package alert watches numbers of a server: an alert begins when one has been too high, or too low,
// for a while, and ends when it has been good again for a while.
package alert

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Metric is a number that rules are about.
type Metric string

// Metrics. All but Speed are bad when they are high.
const (
	Memory    Metric = "memory"    // bytes of the process
	Processor Metric = "processor" // share of all processors, 0 to 1
	Speed     Metric = "speed"     // tokens a second of an answer
	Errors    Metric = "errors"    // share of requests that fail, 0 to 1
	Latency   Metric = "latency"   // seconds to the first token that 95 % of answers need at most
)

// Metrics are all metrics.
var Metrics = []Metric{Memory, Processor, Speed, Errors, Latency}

// below reports whether a metric is bad when it is low.
func (m Metric) below() bool { return m == Speed }

// format writes a value for people.
func (m Metric) format(v float64) string {
	switch m {
	case Memory:
		return strconv.FormatFloat(v/1e9, 'g', 4, 64) + "GB"
	case Processor, Errors:
		return strconv.FormatFloat(v*100, 'g', 4, 64) + "%"
	case Latency:
		return strconv.FormatFloat(v, 'g', 4, 64) + "s"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// Rule says when an alert begins and ends.
type Rule struct {
	Metric Metric
	Limit  float64       // the alert begins above it; below it for Speed
	End    float64       // the alert ends when the metric is not above it, or not below; 0: a tenth better than Limit
	For    time.Duration // how long the metric must be bad, or good again
}

// DefaultFor is Rule.For in a text that does not say it.
const DefaultFor = time.Minute

// end is End with its default.
func (r *Rule) end() float64 {
	switch {
	case r.End != 0:
		return r.End
	case r.Metric.below():
		return r.Limit * 1.1
	}
	return r.Limit * .9
}

func (r *Rule) sign() string {
	if r.Metric.below() {
		return "<"
	}
	return ">"
}

// String writes the rule as Parse reads it.
func (r Rule) String() string {
	return fmt.Sprintf("%s%s%s until %s for %s",
		r.Metric, r.sign(), r.Metric.format(r.Limit), r.Metric.format(r.end()), r.For)
}

// bad reports whether a value begins an alert, and good whether it ends one. No value, NaN, is
// good: nothing is slow or fails while nobody asks.
func (r *Rule) bad(v float64) bool {
	if r.Metric.below() {
		return v < r.Limit
	}
	return v > r.Limit
}

func (r *Rule) good(v float64) bool {
	if r.Metric.below() {
		return !(v < r.end())
	}
	return !(v > r.end())
}

// Parse reads a rule such as
//
//	memory>8GB
//	processor>90% for 5m
//	speed<10 until 12
//	errors>5% until 1% for 2m
//	latency>2s
//
// Memory is in GB, MB, GiB, MiB or bytes; processor and errors are in percent; speed is in tokens a
// second; latency is a duration to the first token.
func Parse(text string) (Rule, error) {
	r := Rule{For: DefaultFor}
	words := strings.Fields(strings.NewReplacer(">", " > ", "<", " < ").Replace(text))
	if len(words) < 3 || len(words)%2 == 0 {
		return r, fmt.Errorf("%q is no alert: want such as memory>8GB, or latency>2s for 5m", text)
	}
	r.Metric = Metric(words[0])
	if !slices.Contains(Metrics, r.Metric) {
		return r, fmt.Errorf("%q: there is no %q to watch: there are %s", text, words[0], names())
	}
	if words[1] != r.sign() {
		return r, fmt.Errorf("%q: want %s%sLIMIT", text, r.Metric, r.sign())
	}
	var err error
	if r.Limit, err = r.Metric.parse(words[2]); err != nil {
		return r, fmt.Errorf("%q: %w", text, err)
	}
	for rest := words[3:]; len(rest) > 0; rest = rest[2:] {
		switch rest[0] {
		case "for":
			r.For, err = time.ParseDuration(rest[1])
		case "until":
			r.End, err = r.Metric.parse(rest[1])
		default:
			err = fmt.Errorf("want for or until, not %s", rest[0])
		}
		if err != nil {
			return r, fmt.Errorf("%q: %w", text, err)
		}
	}
	return r, r.Validate()
}

func names() string {
	list := make([]string, len(Metrics))
	for i, m := range Metrics {
		list[i] = string(m)
	}
	return strings.Join(list, ", ")
}

// units are factors of memory.
var units = []struct {
	name   string
	factor float64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"GB", 1e9}, {"MB", 1e6}, {"G", 1e9}, {"M", 1e6}, {"", 1}}

// parse reads a value of the metric.
func (m Metric) parse(text string) (float64, error) {
	switch m {
	case Memory:
		for _, u := range units {
			if number, ok := strings.CutSuffix(text, u.name); ok {
				return parseNumber(number, u.factor)
			}
		}
	case Processor, Errors:
		number, ok := strings.CutSuffix(text, "%")
		if !ok {
			return 0, fmt.Errorf("%s is no share: want such as 90%%", text)
		}
		return parseNumber(number, .01)
	case Latency:
		d, err := time.ParseDuration(text)
		return d.Seconds(), err
	}
	return parseNumber(text, 1)
}

func parseNumber(text string, factor float64) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", text)
	}
	return v * factor, nil
}

// Validate returns what is wrong in a rule.
func (r Rule) Validate() error {
	switch {
	case !slices.Contains(Metrics, r.Metric):
		return fmt.Errorf("there is no %q to watch: there are %s", r.Metric, names())
	case !(r.Limit > 0) || math.IsInf(r.Limit, 0):
		return fmt.Errorf("%s: the limit is %v: want more than 0", r.Metric, r.Limit)
	case r.For < 0:
		return fmt.Errorf("%s: the time is %s: want 0 or more", r.Metric, r.For)
	case !(r.End >= 0) || math.IsInf(r.End, 0) || r.bad(r.end()):
		return fmt.Errorf("%s: the alert would begin at %s and end at %s: want an end on the good side",
			r.Metric, r.Metric.format(r.Limit), r.Metric.format(r.end()))
	case (r.Metric == Processor || r.Metric == Errors) && r.Limit >= 1:
		return fmt.Errorf("%s: the limit is %s, which is never passed: want less than 100%%",
			r.Metric, r.Metric.format(r.Limit))
	}
	return nil
}

package compare

import (
	"fmt"
	"slices"
	"strings"
)

// Summary is the comparison in a line.
func (c *Comparison) Summary() string {
	var t totals
	for _, d := range c.Tensors {
		t.add(&d)
	}
	return strings.Join(slices.Concat(t.lines(), c.Parameters, c.Tokenizer), "; ")
}

// totals are the sums of a comparison.
type totals struct {
	codes, unequalCodes   int64
	scales, unequalScales int
	others                int64
	scaleError, error     float64 // the largest errors of scales and of other weights
	tensors, beyond       int     // numbers of all tensors and of different ones
}

func (t *totals) add(d *Difference) {
	t.tensors++
	if d.Verdict == Different {
		t.beyond++
	}
	if !d.Ternary {
		t.others += d.Weights
		t.error = max(t.error, d.Error)
		return
	}
	t.codes += d.Weights
	t.unequalCodes += d.Codes
	t.scales++
	if d.ScaleA != d.ScaleB {
		t.unequalScales++
		t.scaleError = max(t.scaleError, d.Error)
	}
}

func (t *totals) lines() (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch {
	case t.codes == 0:
	case t.unequalCodes > 0:
		say("the codes of %d of %d ternary weights differ", t.unequalCodes, t.codes)
	default:
		say("the codes of all %d ternary weights are equal", t.codes)
	}
	switch {
	case t.scales == 0:
	case t.unequalScales > 0:
		say("%d of %d scales differ, by up to %.2g (relative)", t.unequalScales, t.scales, t.scaleError)
	default:
		say("all %d scales are equal", t.scales)
	}
	switch {
	case t.others == 0:
	case t.error > 0:
		say("%d other weights differ by up to %.2g (relative)", t.others, t.error)
	default:
		say("%d other weights are equal", t.others)
	}
	if t.beyond > 0 {
		say("%d of %d tensors differ by more than their types round", t.beyond, t.tensors)
	}
	return out
}

// Head names the columns of Rows.
func Head() []string {
	return []string{"tensor", "types", "weights", "codes that differ", "scales", "relative error", "verdict"}
}

// Rows are a table of the weights that differ, or of every weight if all is set.
func (c *Comparison) Rows(all bool) (rows [][]string) {
	for _, d := range c.Tensors {
		if !all && d.Verdict == Equal {
			continue
		}
		codes, scales := "", ""
		if d.Ternary {
			codes, scales = fmt.Sprint(d.Codes), fmt.Sprintf("%.7g %.7g", d.ScaleA, d.ScaleB)
		}
		rows = append(rows, []string{
			d.Name, d.TypeA + " " + d.TypeB, fmt.Sprint(d.Weights), codes, scales,
			fmt.Sprintf("%.2g", d.Error), string(d.Verdict),
		})
	}
	return rows
}

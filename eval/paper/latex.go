package paper

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// latex writes the table of the scores for the package booktabs. The best of several models is bold.
func (p *paper) latex(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%% needs \\usepackage{booktabs}\n\\begin{tabular}{llr%s}\n\\toprule\nTask & Metric & Shots",
		strings.Repeat("r", len(p.Models)))
	for _, m := range p.Models {
		b.WriteString(" & " + tex(m))
	}
	b.WriteString(" \\\\\n\\midrule\n")
	for _, r := range p.Rows {
		fmt.Fprintf(&b, "%s & %s & %s", tex(r.Task), tex(r.Metric), tex(r.Shots))
		best := r.best()
		for _, s := range r.Scores {
			b.WriteString(" & " + s.tex(s.Value == best))
		}
		b.WriteString(" \\\\\n")
	}
	b.WriteString("\\bottomrule\n\\end{tabular}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// best is the best value, NaN of a single one.
func (r row) best() float64 {
	best, count := math.NaN(), 0
	for _, s := range r.Scores {
		if math.IsNaN(s.Value) {
			continue
		}
		if count++; count == 1 || (s.Value > best) == r.Higher && s.Value != best {
			best = s.Value
		}
	}
	if count < 2 {
		return math.NaN()
	}
	return best
}

func (s score) tex(bold bool) string {
	if math.IsNaN(s.Value) {
		return "--"
	}
	value := fmt.Sprintf("%.4f", s.Value)
	if bold {
		value = "\\textbf{" + value + "}"
	}
	if !math.IsNaN(s.Stderr) {
		value += fmt.Sprintf(" $\\pm$ %.4f", s.Stderr)
	}
	return value
}

// tex is a text without a meaning for TeX.
func tex(s string) string {
	return strings.NewReplacer("\\", "\\textbackslash{}", "{", "\\{", "}", "\\}", "&", "\\&",
		"%", "\\%", "$", "\\$", "#", "\\#", "_", "\\_",
		"~", "\\textasciitilde{}", "^", "\\textasciicircum{}",
		"<", "\\textless{}", ">", "\\textgreater{}", "\n", " ", "\r", " ").Replace(s)
}

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
		for i, s := range r.Scores {
			b.WriteString(" & " + s.tex(i == best))
		}
		b.WriteString(" \\\\\n")
	}
	b.WriteString("\\bottomrule\n\\end{tabular}\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// best is the number of the best score, -1 if there are no two.
func (r row) best() int {
	best, count := -1, 0
	for i, s := range r.Scores {
		if math.IsNaN(s.Value) {
			continue
		}
		if count++; best < 0 || s.Value != r.Scores[best].Value && (s.Value > r.Scores[best].Value) == r.Higher {
			best = i
		}
	}
	if count < 2 {
		return -1
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

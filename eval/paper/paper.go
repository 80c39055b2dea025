// Package paper writes results of evaluations for a paper: one HTML page that needs no other file, the same
// in Markdown, and a table in LaTeX. Texts of models are shown, never run: each form escapes them.
package paper

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"trit/eval"
	"trit/eval/seeds"
	"trit/internal/atomicfile"
	"trit/internal/report"
)

// paper is everything that the three forms show.
type paper struct {
	Title       string
	Models      []string
	Rows        []row
	Figures     []figure
	Heat        []heat
	Comparisons []comparison
	Seeds       []bySeed
	Examples    []example
	Origin      report.Table
}

// comparison is how a model differs from the first one.
type comparison struct {
	A, B     string
	Table    report.Table
	Warnings []string
}

// bySeed is how the scores of a model spread between draws of few-shot examples.
type bySeed struct {
	Model string
	Table report.Table
}

// Files are the files that Write writes to its folder.
var Files = []string{"report.html", "report.md", "report.tex"}

// Write reads folders or files of results and writes Files to a folder.
func Write(dir, title string, results ...string) error {
	p := paper{Title: title, Origin: report.Table{Head: []string{"results", "what", ""}}}
	var all []*eval.Evaluation
	for _, path := range results {
		e, err := eval.Open(path)
		if err != nil {
			return err
		}
		all = append(all, e)
	}
	p.Models = names(all)
	p.Rows = rows(all)
	p.Figures, p.Heat = figures(p.Models, p.Rows), heats(p.Models, p.Rows)
	for i, e := range all {
		p.addOrigin(p.Models[i], e)
		if err := p.addExamples(p.Models[i], e); err != nil {
			return err
		}
		if err := p.addSeeds(p.Models[i], results[i]); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		c, err := eval.Compare(results[0], results[i])
		if err != nil {
			return err
		}
		t := c.Table()
		p.Comparisons = append(p.Comparisons,
			comparison{p.Models[0], p.Models[i], report.Table{Head: t.Columns, Rows: t.Rows}, c.Warnings})
	}
	return p.write(dir)
}

// addSeeds shows how scores spread, of results with several seeds.
func (p *paper) addSeeds(model, results string) error {
	list, err := seeds.Read(results)
	if len(list) > 0 {
		t := seeds.Table(list)
		p.Seeds = append(p.Seeds, bySeed{model, report.Table{Head: t.Columns, Rows: t.Rows}})
	}
	return err
}

func (p *paper) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i, write := range []func(io.Writer) error{p.html, p.markdown, p.latex} {
		if err := atomicfile.Write(filepath.Join(dir, Files[i]), write); err != nil {
			return err
		}
	}
	return nil
}

// names are the names of the models, with the place of the results where two are the same.
func names(all []*eval.Evaluation) []string {
	count := map[string]int{}
	for _, e := range all {
		count[e.Model()]++
	}
	var out []string
	for _, e := range all {
		switch name := e.Model(); {
		case name == "":
			out = append(out, e.Name())
		case count[name] > 1:
			out = append(out, name+" ("+e.Name()+")")
		default:
			out = append(out, name)
		}
	}
	return out
}

// addOrigin says what made the results.
func (p *paper) addOrigin(model string, e *eval.Evaluation) {
	made := e.Made()
	for _, key := range slices.Sorted(maps.Keys(made)) {
		p.Origin.Rows = append(p.Origin.Rows, []string{model, key, made[key]})
	}
	for _, task := range slices.Sorted(maps.Keys(e.Results())) {
		if hash := e.DataHash(task); hash != "" {
			p.Origin.Rows = append(p.Origin.Rows, []string{model, "documents of " + task, "SHA-256 " + hash})
		}
	}
}

func (p *paper) html(w io.Writer) error { return page.ExecuteTemplate(w, "paper.html", p) }

//go:embed paper.html
var files embed.FS

var page = template.Must(report.Parts().ParseFS(files, "paper.html"))

// Table is the table of the scores.
func (p *paper) Table() report.Table {
	t := report.Table{Head: append([]string{"task", "metric", "shots", "documents"}, p.Models...)}
	for _, r := range p.Rows {
		line := []string{r.Task, r.Metric, r.Shots, r.Documents}
		for _, s := range r.Scores {
			line = append(line, s.String())
		}
		t.Rows = append(t.Rows, line)
	}
	return t
}

func (p *paper) markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", plain(p.Title), escaped(p.Table()).Markdown())
	b.WriteString(legend + "\n")
	for _, h := range p.Heat {
		fmt.Fprintf(&b, "\n## %s, by task\n\n%s", plain(h.Title), escaped(h.table()).Markdown())
	}
	for _, c := range p.Comparisons {
		fmt.Fprintf(&b, "\n## A = %s, B = %s\n\n%s", plain(c.A), plain(c.B), escaped(c.Table).Markdown())
		for _, line := range c.Warnings {
			fmt.Fprintf(&b, "\n* not asked alike: %s", plain(line))
		}
		b.WriteString("\n")
	}
	for _, s := range p.Seeds {
		fmt.Fprintf(&b, "\n## %s, by seed of few-shot examples\n\n%s", plain(s.Model), escaped(s.Table).Markdown())
	}
	for _, e := range p.Examples {
		fmt.Fprintf(&b, "\n## %s, %s: document %d, %s\n\n%s\n",
			plain(e.Task), plain(e.Model), e.Document, e.Verdict, fenced(e.text()))
	}
	fmt.Fprintf(&b, "\n## What made it\n\n%s", escaped(p.Origin).Markdown())
	_, err := io.WriteString(w, b.String())
	return err
}

// legend says what stands behind ± and in the brackets.
const legend = "± is the standard error by document, or by cluster where documents belong together; " +
	"in brackets the 95 % interval."

// plain is a text without a meaning in Markdown or HTML, in one line.
func plain(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "\\|", "\n", " ", "\r", " ", "`", "\\`",
		"*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "\\", "\\\\").Replace(s)
}

func escaped(t report.Table) report.Table {
	line := func(cells []string) []string {
		out := make([]string, len(cells))
		for i, c := range cells {
			out[i] = plain(c)
		}
		return out
	}
	out := report.Table{Head: line(t.Head)}
	for _, r := range t.Rows {
		out.Rows = append(out.Rows, line(r))
	}
	return out
}

// fenced is a block of code with a fence that the text cannot end.
func fenced(s string) string {
	fence := "```"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	return fence + "text\n" + s + "\n" + fence
}

// Package report writes results for people: tables for a terminal and in Markdown, and HTML
// pages with charts that need no other file.
package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
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
		cells := make([]string, len(r))
		for i, cell := range r {
			cells[i] = strings.Map(printable, cell)
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	return tw.Flush()
}

// printable replaces control characters: names come from files, and a terminal obeys them.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return unicode.ReplacementChar
	}
	return r
}

// Markdown returns the table in Markdown.
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

//go:embed parts.html style.css hover.js page.html
var files embed.FS

// Parts returns the templates that pages are made of: "table" of a Table, "chart" of a Chart,
// "heatmap" of a HeatMap, and "style" and "hover" for the elements style and script of a page. In a
// script, "reload" of a number of milliseconds has the page take over what is new in its element
// main; it says in the element with the ID state when it cannot.
func Parts() *template.Template { return template.Must(parts.Clone()) }

var parts = template.Must(template.New("parts").Funcs(template.FuncMap{
	"css": func() template.CSS { return template.CSS(content("style.css")) },
	"js":  func() template.JS { return template.JS(content("hover.js")) },
	"palette": func() []string {
		return paletteHex
	},
}).ParseFS(files, "parts.html"))

func content(name string) string {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(err) // embedded above
	}
	return string(b)
}

// Section is a table under a title.
type Section struct {
	Title string
	Table Table
}

// Page is a document: a lead, a chart, a table, perhaps more of them, and a sample of text.
type Page struct {
	Title, Lead         string
	Chart               Chart
	Table               Table
	More                []Section
	SampleTitle, Sample string
}

var page = template.Must(Parts().ParseFS(files, "page.html"))

// Write writes the page as HTML that needs no other file.
func (p Page) Write(w io.Writer) error { return page.ExecuteTemplate(w, "page.html", p) }

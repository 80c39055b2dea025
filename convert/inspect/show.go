package inspect

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"trit/internal/report"
)

// WriteText prints the inspection as tables.
func (r *Inspection) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "%s: %s\n\n", r.Path, r.Lead())
	for _, n := range r.Notes {
		fmt.Fprintf(w, "assumed: %s\n", n)
	}
	for _, n := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", n)
	}
	for _, t := range []report.Table{r.metadataTable(), r.tensorTable(), r.scaleTable()} {
		if len(t.Rows) == 0 {
			continue
		}
		fmt.Fprintln(w)
		if err := t.WriteText(w); err != nil {
			return err
		}
	}
	return nil
}

// Lead is a line about the whole model.
func (r *Inspection) Lead() string {
	form := r.Format
	if r.Form != "" {
		form = r.Form
	}
	return fmt.Sprintf("%s, %d tensors, %.1f MB", form, len(r.Tensors), float64(r.Bytes)/1e6)
}

// maxValue is the most characters of a value of the metadata that are shown.
const maxValue = 80

// metadataTable is the metadata in a table.
func (r *Inspection) metadataTable() report.Table {
	t := report.Table{Head: []string{"key", "value"}}
	for _, e := range r.Metadata {
		v := strings.ReplaceAll(fmt.Sprint(e.Value), "\n", " ")
		if runes := []rune(v); len(runes) > maxValue {
			v = string(runes[:maxValue]) + "..."
		}
		t.Rows = append(t.Rows, []string{e.Key, v})
	}
	return t
}

// tensorTable is the tensors in a table.
func (r *Inspection) tensorTable() report.Table {
	t := report.Table{Head: []string{"tensor", "type", "shape", "bytes", "zeros", "scale"}}
	for _, v := range r.Tensors {
		row := []string{v.Name, v.Type, fmt.Sprint(v.Shape), fmt.Sprint(v.Bytes), "", ""}
		if v.Zeros != nil {
			row[4], row[5] = fmt.Sprintf("%.1f %%", 100**v.Zeros), fmt.Sprintf("%.6g", *v.Scale)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// scaleTable is the histogram of scales in a table.
func (r *Inspection) scaleTable() report.Table {
	t := report.Table{Head: []string{"scales from", "to", "weights", ""}}
	most := 0
	for _, b := range r.Scales {
		most = max(most, b.Count)
	}
	for _, b := range r.Scales {
		bar := strings.Repeat("#", (b.Count*32+most-1)/most)
		t.Rows = append(t.Rows, []string{fmt.Sprintf("%.4g", b.Low), fmt.Sprintf("%.4g", b.High), fmt.Sprint(b.Count), bar})
	}
	return t
}

// charts are the shares of zeros and the scales by layer.
func (r *Inspection) charts() []report.Chart {
	if len(r.Layers) < 2 {
		return nil
	}
	zeros := report.Chart{Title: "share of zeros among ternary weights", Axis: "layer"}
	scales := report.Chart{Title: "scale of ternary weights", Axis: "layer", Log: true}
	for color, p := range projections {
		z, s := report.Curve{Name: p, Color: color}, report.Curve{Name: p, Color: color}
		for _, l := range r.Layers {
			z.Points = append(z.Points, report.Point{X: float64(l.Layer), Y: l.Zeros[p]})
			s.Points = append(s.Points, report.Point{X: float64(l.Layer), Y: l.Scale[p]})
		}
		zeros.Curves, scales.Curves = append(zeros.Curves, z), append(scales.Curves, s)
	}
	return []report.Chart{zeros, scales}
}

//go:embed inspect.html
var inspectHTML string

var inspectPage = template.Must(report.Parts().New("inspect").Parse(inspectHTML))

// page is the data of the template.
type page struct {
	*Inspection
	Charts                     []report.Chart
	ScaleText                  string
	MetadataTable, TensorTable report.Table
}

// WriteHTML writes the inspection as a page in one file.
func (r *Inspection) WriteHTML(w io.Writer) error {
	p := page{Inspection: r, Charts: r.charts(), MetadataTable: r.metadataTable(), TensorTable: r.tensorTable()}
	var scales strings.Builder
	if err := r.scaleTable().WriteText(&scales); err != nil {
		return err
	}
	p.ScaleText = scales.String()
	return inspectPage.Execute(w, p)
}

package main

import (
	"fmt"

	"trit/internal/report"
)

// table is the report for the terminal and for the page.
func (r *quickstartReport) table() report.Table {
	f := func(format string, v ...any) string { return fmt.Sprintf(format, v...) }
	return report.Table{
		Head: []string{"", "graph", "packed", "chance"},
		Rows: [][]string{
			{"loss, nats a token", f("%.4f", r.Graph.Loss), f("%.4f", r.Packed.Loss), ""},
			{"bits per byte", f("%.4f", r.Graph.BitsPerByte), f("%.4f (%+.2f %%)", r.Packed.BitsPerByte, 100*(r.Packed.BitsPerByte/r.Graph.BitsPerByte-1)), ""},
			{"yes/no questions", f("%.1f %%", 100*r.Graph.YesNo), f("%.1f %%", 100*r.Packed.YesNo), "50 %"},
			{"four-way questions", f("%.1f %%", 100*r.Graph.FourWay), f("%.1f %%", 100*r.Packed.FourWay), "25 %"},
			{"size", f("%.2f MB", float64(r.CheckpointBytes)/1e6), f("%.2f MB", float64(r.PackedBytes)/1e6), ""},
			{"training", f("%.0f tokens/s", r.TokensPerSecond), "", ""},
			{"prefill", "", f("%.0f tokens/s", r.PrefillPerSecond), ""},
			{"decode", "", f("%.0f tokens/s", r.DecodePerSecond), ""},
		},
	}
}

// page is the report as a document.
func (r *quickstartReport) page() report.Page {
	p := report.Page{
		Title: "Trit quickstart",
		Lead: fmt.Sprintf("A BitNet b1.58 model of %.2fM parameters, trained for %d steps on %d tokens in %.0f s, packed and measured in %.0f s in all.",
			float64(r.Parameters)/1e6, r.Steps, r.Tokens, r.TrainSeconds, r.Seconds),
		Table: r.table(), SampleTitle: "A sample, from the prompt “" + r.Prompt + "”", Sample: r.Sample,
		Chart: report.Chart{Title: "Loss, nats a token", Axis: "step"},
	}
	training, heldOut := report.Curve{Name: "training"}, report.Curve{Name: "held out", Color: 1, Style: report.Dots}
	for _, e := range r.events {
		point := report.Point{X: float64(e.Step), Y: e.Loss}
		if e.Event == "eval" {
			heldOut.Points = append(heldOut.Points, point)
		} else {
			training.Points = append(training.Points, point)
		}
	}
	p.Chart.Curves = []report.Curve{training, heldOut}
	return p
}

package repro

import (
	"encoding/json"
	"fmt"
	"io"

	"trit/internal/report"
	"trit/train"
	"trit/train/runlog"
)

// QuickstartReport is the result of a quickstart.
type QuickstartReport struct {
	Parameters       int                `json:"parameters"`
	Steps            int                `json:"steps"`
	Tokens           int64              `json:"tokens"`
	TrainSeconds     float64            `json:"train_seconds"`
	TokensPerSecond  float64            `json:"train_tokens_per_second"`
	Graph            Scores             `json:"graph"`
	Packed           Scores             `json:"packed"`
	CheckpointBytes  int64              `json:"checkpoint_bytes"`
	PackedBytes      int64              `json:"packed_bytes"`
	PrefillPerSecond float64            `json:"prefill_tokens_per_second"`
	DecodePerSecond  float64            `json:"decode_tokens_per_second"`
	Prompt           string             `json:"prompt"`
	Sample           string             `json:"sample"` // the prompt and its continuation
	Chance           map[string]float64 `json:"chance"` // accuracy of guesses, by kind of question
	Tuned            []*Tuned           `json:"tuned,omitempty"`
	Seconds          float64            `json:"seconds"`
	Page             string             `json:"-"` // the file of the report as HTML

	events []train.Event
}

// Scores are the measurements of one form of the model.
type Scores struct {
	Loss        float64 `json:"loss"` // nats a token
	BitsPerByte float64 `json:"bits_per_byte"`
	YesNo       float64 `json:"yes_no"`   // accuracy
	FourWay     float64 `json:"four_way"` // accuracy
}

// JSON returns the report as indented JSON.
func (r *QuickstartReport) JSON() ([]byte, error) { return indented(r) }

// indented returns v as indented JSON that ends with a line feed.
func indented(v any) ([]byte, error) {
	b, err := json.MarshalIndent(v, "", "  ")
	return append(b, '\n'), err
}

// WriteText writes the tables of the report for a terminal.
func (r *QuickstartReport) WriteText(w io.Writer) error {
	if err := r.table().WriteText(w); err != nil || r.Tuned == nil {
		return err
	}
	fmt.Fprintln(w)
	return r.tuning().WriteText(w)
}

// WriteHTML writes the report as a page that needs no other file.
func (r *QuickstartReport) WriteHTML(w io.Writer) error {
	return report.Page{
		Title: "Trit quickstart",
		Lead: fmt.Sprintf("A BitNet b1.58 model of %.2fM parameters, trained for %d steps on %d tokens in %.0f s, "+
			"packed and measured in %.0f s in all.",
			float64(r.Parameters)/1e6, r.Steps, r.Tokens, r.TrainSeconds, r.Seconds),
		Table: r.table(), More: r.sections(),
		SampleTitle: "A sample, from the prompt “" + r.Prompt + "”", Sample: r.Sample,
		Chart: report.Chart{Title: "Loss, nats a token", Axis: "step", Curves: r.curves()},
	}.Write(w)
}

func (r *QuickstartReport) table() report.Table {
	f := fmt.Sprintf
	change := 100 * (r.Packed.BitsPerByte/r.Graph.BitsPerByte - 1)
	return report.Table{
		Head: []string{"", "graph", "packed", "chance"},
		Rows: [][]string{
			{"loss, nats a token", f("%.4f", r.Graph.Loss), f("%.4f", r.Packed.Loss), ""},
			{"bits per byte", f("%.4f", r.Graph.BitsPerByte), f("%.4f (%+.2f %%)", r.Packed.BitsPerByte, change), ""},
			{"yes/no questions", f("%.1f %%", 100*r.Graph.YesNo), f("%.1f %%", 100*r.Packed.YesNo), "50 %"},
			{"four-way questions", f("%.1f %%", 100*r.Graph.FourWay), f("%.1f %%", 100*r.Packed.FourWay), "25 %"},
			{"size", f("%.2f MB", float64(r.CheckpointBytes)/1e6), f("%.2f MB", float64(r.PackedBytes)/1e6), ""},
			{"training", f("%.0f tokens/s", r.TokensPerSecond), "", ""},
			{"prefill", "", f("%.0f tokens/s", r.PrefillPerSecond), ""},
			{"decode", "", f("%.0f tokens/s", r.DecodePerSecond), ""},
		},
	}
}

// sections are the tables of the page behind the first.
func (r *QuickstartReport) sections() []report.Section {
	if r.Tuned == nil {
		return nil
	}
	return []report.Section{{Title: "Tuning", Table: r.tuning()}}
}

// tuning is the table of the models that were tuned.
func (r *QuickstartReport) tuning() report.Table {
	f := fmt.Sprintf
	t := report.Table{Head: []string{"", "weights trained", "steps", "time", "new facts, asked in other words",
		"held-out pairs, the chosen answer likelier"}}
	for _, m := range r.Tuned {
		row := []string{m.Name, f("%.1f %%", 100*m.Trained), f("%d", m.Steps), f("%.0f s", m.Seconds)}
		if m.Steps == 0 {
			row = []string{m.Name, "", "", ""}
		}
		t.Rows = append(t.Rows, append(row, f("%.1f %%", 100*m.Recall), f("%.1f %%", 100*m.Style)))
	}
	t.Rows = append(t.Rows, []string{"chance", "", "", "", "12.5 %", "50 %"})
	return t
}

// curves are the loss by step, of training and of the held-out data.
func (r *QuickstartReport) curves() []report.Curve {
	training, heldOut := report.Curve{Name: "training"}, report.Curve{Name: "held out", Color: 1, Style: report.Dots}
	for _, e := range r.events {
		point := report.Point{X: float64(e.Step), Y: e.Loss}
		switch e.Event {
		case runlog.EvalEvent:
			heldOut.Points = append(heldOut.Points, point)
		case runlog.StepEvent:
			training.Points = append(training.Points, point)
		}
	}
	return []report.Curve{training, heldOut}
}

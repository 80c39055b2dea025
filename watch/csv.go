package watch

import (
	"encoding/csv"
	"io"
	"strconv"

	"trit/train/runlog"
)

// columns are the figures of a line of the CSV form of runs.
var columns = []struct {
	name  string
	value func(runlog.Event) float64
}{
	{"tokens", func(e runlog.Event) float64 { return float64(e.Tokens) }},
	{"seconds", func(e runlog.Event) float64 { return e.Seconds }},
	{"flops", func(e runlog.Event) float64 { return e.FLOPs }},
	{"loss", func(e runlog.Event) float64 { return e.Loss }},
	{"perplexity", func(e runlog.Event) float64 { return e.Perplexity }},
	{"bits_per_byte", func(e runlog.Event) float64 { return e.BitsPerByte }},
	{"ce", func(e runlog.Event) float64 { return e.CE }},
	{"kl", func(e runlog.Event) float64 { return e.KL }},
	{"relations", func(e runlog.Event) float64 { return e.Relations }},
	{"reward_chosen", preference(func(p *runlog.Preference) float64 { return p.Chosen })},
	{"reward_rejected", preference(func(p *runlog.Preference) float64 { return p.Rejected })},
	{"margin", margin},
	{"accuracy", preference(func(p *runlog.Preference) float64 { return p.Accuracy })},
	{"lr", func(e runlog.Event) float64 { return e.LR }},
	{"weight_decay", func(e runlog.Event) float64 { return e.WeightDecay }},
	{"grad_norm", func(e runlog.Event) float64 { return e.GradNorm }},
	{"tokens_per_second", func(e runlog.Event) float64 { return e.TokensPerSecond }},
	{"mfu", func(e runlog.Event) float64 { return e.MFU }},
	{"memory", func(e runlog.Event) float64 { return float64(e.Memory) }},
	{"zeros", func(e runlog.Event) float64 { return e.Zeros }},
	{"flips", func(e runlog.Event) float64 { return float64(e.Flips) }},
}

// WriteCSV writes the steps and evaluations of runs as CSV, a line each, with the names of the log's
// fields. A figure that is 0 is left empty: the log does not have it.
func WriteCSV(w io.Writer, runs ...*Run) error {
	out := csv.NewWriter(w)
	head := []string{"run", "event", "step"}
	for _, c := range columns {
		head = append(head, c.name)
	}
	if err := out.Write(head); err != nil {
		return err
	}
	names := Names(runs)
	for i, r := range runs {
		for _, e := range r.Events {
			line := []string{names[i], e.Event, strconv.Itoa(e.Step)}
			for _, c := range columns {
				text := ""
				if v := c.value(e); v != 0 {
					text = strconv.FormatFloat(v, 'g', -1, 64)
				}
				line = append(line, text)
			}
			if err := out.Write(line); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}

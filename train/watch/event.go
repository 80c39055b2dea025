// Package watch shows training runs: it reads their logs and makes charts for a browser
// and event files for TensorBoard of them, and it tells when a run goes wrong.
package watch

import (
	"strconv"
	"strings"
)

// LogFile is the name of the log in the folder of a run.
const LogFile = "metrics.jsonl"

// Kinds of events. A reader passes over those that it does not know.
const (
	StepEvent = "step" // the figures of a step
	EvalEvent = "eval" // the figures of the held-out data
)

// Event is a line of metrics.jsonl. What a line does not say is zero: older logs lack
// the newer fields, and layers come with some lines only.
type Event struct {
	Event           string       `json:"event"`
	Time            float64      `json:"time,omitempty"` // when it was written, in seconds since 1970
	Step            int          `json:"step"`
	Tokens          int64        `json:"tokens"`
	Loss            float64      `json:"loss"` // nats a token
	LR              float64      `json:"lr,omitempty"`
	WeightDecay     float64      `json:"weight_decay,omitempty"`
	GradNorm        float64      `json:"grad_norm,omitempty"`
	TokensPerSecond float64      `json:"tokens_per_second,omitempty"`
	MFU             float64      `json:"mfu,omitempty"`   // share of the peak of the machine that the model needs: train/utilisation.go
	Zeros           float64      `json:"zeros,omitempty"` // share of ternary weights that are 0
	Flips           int          `json:"flips,omitempty"` // ternary weights changed since the last line
	Perplexity      float64      `json:"perplexity,omitempty"`
	BitsPerByte     float64      `json:"bits_per_byte,omitempty"`
	Note            string       `json:"note,omitempty"` // for people: what happened, in an event of another kind
	Layers          []LayerStats `json:"layers,omitempty"`
	MaxSteps        int          `json:"-"` // of the run, for who shows progress
}

// LayerStats is the state of one ternary weight.
type LayerStats struct {
	Name  string  `json:"name"`  // Hugging Face's, model.layers.0.self_attn.q_proj.weight
	Minus float64 `json:"minus"` // shares of the weights that are -1, 0 and +1
	Zero  float64 `json:"zero"`
	Plus  float64 `json:"plus"`
	Scale float32 `json:"scale"` // mean of the absolute master weights
	Flips int     `json:"flips"` // weights changed from line to line, summed since the last list
	// AbsMax is the largest absolute value at the input of the layer, nil where it was
	// not measured.
	AbsMax *float32 `json:"absmax,omitempty"`
}

// Place returns the number of the layer and the projection, such as 0 and "q_proj". A
// weight outside of the layers has the number -1.
func (l LayerStats) Place() (layer int, projection string) {
	parts := strings.Split(strings.TrimSuffix(l.Name, ".weight"), ".")
	layer, projection = -1, parts[len(parts)-1]
	for i, p := range parts[1:] {
		if n, err := strconv.Atoi(p); err == nil && parts[i] == "layers" {
			layer = n
		}
	}
	return layer, projection
}

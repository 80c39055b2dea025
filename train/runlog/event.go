// Package runlog is the log of a training run, metrics.jsonl: its lines (Event), the Writer
// that a run has, the reader (Open), also of a log that is being written, and the one judge
// of what goes wrong in a run: Spikes of the loss, and the layers that a Monitor watches.
//
// A field of the log is a field of Event. It is filled where the run records a step
// (train/recording.go) and shown by package watch.
package runlog

import (
	"encoding/json"
	"strconv"
	"strings"
)

// LogFile is the name of the log in the folder of a run.
const LogFile = "metrics.jsonl"

// Kinds of events. A reader treats kinds that it does not know as notes.
const (
	StepEvent      = "step"       // the figures of a step
	EvalEvent      = "eval"       // the figures of the first eval_batches of the held-out data, the same each time
	EvalAllEvent   = "eval_all"   // the figures of all held-out data, measured when a run ends
	SpikeEvent     = "spike"      // the guard of the run found a step bad
	RollbackEvent  = "rollback"   // the run went back to a checkpoint
	WarningEvent   = "warning"    // something to look at, such as a layer whose weights are all zero
	EarlyStopEvent = "early_stop" // the run ended before its last step
	BeginEvent     = "begin"      // the run begins, with its recipe
	ResumeEvent    = "resume"     // the run goes on, with its recipe
	ReferenceEvent = "reference"  // the run computes what the reference of its preferences gives for the pairs
	SampleEvent    = "sample"     // a text that the run wrote behind a prompt, at an evaluation
	ExtendEvent    = "extend"     // the run goes on to another end than it was begun with, with its recipe
)

// Event is a line of metrics.jsonl. A field that a line does not have is zero: older logs
// lack the newer fields, and layers come with some lines only. Fields are only ever added.
type Event struct {
	Event  string  `json:"event"`
	Time   float64 `json:"time,omitempty"` // when it was written, in seconds since 1970
	Step   int     `json:"step"`
	Tokens int64   `json:"tokens"` // number of tokens that the run has seen up to this step
	Loss   float64 `json:"loss"`   // nats a token; with a Preference, nats a pair
	// The parts of the loss of a run with a teacher: cross entropy, distill_temperature^2 times the
	// divergence from the teacher, and the divergence of the attention relations.
	CE              float64      `json:"ce,omitempty"`
	KL              float64      `json:"kl,omitempty"`
	Relations       float64      `json:"relations,omitempty"`
	LR              float64      `json:"lr,omitempty"`
	WeightDecay     float64      `json:"weight_decay,omitempty"`
	GradNorm        float64      `json:"grad_norm,omitempty"`
	TokensPerSecond float64      `json:"tokens_per_second,omitempty"`
	MFU             float64      `json:"mfu,omitempty"`    // share of the machine's peak that the model needs
	Zeros           float64      `json:"zeros,omitempty"`  // share of ternary weights that are 0
	Flips           int          `json:"flips,omitempty"`  // ternary weights changed since the last line
	Judged          bool         `json:"judged,omitempty"` // the run judged all steps up to here, and logged what it found
	Perplexity      float64      `json:"perplexity,omitempty"`
	BitsPerByte     float64      `json:"bits_per_byte,omitempty"`
	Preference      *Preference  `json:"preference,omitempty"` // of a run that learns from pairs
	Note            string       `json:"note,omitempty"`       // for people: what happened, in an event of another kind
	Finding         Kind         `json:"finding,omitempty"`    // of a warning by the Monitor, whose text is the note
	Layer           string       `json:"layer,omitempty"`      // name of the weight that a warning is about
	Layers          []LayerStats `json:"layers,omitempty"`
	// Recipe is all that is needed to repeat the run from this event on, step by step (train.Recipe).
	Recipe json.RawMessage `json:"recipe,omitempty"`
	Prompt string          `json:"prompt,omitempty"` // of a sample
	Text   string          `json:"text,omitempty"`
	// Of a step or an evaluation: what the run has used so far, seconds without pauses between its parts,
	// operations that the model needs, and the largest memory of rank 0 in bytes.
	Seconds float64 `json:"seconds,omitempty"`
	FLOPs   float64 `json:"flops,omitempty"`
	Memory  int64   `json:"memory,omitempty"`
	// Shares are the shares of the time at which a run that fills one took the steps since the last line.
	Shares      []float64 `json:"shares,omitempty"`
	MaxSteps    int       `json:"-"` // of the run, for progress on a terminal; 0: it fills a time
	SecondsLeft float64   `json:"-"` // of that time
}

// Preference are the figures of the pairs that a step or an evaluation saw. A reward is beta times the
// log-probability of a text by the model over that by the reference.
type Preference struct {
	Chosen   float64 `json:"reward_chosen"` // means over the pairs
	Rejected float64 `json:"reward_rejected"`
	Margin   float64 `json:"margin"`   // of the first over the second
	Accuracy float64 `json:"accuracy"` // share of the pairs whose chosen text has the higher reward
}

// LayerStats is the state of one ternary weight.
type LayerStats struct {
	Name  string  `json:"name"`  // Hugging Face's, model.layers.0.self_attn.q_proj.weight
	Minus float64 `json:"minus"` // shares of the weights that are -1, 0 and +1
	Zero  float64 `json:"zero"`
	Plus  float64 `json:"plus"`
	Scale float32 `json:"scale"` // mean of the absolute master weights
	Flips int     `json:"flips"` // weights changed from line to line, summed since the last list
	// AbsMax is the largest absolute value at the input of the layer, nil if it was not
	// measured.
	AbsMax *float32 `json:"absmax,omitempty"`
}

// Position returns the number of the layer and the projection, such as 0 and "q_proj". A
// weight outside of the layers has the number -1.
func (l LayerStats) Position() (layer int, projection string) {
	parts := strings.Split(strings.TrimSuffix(l.Name, ".weight"), ".")
	layer, projection = -1, parts[len(parts)-1]
	for i, p := range parts[1:] {
		if n, err := strconv.Atoi(p); err == nil && parts[i] == "layers" {
			layer = n
		}
	}
	return layer, projection
}

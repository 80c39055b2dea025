package configs

import (
	"fmt"
	"io"
	"time"
)

// Estimate is what a training run will take, computed from its shape alone.
type Estimate struct {
	Parameters    int           `json:"parameters"`
	MemoryBytes   int64         `json:"memory_bytes"`
	FLOPsPerToken int64         `json:"flops_per_token"`
	Tokens        int64         `json:"tokens"`
	Time          time.Duration `json:"time_ns"`
}

// Estimate foretells a run at the given speed, in floating-point operations a second.
func (c Config) Estimate(flops float64) Estimate {
	c.Config.Resolve()
	e := Estimate{Parameters: c.Parameters(), Tokens: int64(c.MaxSteps) * int64(c.TokensPerStep())}
	e.FLOPsPerToken = int64(c.FLOPsPerToken(c.SequenceLength))
	e.Time = time.Duration(float64(e.FLOPsPerToken) * float64(e.Tokens) / max(flops, 1) * float64(time.Second))
	e.MemoryBytes = c.memory()
	return e
}

// memory adds up the buffers of the training and the evaluation graph, which own them
// all: float32 everywhere.
func (c Config) memory() int64 {
	m := int64(c.BatchSize * c.SequenceLength)
	d, f, q, kv := int64(c.HiddenSize), int64(c.IntermediateSize), int64(c.QDim()), int64(c.KVDim())
	weights := int64(c.Parameters())
	squares := int64(c.BatchSize*c.NumAttentionHeads) * int64(c.SequenceLength*c.SequenceLength)
	// Outputs of a block: two norms, qkv, attention, its norm, output and residual; gate
	// and up, unit, its norm, down and residual. The inputs of the products once more.
	outputs := m * (2*d + (q + 2*kv) + 2*q + 2*d + 2*f + 2*f + 2*d)
	inputs := m * (d + q + d + f)
	heads := m * (2*q + 2*kv)
	forward := outputs + inputs + heads + squares
	backward := outputs + m*((q+2*kv)+d+2*f+d) + 3*m*q + squares
	copies := int64(4) // weights, two moments, gradients
	if c.EMADecay > 0 {
		copies++
	}
	if c.GradientAccumulation > 1 {
		copies++
	}
	logits := m * int64(c.VocabSize)
	layers := int64(c.NumHiddenLayers)
	perGraph := int64(c.Parameters()) // ternary values in float32
	total := weights*copies + perGraph*2 + layers*(2*forward+backward) + 2*logits + 8*m*d
	return 4 * total
}

// WriteText prints the estimate.
func (e Estimate) WriteText(w io.Writer) {
	fmt.Fprintf(w, "parameters       %d\nmemory           %.2f GB\nFLOPs per token  %.3g\ntokens           %d\ntime             %s\n",
		e.Parameters, float64(e.MemoryBytes)/1e9, float64(e.FLOPsPerToken), e.Tokens, e.Time.Round(time.Second))
}

package configs

import (
	"errors"
	"fmt"
	"io"
	"math"

	"trit/optim"
	"trit/train"
	"trit/train/ranks"
)

// Teacher is what a teacher costs that works beside a run.
type Teacher struct {
	MemoryBytes   int64 `json:"memory_bytes"` // of a rank
	FLOPsPerToken int64 `json:"flops_per_token"`
}

// Estimate is the memory, traffic and time of a training run, computed from its shape alone.
type Estimate struct {
	Parameters     int     `json:"parameters"`
	Trained        int     `json:"trained"` // of them, or of adapters beside them
	Ranks          int     `json:"ranks"`
	Teacher        Teacher `json:"teacher"`      // its part of what follows
	MemoryBytes    int64   `json:"memory_bytes"` // of a rank
	FLOPsPerToken  int64   `json:"flops_per_token"`
	Tokens         int64   `json:"tokens"`
	ComputeSeconds float64 `json:"compute_seconds"` // of a step
	Exchange       `json:"exchange"`
	Seconds        float64 `json:"seconds"`           // of the run
	Cost           float64 `json:"cost,omitempty"`    // of all ranks for that time; 0: no price is known
	Lacking        int64   `json:"lacking,omitempty"` // bytes that a rank's memory has too few
}

// Exchange is the traffic between the ranks in a step, and its cost.
type Exchange struct {
	Bytes      int64   `json:"bytes"`      // that a rank sends in a step; it receives the same number
	Seconds    float64 `json:"seconds"`    // of the network
	Waiting    float64 `json:"waiting"`    // seconds left over if gradients are sent during the last backward pass
	Efficiency float64 `json:"efficiency"` // share of the time spent computing
	Serial     float64 `json:"serial"`     // Efficiency if nothing overlapped
}

// Estimate estimates a run and its teacher; the zero value is none. It is an error if the batch cannot be
// divided among the ranks.
func (c Config) Estimate(m Machines, t Teacher) (Estimate, error) {
	c.Config.Resolve()
	micro, err := c.MicroBatches(m.Ranks)
	if err = errors.Join(err, c.CheckModel(&c.Config)); err != nil {
		return Estimate{}, err
	}
	e := Estimate{Parameters: c.Parameters(), Ranks: m.Ranks, Teacher: t}
	e.Tokens = int64(c.MaxSteps) * int64(c.TokensPerStep())
	e.Trained = c.Options.Trained(c.Config)
	e.FLOPsPerToken = c.flopsPerToken(t)
	if m.described() {
		c.Options.ResolveGradients(&c.Config, true)
	}
	if c.Precision, err = m.precision(c.Precision); err != nil {
		return Estimate{}, err
	}
	e.MemoryBytes = train.Memory(c.Config, c.Options, m.Ranks, m.Threads) + t.MemoryBytes
	e.ComputeSeconds = c.tokenSeconds(m, t) * float64(c.TokensPerStep()) / float64(m.Ranks)
	e.Exchange = m.exchange(e.Trained, e.ComputeSeconds, e.ComputeSeconds/float64(micro))
	if c.Optimizer == optim.ByMuon {
		e.Exchange = m.withDirections(e.Exchange, e.ComputeSeconds)
	}
	e.Seconds = float64(c.MaxSteps) * (e.ComputeSeconds + e.Waiting)
	e.Cost = m.Price * float64(m.Ranks) * e.Seconds / 3600
	if m.Memory > 0 {
		e.Lacking = max(e.MemoryBytes-m.Memory, 0)
	}
	return e, nil
}

// flopsPerToken are the operations of a token, those of the optimiser in a step divided among its tokens.
func (c Config) flopsPerToken(t Teacher) int64 {
	return int64(c.Options.FLOPsPerToken(c.Config)) + t.FLOPsPerToken +
		int64(c.Options.OptimizerFLOPs(c.Config)/c.TokensPerStep())
}

// exchange estimates the ReduceScatter of a step's gradients and the AllGather of its
// weights. compute and microBatch are in seconds: of a step, and of one micro-batch.
// Gradients can be sent during a backward pass, two thirds of a micro-batch. Every bucket is a message to
// each other rank, of gradients and of weights.
func (m Machines) exchange(parameters int, compute, microBatch float64) Exchange {
	n := float64(m.Ranks)
	bytes := 8 * float64(parameters) * (n - 1) / n
	messages := 2 * (n - 1) * math.Ceil(4*float64(parameters)/ranks.BucketBytes)
	x := Exchange{Bytes: int64(bytes), Seconds: 8*bytes/max(m.Network, 1) + messages*m.Latency}
	x.Waiting = max(x.Seconds/2-microBatch*2/3, 0) + x.Seconds/2
	x.Efficiency, x.Serial = compute/(compute+x.Waiting), compute/(compute+x.Seconds)
	return x
}

// withDirections adds what Muon sends: once more as much as the weights, after the backward pass.
func (m Machines) withDirections(x Exchange, compute float64) Exchange {
	x.Bytes, x.Seconds, x.Waiting = x.Bytes*3/2, x.Seconds*3/2, x.Waiting+x.Seconds/2
	x.Efficiency, x.Serial = compute/(compute+x.Waiting), compute/(compute+x.Seconds)
	return x
}

// WriteText writes the estimate in lines of a name and a value.
func (e Estimate) WriteText(w io.Writer) {
	fmt.Fprintf(w, "parameters       %d\n", e.Parameters)
	if e.Trained != e.Parameters {
		fmt.Fprintf(w, "trained          %d, %.2g %% of that\n", e.Trained, 100*float64(e.Trained)/float64(e.Parameters))
	}
	if e.Ranks > 1 {
		fmt.Fprintf(w, "ranks            %d\nmemory a rank    %.2f GB\n", e.Ranks, float64(e.MemoryBytes)/1e9)
	} else {
		fmt.Fprintf(w, "memory           %.2f GB\n", float64(e.MemoryBytes)/1e9)
	}
	if e.Teacher != (Teacher{}) {
		fmt.Fprintf(w, "the teacher's    %.2f GB of that, %.2g %% of the operations\n", float64(e.Teacher.MemoryBytes)/1e9,
			100*float64(e.Teacher.FLOPsPerToken)/float64(e.FLOPsPerToken))
	}
	fmt.Fprintf(w, "FLOPs per token  %.3g\ntokens           %d\ncomputing a step %s\n",
		float64(e.FLOPsPerToken), e.Tokens, Duration(e.ComputeSeconds))
	if e.Ranks > 1 {
		fmt.Fprintf(w, "sent a step      %.2f GB by each rank, which receives as much\n", float64(e.Bytes)/1e9)
		fmt.Fprintf(w, "exchange a step  %s, of which %s remain if gradients go out during the last backward pass\n",
			Duration(e.Exchange.Seconds), Duration(e.Waiting))
		fmt.Fprintf(w, "efficiency       %.1f %%, or %.1f %% if nothing overlapped\n", 100*e.Efficiency, 100*e.Serial)
	}
	fmt.Fprintf(w, "time             %s\n", Duration(e.Seconds))
	if e.Cost > 0 {
		fmt.Fprintf(w, "cost             %.0f, for %.4g hours of each of %d machines\n", e.Cost, e.Seconds/3600, e.Ranks)
	}
	if e.Lacking > 0 {
		fmt.Fprintf(w, "does not fit     a rank needs %.2f GB more than the machine has: more ranks, "+
			"checkpoint_activations=true, moments=bf16 or a smaller batch_size help\n", float64(e.Lacking)/1e9)
	}
}

// Duration writes a time in the largest unit that leaves at least 1 of it.
func Duration(seconds float64) string {
	const day = 24 * 3600
	for _, u := range []struct {
		size float64
		name string
	}{{365.25 * day, "years"}, {2 * day, "days"}, {3600, "hours"}, {60, "minutes"}, {1, "s"}} {
		if seconds >= u.size {
			unit := u.size
			if u.name == "days" {
				unit = day
			}
			return fmt.Sprintf("%.3g %s", seconds/unit, u.name)
		}
	}
	return fmt.Sprintf("%.3g ms", 1000*seconds)
}
